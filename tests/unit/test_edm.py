"""The EDM reader on files ROOT wrote with the classes of CMSSW (`tools/write_edm_sample.py`), whole and damaged."""

from __future__ import annotations

import json
import math
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from e2e.events import edm
from e2e.events.edm import EdmReader
from e2e.events.edm_collections import HIT_LAYOUTS, OBJECT_LAYOUTS, find_branches
from e2e.events.edm_tables import object_table
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, Events
from e2e.events.screen import screen_events
from e2e.problems import InputError, Problems

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = json.loads((GOLDEN / "edm_samples.json").read_text())
FLAVOURS = ("run2", "2012")
# table -> branch of the sample
BRANCHES = {
    "run2": {
        "EB": "EcalRecHitsSorted_reducedEcalRecHitsEB__RECO",
        "EE": "EcalRecHitsSorted_reducedEcalRecHitsEE__RECO",
        "ES": "EcalRecHitsSorted_reducedEcalRecHitsES__reRECO",
        "HB": "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO",
        "HE": "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO",
        "tracks": "recoTracks_generalTracks__RECO",
        "vertices": "recoVertexs_offlinePrimaryVertices__RECO",
        "jets": "recoPFJets_ak4PFJetsCHS__RECO",
        "photons": "recoPhotons_gedPhotons__RECO",
        "electrons": "recoGsfElectrons_gedGsfElectrons__RECO",
        "truth": "recoGenParticles_genParticles__HLT",
    },
    "2012": {
        "EB": "EcalRecHitsSorted_reducedEcalRecHitsEB__RECO",
        "EE": "EcalRecHitsSorted_reducedEcalRecHitsEE__RECO",
        "HB": "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO",
        "HE": "HBHERecHitsSorted_reducedHcalRecHits_hbhereco_RECO",
        "tracks": "recoTracks_generalTracks__RECO",
        "vertices": "recoVertexs_offlinePrimaryVertices__RECO",
        "jets": "recoPFJets_ak5PFJets__RECO",
        "photons": "recoPhotons_photons__RECO",
        "electrons": "recoGsfElectrons_gsfElectrons__RECO",
        "truth": "recoGenParticles_genParticles__SIM",
    },
}
NUM_FLIPS = (30, pytest.param(300, marks=pytest.mark.slow))


def golden(flavour: str) -> Path:
    return GOLDEN / f"edm_aod_{flavour}.root"


def read(path: Path, start: int = 0, stop: int | None = None) -> Events:
    """Of a file in which nothing is wrong."""
    problems = Problems()
    events = Events.concatenate(EdmReader().read(path, problems, start, stop))
    assert problems == []
    return events


@pytest.fixture(scope="module", params=FLAVOURS)
def flavour(request):
    return request.param


@pytest.fixture(scope="module")
def events(flavour):
    return read(golden(flavour))


def stored(flavour, table):
    """Rows of the sample, event by event; None where the event has no such product."""
    branch = BRANCHES[flavour][table] + "."
    return [event["products"][branch] for event in SAMPLES[flavour]]


def same(column, expected):
    return np.testing.assert_allclose(column, np.array(expected, dtype=np.float32), rtol=1e-6)


def test_events_are_counted_and_named(flavour, events):
    reader = EdmReader()
    assert reader.recognises(golden(flavour)) and reader.count(golden(flavour)) == 5
    numbers = np.stack([events.run, events.luminosity_block, events.event], axis=1).tolist()
    assert numbers == [event["number"] for event in SAMPLES[flavour]]
    assert max(numbers)[2] >= 2**31, "a number that a signed int cannot hold"
    assert events.provenance == {
        "reader": "edm", "input": golden(flavour).name, "collections": BRANCHES[flavour],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["EB", "EE", "ES"])
