"""Jets from tracks and towers: each energy counted once, other vertices left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from particle_beams import generator

from e2e.simulation.jets import _anti_kt, _subtract, cluster_jets
from e2e.simulation.processes import PROCESSES
from e2e.simulation.response import respond
from e2e.simulation.simulate import read_out


def test_what_a_track_explains_is_taken_from_its_tower_and_then_from_its_neighbours():
    towers, expected = np.zeros((2, 1, 56, 72))
    towers[0, 10, 0], towers[0, 10, 71], towers[0, 12, 0] = 5, 3, 1
    expected[0, 10, 0] = 7
    left = _subtract(towers, expected)
    assert left[0, 10, 0] == 0
    assert left[0, 10, 71] == pytest.approx(1)  # phi wraps
    assert left[0, 12, 0] == 1


def test_nothing_is_taken_across_the_ends_in_eta():
    towers, expected = np.zeros((2, 1, 56, 72))
    towers[0, 0, 3], expected[0, 55, 3] = 5, 5
    assert _subtract(towers, expected).sum() == 5


@given(st.integers(0, 2**32 - 1))
def test_no_energy_is_made_and_no_more_taken_than_explained(seed):
    rng = np.random.default_rng(seed)
    towers = rng.exponential(1, (2, 56, 72)) * (rng.random((2, 56, 72)) < 0.1)
    expected = rng.exponential(3, (2, 56, 72)) * (rng.random((2, 56, 72)) < 0.02)
    left = _subtract(towers, expected)
    assert (left >= 0).all()
    assert (left <= towers + 1e-12).all()
    assert towers.sum() - left.sum() <= expected.sum() + 1e-9


def test_anti_kt_joins_what_is_near_and_keeps_events_apart():
    momentum = np.array([[30.0, 1, 0], [0, 20, 5], [29, -1, 1.0]])
    jets = _anti_kt(0.5, np.array([2, 0, 2]), momentum, 3)
    assert jets.counts.tolist() == [1, 0, 1]
    np.testing.assert_allclose(jets["pt"], [20, 59], rtol=1e-6)
    assert jets["phi"][0] == pytest.approx(np.pi / 2)


def test_jets_have_most_of_their_partons_momentum():
    process = PROCESSES["quark-gluon"]
    rng = generator(3)
    made = process.generate(rng, 100, None, ())
    events = read_out(made, respond(made, process.era, rng), process, rng)
    jets, truth = events.objects["jets"], events.objects["truth"]
    assert all(np.all(np.diff(jets.rows_of(i)["pt"]) <= 0) for i in range(100))  # the hardest first
    response = []
    for i in range(100):
        jet, parton = jets.rows_of(i), truth.rows_of(i)
        for k in range(2):
            if abs(parton["eta"][k]) < 1.3 and len(jet["pt"]):
                turned = np.angle(np.exp(1j * (jet["phi"] - parton["phi"][k]).astype(float)))
                distance = np.hypot(jet["eta"] - parton["eta"][k], turned)
                if distance.min() < 0.4:
                    response.append(jet["pt"][distance.argmin()] / parton["pt"][k])
    assert len(response) > 60
    assert np.median(response) == pytest.approx(0.87, abs=0.07)
    again = cluster_jets(events, 0.5)
    np.testing.assert_array_equal(again["pt"], jets["pt"])
