"""Write `tests/golden/edm_aod_*.root`: small EDM files with the class names and members of CMSSW, made by ROOT itself.

Needs ROOT, and a compiler for the dictionaries, so it runs in an environment of its own; the project does not use it:

    python3.11 -m venv /tmp/rootvenv && /tmp/rootvenv/bin/pip install root==0.1a12 numpy
    /tmp/rootvenv/bin/python tools/write_edm_sample.py tests/golden

Beside the files it writes `edm_samples.json`, what went into them: flavour -> events -> branch -> rows, or null where
the product is not present in the event. Only the time stamps and the file's id differ from one run to the next.

Sources: DataFormats of cms-sw/cmssw (class layout only): EcalRecHit, CaloRecHit, HcalRecHit, TrackReco, VertexReco,
Candidate (`LeafCandidate` version 11 until 2014, `m_state` from 12 on), JetReco, EgammaCandidates, HepMCCandidate,
Provenance (`EventID` with a 32-bit event until 2014), and the streamers of a real MiniAOD file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FLAVOURS = ("run2", "2012")
NUM_EVENTS, FLUSH_EVENTS = 5, 3  # so that every branch has two baskets
COMPRESSION = {"run2": 204, "2012": 107}  # LZMA and zlib, each used by CMS in its time

CLASSES = r"""
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>
#include "Math/Vector3D.h"
#include "Math/Point3D.h"
#include "Math/Vector4D.h"

struct DetId { uint32_t id_ = 0; };
struct CaloRecHit { virtual ~CaloRecHit() {} DetId id_; float energy_ = 0, time_ = 0; uint32_t flags_ = 0, aux_ = 0; };
#ifdef LAYOUT_RUN2
struct EcalRecHit { DetId id_; float energy_ = 0, time_ = 0; uint32_t flagBits_ = 0, extra_ = 0; };
struct HBHERecHit : CaloRecHit { float timeFalling_ = 0, rawEnergy_ = 0; };
#else
struct EcalRecHit : CaloRecHit { uint32_t flagBits_ = 0; };
struct HBHERecHit : CaloRecHit { float timeFalling_ = 0; };
#endif

namespace edm {
  struct EDProduct { virtual ~EDProduct() {} };
  template <typename T> struct StrictWeakOrdering {};
  template <typename T, typename S = StrictWeakOrdering<T> > struct SortedCollection { std::vector<T> obj; };
  template <typename T> struct Wrapper : EDProduct { bool present = true; T obj; };
  template <int I> struct Hash { std::string hash_; };
#ifdef LAYOUT_RUN2
  struct EventID { unsigned int run_ = 0, luminosityBlock_ = 0; unsigned long long event_ = 0; };
#else
  struct EventID { unsigned int run_ = 0, luminosityBlock_ = 0, event_ = 0; };
#endif
  struct Timestamp { unsigned int timeLow_ = 0, timeHigh_ = 0; };
  struct EventAuxiliary {
    enum ExperimentType { Undefined = 0, Any = 0, Align = 1 };
    Hash<2> processHistoryID_; EventID id_; std::string processGUID_; Timestamp time_;
    unsigned int luminosityBlock_ = 0; bool isRealData_ = false; ExperimentType experimentType_ = Any;
    int bunchCrossing_ = 0, orbitNumber_ = 0, storeNumber_ = 0;
  };
}

typedef ROOT::Math::PositionVector3D<ROOT::Math::Cartesian3D<Double32_t>, ROOT::Math::DefaultCoordinateSystemTag> Point;
typedef ROOT::Math::DisplacementVector3D<ROOT::Math::Cartesian3D<Double32_t>, ROOT::Math::DefaultCoordinateSystemTag>
  Vector;
typedef ROOT::Math::LorentzVector<ROOT::Math::PtEtaPhiM4D<Double32_t> > PolarLorentzVector;