def test_ecal_hits_come_as_they_are_stored(flavour, events, name):
    if name == "ES" and flavour == "2012":
        assert name not in events.hits, "a collection that the file lacks is absent"
        return
    rows = stored(flavour, name)
    table = events.hits[name]
    assert table.counts.tolist() == [len(event) for event in rows] and table.is_present.all()
    flat = [row for event in rows for row in event]
    assert table["detid"].tolist() == [row["detid"] for row in flat]
    assert {column: values.dtype for column, values in table.columns.items()} == HIT_COLUMNS
    for column in ("energy", "time"):
        same(table[column], [row[column] for row in flat])


def test_an_empty_collection_is_there(events):
    assert events.hits["EE"].counts[2] == 0 and events.hits["EE"].is_present[2]


def test_hcal_hits_go_to_their_subdetector(flavour, events):
    rows = stored(flavour, "HB")
    is_endcap = [[row["detid"] >> 25 == 4 << 3 | 2 for row in event] for event in rows]
    for name, wanted in (("HB", False), ("HE", True)):
        chosen = [
            [row for row, endcap in zip(event, flags, strict=True) if endcap == wanted]
            for event, flags in zip(rows, is_endcap, strict=True)
        ]
        flat = [row for event in chosen for row in event]
        assert events.hits[name].counts.tolist() == [len(event) for event in chosen] and flat
        assert events.hits[name]["detid"].tolist() == [row["detid"] for row in flat]
        same(events.hits[name]["energy"], [row["energy"] for row in flat])


def test_bad_hits_are_left_to_the_door(flavour, events):
    path, problems = golden(flavour), Problems()
    assert math.isnan(events.hits["EB"].rows_of(1)["energy"][0])
    assert events.hits["EB"].rows_of(1)["detid"][1] == 0
    screened = screen_events(events, path, problems)
    assert [problem.what for problem in problems] == [
        "unknown DetId 0 in EB",
        f"energy nan in EB hit {stored(flavour, 'EB')[1][0]['detid']}",
        "unknown DetId 12345 in HB",
    ]
    assert len(screened.hits["EB"]) == len(events.hits["EB"]) - 2


def test_objects_have_their_columns_and_types(events):
    assert events.objects.keys() == OBJECT_COLUMNS.keys() - {"tracker_hits", "taus"}
    for name, table in events.objects.items():
        assert tuple(table.columns) == OBJECT_COLUMNS[name]
        assert all(column.dtype == np.float32 for column in table.columns.values())


def test_candidates(flavour, events):
    """Old files hold pt, eta, phi themselves, newer ones in `m_state`."""
    for name in ("jets", "photons", "electrons"):
        rows = stored(flavour, name)
        table = events.objects[name]
        assert table.is_present.tolist() == [event is not None for event in rows]
        assert table.counts.tolist() == [len(event or ()) for event in rows]
        flat = [row for event in rows for row in event or ()]
        for column in ("pt", "eta", "phi"):
            same(table[column], [row[column] for row in flat])
        if name != "jets":
            for axis in "xyz":
                same(table[f"{axis}_cm"], [row[axis] for row in flat])
    assert not events.objects["photons"].is_present[3], "the product is not present in this event"
    assert events.objects["jets"].is_present[4] and events.objects["jets"].counts[4] == 0
    electrons = [row for event in stored(flavour, "electrons") for row in event]
    assert events.objects["electrons"]["charge"].tolist() == [row["q3"] / 3 for row in electrons]


def test_photons_have_the_sums_over_all_hits(flavour, events):
    photons = [row for event in stored(flavour, "photons") for row in event or ()]
    block = "full5x5_showerShapeBlock_" if flavour == "run2" else "showerShapeBlock_"
    members = {
        "max_energy_crystal": "maxEnergyXtal",
        "sigma_ieta_ieta": "sigmaIetaIeta",
        "e3x3": "e3x3",
        "e5x5": "e5x5",
    }
    for column, member in members.items():
        same(events.objects["photons"][column], [row[block][member] for row in photons])
    same(events.objects["photons"]["energy"], [energy(row) for row in photons])


