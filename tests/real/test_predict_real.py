"""Real photons and electrons of every public .ig file through the shipped bundles."""

from pathlib import Path

import numpy as np
import pytest

from e2e.bundles import load_bundle
from e2e.detector.geometry import barrel_position, wrap_phi
from e2e.events.reader import read_events
from e2e.events.record import Events
from e2e.inference.predict import predict
from e2e.metrics import half_width_68
from e2e.problems import Problems
from e2e.scale.shards import shard_path
from e2e.simulation.simulate import simulate

ZOO = Path(__file__).parents[2] / "zoo"
SHIPPED = ("electron-photon", "diphoton-mass")
MIN_ELECTRON_PT = 15.0
MAX_SHARE_OUTSIDE = 0.1  # the rest of the electrons of these files lie in jets
HEAVY = (0.9, 1.1)  # GeV, true mass of the simulated A -> photons that the electrons are compared with


def columns_of(table):
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.fixture(scope="module")
def files(shared_data):
    return sorted((shared_data / "ig").glob("*.ig"))


@pytest.fixture(scope="module", params=SHIPPED)
def predictions(request, files):
    return predict(load_bundle(ZOO / request.param), files)


@pytest.fixture
def columns(predictions):
    return columns_of(predictions.table)


def test_photons_and_electrons_are_found_in_every_file(predictions, columns, files):
    assert not predictions.problems.has_errors
    assert len(files) == 10 and set(columns["input"]) == {str(path) for path in files}
    assert set(columns["source"]) == {"photon", "electron"}
    assert (columns["matches_electron"] & (columns["source"] == "photon")).sum() > 10
    assert (columns["event"] > 0).all() and (np.abs(columns["eta"]) < 1.6).all() and (columns["pt"] > 0).all()


def test_seed_lies_where_a_photon_points(columns):
    """A photon is given from its vertex, up to some cm from the origin; the seed is the highest crystal near there."""
    photon = columns["source"] == "photon"
    position = barrel_position(columns["seed_ieta"], columns["seed_iphi"])
    assert np.abs(wrap_phi(position.phi - columns["phi"]))[photon].max() < 0.15
    assert np.median(np.abs(wrap_phi(position.phi - columns["phi"]))[photon]) < 0.02
    assert np.median(np.abs(position.eta - columns["eta"])[photon]) < 0.06


def test_every_candidate_gets_an_answer_in_its_range(predictions, columns):
    for output in predictions.contract.outputs:
        values = columns[output.name]
        low, high = (0.0, 1.0) if output.kind == "probability" else (-1.0, 3.0)
        assert np.isfinite(values).all() and (values >= low).all() and (values <= high).all()
        assert np.ptp(values) > 0


def test_real_electrons_have_hardly_any_mass(files, tmp_path, pool_for):
    """Alone in their crop: median below 0.4 GeV and, by three errors, below that of simulated A near 1 GeV."""
    bundle = load_bundle(ZOO / "diphoton-mass")
    real = columns_of(predict(bundle, files).table)
    is_hard = (real["source"] == "electron") & (real["pt"] > MIN_ELECTRON_PT)
    electrons = real["mass"][is_hard & (real["share_outside"] < MAX_SHARE_OUTSIDE)]
    assert is_hard.sum() > 40 and len(electrons) > 15

    pool = pool_for("diphoton-mass")
    simulated = simulate("diphoton-mass", tmp_path / "a", num_events=800, seed=2012, pileup=20.0, pool=pool)
    truth = true_masses(simulated)
    answers = columns_of(predict(bundle, [simulated], candidates="leading").table)
    true_mass = np.array([truth[event] for event in answers["event"]])
    heavy = answers["mass"][(true_mass > HEAVY[0]) & (true_mass < HEAVY[1])]
    assert len(heavy) > 40

    assert np.median(electrons) < 0.4
    error = np.hypot(error_of_median(electrons), error_of_median(heavy))
    assert np.median(electrons) + 3 * error < np.median(heavy)


def test_taus_of_the_record_are_looked_at_where_it_has_some(files):
    """As few hits of the tracker as `.ig` files hold: an answer for each, of the score's range, none of NaN."""
    bundle = load_bundle(ZOO / "tau")
    found = predict(bundle, files)
    columns = columns_of(found.table)
    assert not found.problems.has_errors
    taus = columns["source"] == "tau"
    assert taus.sum() > 10 and set(columns["source"]) <= {"tau", "jet"}
    for name in ("score", "one_prong", "one_prong_pi0", "three_prong"):
        assert ((columns[name] >= 0) & (columns[name] <= 1)).all() and np.ptp(columns[name]) > 0
    assert (columns["particle_pt_lower"] <= columns["particle_pt_upper"]).all()


def true_masses(path):
    """event -> mass in GeV."""
    events = Events.concatenate(read_events(shard_path(path, 0), Problems()))
    return dict(zip(events.event.tolist(), events.objects["truth"]["mass"].tolist(), strict=True))


def error_of_median(values):
    """As of a normal distribution of the same central 68 %."""
    return np.sqrt(np.pi / 2) * half_width_68(values) / np.sqrt(len(values))
