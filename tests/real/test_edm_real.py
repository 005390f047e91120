"""A true MiniAOD file: its schema is found, its event is named, what it holds is read. Its rec hits are empty."""

from __future__ import annotations

import numpy as np
import pytest

from e2e.events.edm import EdmReader
from e2e.events.screen import screen_events
from e2e.problems import Problems


@pytest.fixture(scope="module")
def path(shared_data):
    path = shared_data / "root" / "root4j_test_cmssw.root"
    if not path.is_file():
        pytest.skip(f"no real MiniAOD: {path} is absent")
    return path


@pytest.fixture(scope="module")
def events(path):
    problems = Problems()
    (events,) = EdmReader().read(path, problems)
    assert problems == []
    return events


def test_it_is_recognised_and_counted(path):
    assert EdmReader().recognises(path) and EdmReader().count(path) == 1


def test_the_event_is_named_as_its_auxiliary_says(events):
    """From the bytes 00042b06 000000f2 0000000016b6e8b1 of its edm::EventID."""
    assert (events.run.tolist(), events.luminosity_block.tolist(), events.event.tolist()) == (
        [273158], [242], [381085873],
    )  # fmt: skip


def test_the_collections_of_miniaod_are_found(events):
    assert events.provenance["collections"] == {
        "EB": "EcalRecHitsSorted_reducedEgamma_reducedEBRecHits_RECO",
        "EE": "EcalRecHitsSorted_reducedEgamma_reducedEERecHits_RECO",
        "ES": "EcalRecHitsSorted_reducedEgamma_reducedESRecHits_RECO",
        "photons": "patPhotons_slimmedPhotons__RECO",
        "electrons": "patElectrons_slimmedElectrons__RECO",
        "jets": "patJets_slimmedJets__RECO",
        "taus": "patTaus_slimmedTaus__RECO",
        "vertices": "recoVertexs_offlineSlimmedPrimaryVertices__RECO",
    }
    assert all(len(events.hits[name]) == 0 and events.hits[name].is_present.all() for name in ("EB", "EE", "ES"))
    assert "tracks" not in events.objects and "truth" not in events.objects


def test_vertices_and_jets_are_physical(events):
    vertices, jets = events.objects["vertices"], events.objects["jets"]
    assert len(vertices) == 11 and len(jets) == 5
    assert len(events.objects["photons"]) == len(events.objects["electrons"]) == 0
    assert np.abs(vertices["x_cm"] - 0.065).max() < 0.02 and np.abs(vertices["y_cm"] - 0.094).max() < 0.03
    assert np.abs(vertices["z_cm"]).max() < 20 and np.ptp(vertices["z_cm"]) > 5
    assert (vertices["ndof"] > 0).all() and (vertices["chi2"] / vertices["ndof"] < 2).all()
    np.testing.assert_allclose(jets["pt"][:2], [39.644100, 24.629927], rtol=1e-6)
    assert (np.diff(jets["pt"]) <= 0).all() and (np.abs(jets["eta"]) < 5.2).all() and (np.abs(jets["phi"]) < 3.15).all()


def test_without_hits_the_door_leaves_the_event_out(path, events):
    problems = Problems()
    assert len(screen_events(events, path, problems)) == 0
    assert [problem.what for problem in problems] == ["no rec hits in any collection"]


@pytest.mark.parametrize("name", ["coffea_pfnano", "coffea_delphes", "nanoAOD_2015_CMS_Open_Data_ttbar"])
def test_other_root_files_are_not_ours(shared_data, name):
    path = shared_data / "root" / f"{name}.root"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    assert not EdmReader().recognises(path)