def energy(row):
    return math.sqrt((row["pt"] * math.cosh(row["eta"])) ** 2 + row["mass"] ** 2)


def test_tracks(flavour, events):
    tracks, flat = events.objects["tracks"], [row for event in stored(flavour, "tracks") for row in event]
    momentum = [math.sqrt(row["px"] ** 2 + row["py"] ** 2 + row["pz"] ** 2) for row in flat]
    pt = [math.sqrt(row["px"] ** 2 + row["py"] ** 2) for row in flat]
    same(tracks["pt"], pt)
    same(tracks["eta"], [math.atanh(row["pz"] / p) for row, p in zip(flat, momentum, strict=True)])
    same(tracks["phi"], [math.atan2(row["py"], row["px"]) for row in flat])
    same(tracks["charge"], [row["charge"] for row in flat])
    for axis in "xyz":
        same(tracks[f"{axis}_cm"], [row[axis] for row in flat])
    same(tracks["d0_error_cm"], [math.sqrt(row["covariance"][9]) for row in flat])
    scale = [p / t for p, t in zip(momentum, pt, strict=True)]
    same(tracks["dz_error_cm"], [math.sqrt(row["covariance"][14]) * s for row, s in zip(flat, scale, strict=True)])
    assert tracks["is_high_purity"].tolist() == [float(row["quality"] & 4 != 0) for row in flat]
    assert set(tracks["is_high_purity"]) == {0.0, 1.0} and set(tracks["charge"]) == {-1.0, 1.0}


def test_fake_and_invalid_vertices_are_left_out(flavour, events):
    rows = stored(flavour, "vertices")
    assert [len(event) for event in rows] == [4] * 5
    assert events.objects["vertices"].counts.tolist() == [2] * 5
    flat = [row for event in rows for row in event[:2]]
    for column, member in (("x_cm", "x"), ("y_cm", "y"), ("z_cm", "z"), ("chi2", "chi2"), ("ndof", "ndof")):
        same(events.objects["vertices"][column], [row[member] for row in flat])


def test_truth_is_the_hard_process_without_what_came_in(flavour, events):
    truth = events.objects["truth"]
    assert truth["pdg_id"].tolist() == [23, 11, -11] * 5
    hard = slice(2, 5) if flavour == "run2" else slice(6, 9)
    flat = [row for event in stored(flavour, "truth") for row in event[hard]]
    for column in ("pt", "eta", "phi", "mass"):
        same(truth[column], [row[column] for row in flat])
    same(truth["energy"], [energy(row) for row in flat])
    same(truth["z_cm"], [row["z"] for row in flat])


def particles(*pdg_id_and_status, flags=None):
    pdg_id, status = (np.array(column) for column in zip(*pdg_id_and_status, strict=True))
    values = {"pdg_id": pdg_id, "status": status} | {name: np.ones(len(status)) for name in ("pt", "eta", "phi")}
    values |= {} if flags is None else {"is_hard_process": np.array(flags, dtype=bool)}
    return object_table("truth", np.array([len(status)]), values, np.ones(1, dtype=bool))


def test_pythia_8_without_flags_is_read_by_its_status():
    table = particles((2212, 4), (21, 21), (21, 21), (25, 22), (22, 23), (22, 23), (22, 1), (21, 43))
    assert table["pdg_id"].tolist() == [25, 22, 22]


def test_flags_of_pythia_6_name_what_came_in_too():
    rows = [(2212, 3), (2212, 3), (2, 3), (-2, 3), (1, 3), (-1, 3), (23, 3), (11, 3), (-11, 3), (11, 1)]
    assert particles(*rows, flags=[1] * 9 + [0])["pdg_id"].tolist() == [23, 11, -11]