namespace reco {
  struct HitPattern { uint8_t hitCount = 0; };
  struct TrackBase {
    HitPattern hitPattern_; float covariance_[15] = {0}; float chi2_ = 0; Point vertex_; Vector momentum_;
#ifdef LAYOUT_RUN2
    std::bitset<46> algoMask_;
#endif
    float ndof_ = 0; char charge_ = 0; unsigned char algorithm_ = 0, quality_ = 0;
  };
  struct Track : TrackBase { Track() {} std::vector<unsigned int> extra_; };
  struct Vertex {
    float chi2_ = 0, ndof_ = 0;
    ROOT::Math::PositionVector3D<ROOT::Math::Cartesian3D<double>, ROOT::Math::DefaultCoordinateSystemTag> position_;
    std::vector<Track> refittedTracks_; std::vector<unsigned char> weights_; bool validity_ = false;
  };
  struct Candidate { virtual ~Candidate() {} };
#ifdef LAYOUT_RUN2
  struct ParticleState {
    Point vertex_; PolarLorentzVector p4Polar_; int qx3_ = 0, pdgId_ = 0, status_ = 0;
  };
  struct LeafCandidate : Candidate { ParticleState m_state; };
#else
  struct LeafCandidate : Candidate {
    int qx3_ = 0; float pt_ = 0, eta_ = 0, phi_ = 0, mass_ = 0; Point vertex_; int pdgId_ = 0, status_ = 0;
  };
#endif
  struct Jet : LeafCandidate { float mJetArea = 0; };
  struct PFJet : Jet {
    struct Specific { float mChargedHadronEnergy = 0; };
    Specific m_specific;
  };
  struct RecoCandidate : LeafCandidate {};
  struct Photon : RecoCandidate {
    struct ShowerShape { float sigmaIetaIeta = 0, e3x3 = 0, e5x5 = 0, maxEnergyXtal = 0; };
    ShowerShape showerShapeBlock_;
#ifdef LAYOUT_RUN2
    ShowerShape full5x5_showerShapeBlock_;
#endif
  };
  struct GsfElectron : RecoCandidate {};
#ifdef LAYOUT_RUN2
  struct GenStatusFlags { std::bitset<15> flags_; };
#endif
  struct GenParticle : LeafCandidate {
    std::vector<unsigned int> mom;
#ifdef LAYOUT_RUN2
    GenStatusFlags statusFlags_;
#endif
  };
}
"""

ECAL_HITS, HCAL_HITS, TRACKS, VERTICES = "EcalRecHit", "HBHERecHit", "reco::Track", "reco::Vertex"
JETS, PHOTONS, ELECTRONS, PARTICLES = "reco::PFJet", "reco::Photon", "reco::GsfElectron", "reco::GenParticle"
# branch -> class of its rows
BRANCHES = {
    "run2": {
        "EcalRecHitsSorted_reducedEcalRecHitsEB__RECO.": ECAL_HITS,
        "EcalRecHitsSorted_reducedEcalRecHitsEE__RECO.": ECAL_HITS,
        "EcalRecHitsSorted_reducedEcalRecHitsES__RECO.": ECAL_HITS,
        "EcalRecHitsSorted_reducedEcalRecHitsES__reRECO.": ECAL_HITS,
        "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO.": HCAL_HITS,
        "recoTracks_generalTracks__RECO.": TRACKS,
        "recoVertexs_offlinePrimaryVertices__RECO.": VERTICES,
        "recoPFJets_ak4PFJetsCHS__RECO.": JETS,
        "recoPhotons_gedPhotons__RECO.": PHOTONS,
        "recoGsfElectrons_gedGsfElectrons__RECO.": ELECTRONS,
        "recoGenParticles_genParticles__HLT.": PARTICLES,
    },
    "2012": {
        "EcalRecHitsSorted_reducedEcalRecHitsEB__RECO.": ECAL_HITS,
        "EcalRecHitsSorted_reducedEcalRecHitsEE__RECO.": ECAL_HITS,
        "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO.": HCAL_HITS,
        "recoTracks_generalTracks__RECO.": TRACKS,
        "recoVertexs_offlinePrimaryVertices__RECO.": VERTICES,
        "recoPFJets_ak5PFJets__RECO.": JETS,
        "recoPhotons_photons__RECO.": PHOTONS,
        "recoGsfElectrons_gsfElectrons__RECO.": ELECTRONS,
        "recoGenParticles_genParticles__SIM.": PARTICLES,
    },
}
# Class versions where a real file tells them; without one ROOT writes a checksum in its place.
VERSIONS = {
    "run2": {
        "EcalRecHit": 12,
        "edm::EventAuxiliary": 11,
        "edm::EventID": 12,
        "edm::Hash<2>": 11,
        "edm::Timestamp": 10,
        "reco::LeafCandidate": 13,
        "reco::ParticleState": 10,
        "reco::TrackBase": 19,
        "reco::Vertex": 10,
        "reco::Photon": 16,
    },
    "2012": {"reco::LeafCandidate": 11},
}
SORTED = (ECAL_HITS, HCAL_HITS)  # collections of the class edm::SortedCollection; the others are vectors

Row = dict[str, Any]


def product_class(rows_of: str) -> str:
    inner = f"edm::SortedCollection<{rows_of},edm::StrictWeakOrdering<{rows_of}> >"
    return f"edm::Wrapper<{inner if rows_of in SORTED else f'vector<{rows_of}>'} >".replace("> >", ">>")


# ---- what goes into the files


def sample(flavour: str) -> list[dict[str, Any]]:
    """The events: number -> three integers, products -> branch -> rows, None where the product is not present."""
    rng = np.random.default_rng(20120707)
    events = [_event(flavour, number, rng) for number in range(NUM_EVENTS)]
    products = [event["products"] for event in events]
    eb, ee, hbhe, jets, photons = (
        next(name for name in BRANCHES[flavour] if part in name)
        for part in ("HitsEB", "HitsEE", "HBHE", "PFJets", "Photons_")
    )
    products[1][eb][0]["energy"] = float("nan")
    products[1][eb][1]["detid"] = 0
    products[1][hbhe][0]["detid"] = 12345
    products[2][ee] = []
    products[3][photons] = None
    products[4][jets] = []
    return events


def _event(flavour: str, number: int, rng: np.random.Generator) -> dict[str, Any]:
    make = {
        ECAL_HITS: lambda branch: [_ecal_hit(branch, i, rng) for i in range(rng.integers(3, 9))],
        HCAL_HITS: lambda branch: [_hcal_hit(flavour, i, rng) for i in range(rng.integers(3, 9))],
        TRACKS: lambda branch: [_track(rng) for _ in range(rng.integers(1, 6))],
        VERTICES: lambda branch: _vertices(rng),
        JETS: lambda branch: [_candidate(rng) for _ in range(rng.integers(1, 4))],
        PHOTONS: lambda branch: [_photon(rng) for _ in range(rng.integers(1, 3))],
        ELECTRONS: lambda branch: [_candidate(rng, q3=int(rng.choice((-3, 3)))) for _ in range(rng.integers(1, 3))],
        PARTICLES: lambda branch: _particles(flavour, rng),
    }
    event = (1 << 33 if flavour == "run2" else 4_000_000_000) + number  # beyond 32 bits, and beyond 31
    products = {branch: make[rows_of](branch) for branch, rows_of in BRANCHES[flavour].items()}
    return {"number": [273158, 40 + number // 2, event], "products": products}


def _float(rng: np.random.Generator, low: float, high: float) -> float:
    """A multiple of 1/1024: exact in float32, and short in JSON."""
    return float(np.round(rng.uniform(low, high) * 1024) / 1024)


def _ecal_hit(branch: str, i: int, rng: np.random.Generator) -> Row:
    subdetector = ("EB", "EE", "ES").index(branch.split("__")[0][-2:]) + 1
    word = {
        1: 1 << 16 | int(rng.integers(1, 86)) << 9 | 40 + i,
        2: (i & 1) << 14 | 60 + i << 7 | int(rng.integers(20, 40)),
        3: 1 << 19 | 20 << 12 | 8 << 6 | 1 + i,
    }[subdetector]
    return {"detid": 3 << 28 | subdetector << 25 | word, "energy": _float(rng, -0.1, 40), "time": _float(rng, -5, 5)}


def _hcal_hit(flavour: str, i: int, rng: np.random.Generator) -> Row:
    """Barrel and endcap in turn; the layout of the ids changed in 2017."""
    ieta, iphi = int(rng.integers(1, 16)) + (i & 1) * 3, 11 + i
    ieta = max(ieta, 17) if i & 1 else ieta
    old, new = 1 << 14 | 1 << 13 | ieta << 7 | iphi, 1 << 24 | 1 << 20 | 1 << 19 | ieta << 10 | iphi
    word = new if flavour == "run2" else old
    return {"detid": 4 << 28 | 1 + (i & 1) << 25 | word, "energy": _float(rng, -1, 60), "time": _float(rng, -9, 9)}


def _point(rng: np.random.Generator) -> Row:
    return {"x": _float(rng, -0.2, 0.2), "y": _float(rng, -0.2, 0.2), "z": _float(rng, -12, 12)}


def _track(rng: np.random.Generator) -> Row:
    momentum = {axis: _float(rng, -9, 9) for axis in ("px", "py", "pz")}
    covariance = [_float(rng, 0.001, 0.1) for _ in range(15)]
    quality = int(rng.choice((0b00011, 0b00111, 0b10111)))
    return {**momentum, **_point(rng), "charge": int(rng.choice((-1, 1))), "quality": quality, "covariance": covariance}


def _vertices(rng: np.random.Generator) -> list[Row]:
    """Two good ones, then the beam spot that stands for none (fake), then an invalid one."""
    good = [{**_point(rng), "chi2": _float(rng, 5, 90), "ndof": _float(rng, 4, 90), "valid": True} for _ in range(2)]
    return [*good, {**_point(rng), "chi2": 0.0, "ndof": 0.0, "valid": True}, {**good[0], "valid": False}]


def _candidate(rng: np.random.Generator, q3: int = 0, pdg_id: int = 0, status: int = 0) -> Row:
    momentum = {"pt": _float(rng, 5, 90), "eta": _float(rng, -2.5, 2.5), "phi": _float(rng, -3.1, 3.1)}
    mass = _float(rng, 0, 9)
    return {**momentum, "mass": mass, **_point(rng), "q3": q3, "pdg_id": pdg_id, "status": status}


def _photon(rng: np.random.Generator) -> Row:
    names = ("sigmaIetaIeta", "e3x3", "e5x5", "maxEnergyXtal")
    blocks = ("showerShapeBlock_", "full5x5_showerShapeBlock_")
    return {**_candidate(rng, pdg_id=22), **{block: {name: _float(rng, 0, 50) for name in names} for block in blocks}}


def _particles(flavour: str, rng: np.random.Generator) -> list[Row]:
    """pp -> Z -> e+ e-, then what the generator made of it: Pythia 8's status and flags, or Pythia 6's status."""
    hard = [(1, 21), (-1, 21), (23, 22), (11, 23), (-11, 23)]
    if flavour == "2012":
        hard = [(2212, 3), (2212, 3), (2, 3), (-2, 3), (1, 3), (-1, 3), (23, 3), (11, 3), (-11, 3)]
    made = [(pdg_id, status, 0b0000_0001_1000_0000) for pdg_id, status in hard]
    made += [(11, 1, 0b0010_0001_0000_0001), (-11, 1, 0b0010_0001_0000_0001), (211, 1, 0)]
    return [{**_candidate(rng, pdg_id=pdg_id, status=status), "flags": flags} for pdg_id, status, flags in made]


# ---- writing them


def fill_row(target: Any, row: Row, rows_of: str, flavour: str) -> None:
    if rows_of in SORTED:
        target.id_.id_, target.energy_, target.time_ = row["detid"], row["energy"], row["time"]
    elif rows_of == TRACKS:
        target.vertex_.SetXYZ(row["x"], row["y"], row["z"])
        target.momentum_.SetXYZ(row["px"], row["py"], row["pz"])
        target.charge_, target.quality_ = row["charge"], row["quality"]
        for i, value in enumerate(row["covariance"]):
            target.covariance_[i] = value
    elif rows_of == VERTICES:
        target.position_.SetXYZ(row["x"], row["y"], row["z"])
        target.chi2_, target.ndof_, target.validity_ = row["chi2"], row["ndof"], row["valid"]
        target.weights_.push_back(200)
    else:
        fill_candidate(target, row, flavour)
    for block in ("showerShapeBlock_", "full5x5_showerShapeBlock_"):
        for name, value in row.get(block, {}).items():
            if hasattr(target, block):
                setattr(getattr(target, block), name, value)
    if rows_of == PARTICLES and flavour == "run2":
        for bit in range(15):
            target.statusFlags_.flags_.set(bit, bool(row["flags"] >> bit & 1))


def fill_candidate(target: Any, row: Row, flavour: str) -> None:
    state = target.m_state if flavour == "run2" else target
    state.vertex_.SetXYZ(row["x"], row["y"], row["z"])
    state.qx3_, state.pdgId_, state.status_ = row["q3"], row["pdg_id"], row["status"]
    if flavour == "run2":
        state.p4Polar_.SetCoordinates(row["pt"], row["eta"], row["phi"], row["mass"])
    else:
        state.pt_, state.eta_, state.phi_, state.mass_ = row["pt"], row["eta"], row["phi"], row["mass"]


def write(flavour: str, path: Path) -> None:
    """In a process of its own for each flavour: the classes of both have the same names."""
    import ROOT

    ROOT.gROOT.SetBatch(True)
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / "edm_classes.h"
        links = [f"#pragma link C++ class {product_class(rows_of)}+;" for rows_of in set(BRANCHES[flavour].values())]
        links.append("#pragma link C++ class edm::EventAuxiliary+;")
        links += [f"#pragma link C++ options=version({v}) class {name}+;" for name, v in VERSIONS[flavour].items()]
        dictionary = "\n".join(["#ifdef __ROOTCLING__", *links, "#endif", ""])
        header.write_text(f"#define LAYOUT_{flavour.upper()}\n" + CLASSES + dictionary)
        if ROOT.gROOT.ProcessLine(f".L {header}+") != 0:
            raise RuntimeError("the dictionaries do not compile")
        file = ROOT.TFile(str(path), "RECREATE", "", COMPRESSION[flavour])
        _fill_tree(ROOT, flavour)
        file.Write()
        file.Close()


def _fill_tree(ROOT: Any, flavour: str) -> None:
    tree = ROOT.TTree("Events", "Events")
    tree.SetAutoFlush(FLUSH_EVENTS)
    auxiliary = ROOT.edm.EventAuxiliary()
    tree.Branch("EventAuxiliary", "edm::EventAuxiliary", auxiliary, 16384, 0)
    wrappers = {}
    for branch, rows_of in BRANCHES[flavour].items():
        wrappers[branch] = getattr(ROOT, product_class(rows_of))()
        tree.Branch(branch, product_class(rows_of), wrappers[branch], 16384, 99)
    for event in sample(flavour):
        run, block, number = event["number"]
        auxiliary.id_.run_, auxiliary.id_.luminosityBlock_, auxiliary.id_.event_ = run, block, number
        auxiliary.luminosityBlock_ = block
        auxiliary.processHistoryID_.hash_ = "0123456789abcdef"
        auxiliary.processGUID_ = "ACCA86E0-B817-E611-9FBB-001E67CBDF4B"
        for branch, rows_of in BRANCHES[flavour].items():
            _fill_product(ROOT, wrappers[branch], event["products"][branch], rows_of, flavour)
        tree.Fill()


def _fill_product(ROOT: Any, wrapper: Any, rows: list[Row] | None, rows_of: str, flavour: str) -> None:
    collection = wrapper.obj.obj if rows_of in SORTED else wrapper.obj
    collection.clear()
    wrapper.present = rows is not None
    make = getattr(ROOT, rows_of)
    for row in rows or []:
        filled = make()
        fill_row(filled, row, rows_of, flavour)
        collection.push_back(filled)


def main(arguments: list[str]) -> None:
    if arguments[0] == "--write":
        write(arguments[1], Path(arguments[2]))
        return
    folder = Path(arguments[0])
    for flavour in FLAVOURS:
        path = folder / f"edm_aod_{flavour}.root"
        subprocess.run([sys.executable, __file__, "--write", flavour, str(path)], check=True)
        print(f"{path}: {path.stat().st_size} bytes")
    with (folder / "edm_samples.json").open("w") as file:
        json.dump({flavour: sample(flavour) for flavour in FLAVOURS}, file, indent=None, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
