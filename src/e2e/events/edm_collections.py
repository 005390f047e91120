"""Which branch of an EDM file holds which table, and which member of a row means what; `edm_tables` makes the tables.

Sources: DataFormats and RecoXxx/Configuration (event content) of cms-sw/cmssw; the streamers of a real MiniAOD file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Layout(NamedTuple):
    """Where a table is found. labels: branches without their process, in order of preference. members: our name ->
    possible paths inside a row, in order of preference; the first `num_needed` must be there.
    """

    labels: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]
    num_needed: int


_HIT = {"detid": ("id_.id_",), "energy": ("energy_",), "time": ("time_",)}
_VERTEX = {
    f"{axis.lower()}_cm": (f"vertex_.fCoordinates.f{axis}", f"m_state.vertex_.fCoordinates.f{axis}") for axis in "XYZ"
}
# Up to 2014 a candidate (`reco::LeafCandidate` up to version 11) holds its numbers itself, from 2014 on in `m_state`.
_CANDIDATE = {
    "pt": ("pt_", "m_state.p4Polar_.fCoordinates.fPt"),
    "eta": ("eta_", "m_state.p4Polar_.fCoordinates.fEta"),
    "phi": ("phi_", "m_state.p4Polar_.fCoordinates.fPhi"),
    "mass": ("mass_", "m_state.p4Polar_.fCoordinates.fM"),
    "three_charge": ("qx3_", "m_state.qx3_"),
    **_VERTEX,
}
# All hits of the window, as `.ig` has it, is what `full5x5_` says; before 2014 the other block did, too.
_SHOWER = {
    column: (f"full5x5_showerShapeBlock_.{member}", f"showerShapeBlock_.{member}")
    for column, member in {
        "max_energy_crystal": "maxEnergyXtal",
        "e3x3": "e3x3",
        "e5x5": "e5x5",
        "sigma_ieta_ieta": "sigmaIetaIeta",
    }.items()
}

# The reduced hits come first: AOD and RECO of one event then give the same answer.
HIT_LAYOUTS: dict[str, Layout] = {
    name: Layout(labels, _HIT, 2)
    for name, labels in {
        "EB": (
            "EcalRecHitsSorted_reducedEcalRecHitsEB_",
            "EcalRecHitsSorted_ecalRecHit_EcalRecHitsEB",
            "EcalRecHitsSorted_reducedEgamma_reducedEBRecHits",
            "EcalRecHitsSorted_hltEcalRecHit_EcalRecHitsEB",
        ),
        "EE": (
            "EcalRecHitsSorted_reducedEcalRecHitsEE_",
            "EcalRecHitsSorted_ecalRecHit_EcalRecHitsEE",
            "EcalRecHitsSorted_reducedEgamma_reducedEERecHits",
            "EcalRecHitsSorted_hltEcalRecHit_EcalRecHitsEE",
        ),
        "ES": (
            "EcalRecHitsSorted_reducedEcalRecHitsES_",
            "EcalRecHitsSorted_ecalPreshowerRecHit_EcalRecHitsES",
            "EcalRecHitsSorted_reducedEgamma_reducedESRecHits",
        ),
        "HBHE": (
            "HBHERecHitsSorted_reducedHcalRecHits_hbhereco",
            "HBHERecHitsSorted_hbhereco_",
            "HBHERecHitsSorted_hbheprereco_",
            "HBHERecHitsSorted_reducedEgamma_reducedHBHEHits",
            "HBHERecHitsSorted_hltHbhereco_",
        ),
        "HO": ("HORecHitsSorted_reducedHcalRecHits_horeco", "HORecHitsSorted_horeco_"),
        "HF": ("HFRecHitsSorted_reducedHcalRecHits_hfreco", "HFRecHitsSorted_hfreco_"),
    }.items()
}

OBJECT_LAYOUTS: dict[str, Layout] = {
    "tracks": Layout(
        ("recoTracks_generalTracks_",),
        {
            **{f"p{axis.lower()}": (f"momentum_.fCoordinates.f{axis}",) for axis in "XYZ"},
            **{"charge": ("charge_",), "covariance": ("covariance_",), "quality": ("quality_",)},
            **_VERTEX,
        },
        3,
    ),
    "photons": Layout(
        ("recoPhotons_gedPhotons_", "recoPhotons_photons_", "patPhotons_slimmedPhotons_"), _CANDIDATE | _SHOWER, 3
    ),
    "electrons": Layout(
        ("recoGsfElectrons_gedGsfElectrons_", "recoGsfElectrons_gsfElectrons_", "patElectrons_slimmedElectrons_"),
        _CANDIDATE,
        3,
    ),
    "jets": Layout(
        (
            "recoPFJets_ak4PFJetsCHS_",
            "recoPFJets_ak4PFJets_",
            "recoPFJets_ak5PFJets_",
            "recoPFJets_ak4PFJetsPuppi_",
            "patJets_slimmedJets_",
            "patJets_slimmedJetsPuppi_",
        ),
        _CANDIDATE,
        3,
    ),
    "taus": Layout(("recoPFTaus_hpsPFTauProducer_", "patTaus_slimmedTaus_"), _CANDIDATE, 3),
    "vertices": Layout(
        ("recoVertexs_offlinePrimaryVertices_", "recoVertexs_offlineSlimmedPrimaryVertices_"),
        {f"{axis.lower()}_cm": (f"position_.fCoordinates.f{axis}",) for axis in "XYZ"}
        | {"chi2": ("chi2_",), "ndof": ("ndof_",), "validity": ("validity_",)},
        3,
    ),
    "truth": Layout(
        ("recoGenParticles_genParticles_", "recoGenParticles_prunedGenParticles_"),
        {"pdg_id": ("pdgId_", "m_state.pdgId_"), "status": ("status_", "m_state.status_")}
        | _CANDIDATE
        | {"is_hard_process": ("statusFlags_.flags_",)},
        5,
    ),
}

# Of a product made several times the newest is taken. A process of another name is somebody's own and so came last.
PROCESSES = ("LHE", "GEN", "SIM", "DIGI", "HLT", "RECO", "reRECO", "PAT")


def find_branches(names: Iterable[str], labels: Sequence[str]) -> list[str]:
    """Those of the branches `names` that have one of the labels: in the order of the labels, the newest process first,
    and of processes as new as each other the one that the file names last."""
    found: dict[str, list[str]] = {}
    for name in names:
        label, _, process = name.removesuffix(".").rpartition("_")
        if label in labels and process:
            found.setdefault(label, []).insert(0, name)
    return [name for label in labels for name in sorted(found.get(label, ()), key=_age)]


def _age(name: str) -> int:
    process = name.removesuffix(".").rpartition("_")[2]
    return PROCESSES[::-1].index(process) if process in PROCESSES else -1