def test_status_3_in_an_unknown_order_says_nothing():
    table = particles((2, 3), (-2, 3), (23, 3), (11, 3), (-11, 3))
    assert len(table) == 0 and not table.is_present[0]


@pytest.mark.parametrize("start, stop", [(0, 0), (0, 1), (1, 4), (2, None), (3, 99), (5, None)])
@pytest.mark.parametrize("batch_events", [1, 2, 64])
def test_any_window_is_that_part_of_the_whole(monkeypatch, events, flavour, start, stop, batch_events):
    monkeypatch.setattr(edm, "BATCH_EVENTS", batch_events)
    problems = Problems()
    parts = list(EdmReader().read(golden(flavour), problems, start, stop))
    expected = events.slice(*slice(start, stop).indices(5)[:2])
    assert problems == [] and all(0 < len(part) <= batch_events for part in parts)
    assert [number for part in parts for number in part.event] == expected.event.tolist()
    if parts:
        assert_equal(Events.concatenate(parts), expected)


def assert_equal(found, expected):
    for ours, theirs in ((found.hits, expected.hits), (found.objects, expected.objects)):
        assert ours.keys() == theirs.keys()
        for name, table in ours.items():
            np.testing.assert_array_equal(table.offsets, theirs[name].offsets)
            np.testing.assert_array_equal(table.is_present, theirs[name].is_present)
            for column, values in table.columns.items():
                np.testing.assert_array_equal(values, theirs[name][column])


def test_large_events_make_small_batches(monkeypatch):
    monkeypatch.setattr(edm, "BATCH_BYTES", 1)
    assert [len(batch) for batch in EdmReader().read(golden("run2"), Problems())] == [1] * 5


# ---- which branch


ECAL, PF = "EcalRecHitsSorted", "recoPFJets"


@pytest.mark.parametrize(
    "table, names, found",
    [
        ("EB", [f"{ECAL}_ecalRecHit_EcalRecHitsEB_RECO."], [0]),
        ("EB", [f"{ECAL}_ecalRecHit_EcalRecHitsEB_RECO.", f"{ECAL}_reducedEcalRecHitsEB__RECO."], [1, 0]),
        ("EE", [f"{ECAL}_reducedEcalRecHitsEB__RECO.", f"{ECAL}_somebodys_EcalRecHitsEE_RECO."], []),
        ("HBHE", ["HBHERecHitsSorted_hbheprereco__RECO."], [0]),
        ("jets", [f"{PF}_ak4PFJetsCHS__PAT.", f"{PF}_ak4PFJetsCHS__RECO."], [0, 1]),
        ("jets", [f"{PF}_ak5PFJets__{process}." for process in ("MINE", "PAT", "YOURS")], [2, 0, 1]),
        ("jets", [f"{PF}_ak5PFJets__RECO.", f"{PF}_ak4PFJetsCHS__HLT."], [1, 0]),
    ],
)
def test_the_branch_by_label_and_then_by_process(table, names, found):
    assert find_branches(names, (HIT_LAYOUTS | OBJECT_LAYOUTS)[table].labels) == [names[i] for i in found]


def write_tree(path, name, **columns):
    import uproot

    with uproot.recreate(path) as file:
        file.mktree(name, {column: values.dtype for column, values in columns.items()}).extend(columns)
    return path


def test_a_file_without_rec_hits_is_an_error_that_says_what_was_looked_for(tmp_path):
    path = write_tree(tmp_path / "a.root", "Events", EventAuxiliary=np.arange(3))
    assert EdmReader().recognises(path)
    with pytest.raises(
        InputError, match="no rec hits in it; looked for EcalRecHitsSorted_reducedEcalRecHitsEB_"
    ) as error:
        next(EdmReader().read(path, Problems()))
    assert "HBHERecHitsSorted_reducedHcalRecHits_hbhereco" in str(error.value)
    assert "give AOD or RECO" in error.value.remedy


