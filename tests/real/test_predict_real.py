"""Real photons and electrons through every shipped bundle; through an untrained one where none is shipped."""

from pathlib import Path

import numpy as np
import pytest

from e2e.bundles import load_bundle
from e2e.detector.geometry import barrel_position, wrap_phi
from e2e.inference.predict import predict

ZOO = Path(__file__).parents[2] / "zoo"
FILES = ("DoubleElectron_Run2012C_0.ig", "Run2_13TeV_nleps.ig", "Run2_13TeV_pt_j.ig", "Small_EventData_test.ig")


@pytest.fixture(scope="module", params=["electron-photon", "diphoton-mass"])
def predictions(request, shared_data):
    if (ZOO / request.param / "contract.json").exists():
        bundle = load_bundle(ZOO / request.param)
    else:
        bundle = request.getfixturevalue("untrained_bundle")
    return predict(bundle, [shared_data / "ig" / name for name in FILES])


@pytest.fixture
def columns(predictions):
    return {name: predictions.table[name].to_numpy() for name in predictions.table.column_names}


def test_photons_and_electrons_are_found_in_every_file(predictions, columns):
    assert not predictions.problems.has_errors
    assert {Path(name).name for name in columns["input"]} == set(FILES)
    assert set(columns["source"]) == {"photon", "electron"}
    assert (columns["matches_electron"] & (columns["source"] == "photon")).sum() > 10
    assert (columns["event"] > 0).all() and (np.abs(columns["eta"]) < 1.6).all() and (columns["pt"] > 0).all()


def test_seed_lies_where_a_photon_points(columns):
    """A photon is given from its vertex, up to some cm from the origin; the seed is the highest crystal near there."""
    photon = columns["source"] == "photon"
    position = barrel_position(columns["seed_ieta"], columns["seed_iphi"])
    assert np.abs(wrap_phi(position.phi - columns["phi"]))[photon].max() < 0.1
    assert np.median(np.abs(wrap_phi(position.phi - columns["phi"]))[photon]) < 0.02
    assert np.median(np.abs(position.eta - columns["eta"])[photon]) < 0.06


def test_every_candidate_gets_an_answer_in_its_range(predictions, columns):
    for output in predictions.contract.outputs:
        values = columns[output.name]
        low, high = (0.0, 1.0) if output.kind == "probability" else (-1.0, 3.0)
        assert np.isfinite(values).all() and (values >= low).all() and (values <= high).all()
        assert np.ptp(values) > 0