def test_a_collection_that_cannot_be_read_is_named(monkeypatch):
    members = {**OBJECT_LAYOUTS["jets"].members, "pt": ("momentum_",)}
    monkeypatch.setitem(OBJECT_LAYOUTS, "jets", OBJECT_LAYOUTS["jets"]._replace(members=members))
    path, problems = golden("run2"), Problems()
    events = Events.concatenate(EdmReader().read(path, problems))
    assert "jets" not in events.objects and "EB" in events.hits
    what = "recoPFJets_ak4PFJetsCHS__RECO. has no momentum_ that can be read; collection skipped"
    assert [str(problem) for problem in problems] == [f"warning: {path}: {what}"]


def test_other_root_files_and_other_bytes_are_not_ours(tmp_path):
    reader = EdmReader()
    assert not reader.recognises(write_tree(tmp_path / "nano.root", "Events", run=np.arange(3), event=np.arange(3)))
    assert not reader.recognises(write_tree(tmp_path / "delphes.root", "Delphes", Event=np.arange(3)))
    for content in (b"", b"roo", b"PK\3\4", b"PAR1", bytes(1000)):
        (tmp_path / "a").write_bytes(content)
        assert not reader.recognises(tmp_path / "a")


# ---- damage


def attempt(path: Path) -> int:
    """Events that could be read; what is wrong is an InputError or a problem, one line each, and nothing else."""
    problems = Problems()
    try:
        found = sum(len(batch) for batch in EdmReader().read(path, problems))
    except InputError as error:
        assert "\n" not in str(error) and error.where == str(path)
        return 0
    assert found == 5 or problems
    assert all("\n" not in str(problem) for problem in problems)
    return found


@pytest.mark.parametrize("length", [4, 60, 100, 400, 3000, 20000, 45000, -2000, -300, -1])
def test_a_truncated_file_is_an_error(tmp_path, length):
    path = tmp_path / "a.root"
    path.write_bytes(golden("2012").read_bytes()[:length])
    assert EdmReader().recognises(path), "so that the message says that it is damaged"
    with pytest.raises(InputError, match="truncated or damaged ROOT file"):
        EdmReader().count(path)
    assert attempt(path) == 0


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("num_flips", NUM_FLIPS)
def test_flipped_bits_never_crash(tmp_path, flavour, num_flips):
    good, rng, path = golden(flavour).read_bytes(), np.random.default_rng(7), tmp_path / "a.root"
    edges = np.linspace(0, len(good), num_flips + 1).astype(int)  # one in each part of the file
    found = []
    if num_flips > 100:  # it slows uproot down threefold
        tracemalloc.start()
    for low, high in pairwise(edges):
        damaged = bytearray(good)
        damaged[rng.integers(low, high)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        EdmReader().recognises(path)
        found.append(attempt(path))
    if tracemalloc.is_tracing():
        assert tracemalloc.get_traced_memory()[1] < 200e6
        tracemalloc.stop()
    assert 0 < found.count(5) < len(found)


def test_a_damaged_basket_costs_its_events_and_no_others(tmp_path, monkeypatch):
    import uproot

    monkeypatch.setattr(edm, "BATCH_EVENTS", 1)
    with uproot.open(golden("2012")) as file:
        branch = file["Events"]["recoTracks_generalTracks__RECO.obj.covariance_[15]"]
        bounds = branch.entry_offsets
        key = branch.basket_key(len(bounds) - 2)
        at = key.fSeekKey + key.fKeylen + 40
    damaged = bytearray(golden("2012").read_bytes())
    damaged[at] ^= 0xFF
    path, problems = tmp_path / "a.root", Problems()
    path.write_bytes(damaged)
    events = Events.concatenate(EdmReader().read(path, problems))
    assert_equal(events, read(golden("2012"), 0, bounds[-2]))
    assert len(problems) == 5 - bounds[-2] and problems.has_errors
    assert "cannot be read" in str(problems[0]) and "skipped" in str(problems[0])
