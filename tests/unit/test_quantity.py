"""The numbers of a regression: the classical mass, the response, the coverage; each on candidates made for it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet
from e2e.datasets.labels import complete_labels
from e2e.evaluation.classical import MIN_ENERGY_GEV, calorimeter_mass, cross_fitted, row_eta
from e2e.evaluation.quantity import measure_quantity
from e2e.frames import Candidates, Seeds
from e2e.problems import InputError
from e2e.tasks import TASKS

TASK = TASKS["diphoton-mass"]


def crop(pixels, seed_row=100, frame=TASK.frame):
    """One candidate; pixels: (row, column, energy) of the crop."""
    pixels = sorted(pixels)
    index = np.array([row * frame.columns + column for row, column, _ in pixels], dtype=np.int32)
    seeds = Seeds.from_columns([0], [seed_row], [10], [1.0])
    energies = np.array([energy for _, _, energy in pixels], dtype=np.float32)
    candidates = Candidates(frame, np.array([0, len(pixels)]), index, energies, seeds)
    return CandidateSet(candidates, complete_labels(1, {}), [])


@given(st.integers(1, 8), st.integers(-6, 6), st.floats(1, 80), st.floats(1, 80))
def test_two_photons_have_the_mass_of_their_angle(rows_apart, columns_apart, one, other):
    centre = TASK.frame.centre_row
    made = crop([(centre, centre, one), (centre + rows_apart, centre + columns_apart, other)])
    eta, phi = row_eta("barrel")[[100, 100 + rows_apart]], np.deg2rad(columns_apart)
    cosine = (np.cos(phi) + np.prod(np.sinh(eta))) / np.prod(np.cosh(eta))
    assert calorimeter_mass(made, 1.0)[0] == pytest.approx(np.sqrt(2 * one * other * (1 - cosine)), rel=1e-4)


def test_what_is_far_or_faint_or_no_energy_has_no_mass():
    centre = TASK.frame.centre_row
    assert calorimeter_mass(crop([(centre, centre, 20.0)]), 1.0)[0] == pytest.approx(0.0, abs=1e-3)
    assert calorimeter_mass(crop([(centre, centre, 20.0), (centre + 9, centre, 20.0)]), 0.1)[0] < 1e-3
    faint = 0.9 * MIN_ENERGY_GEV
    assert calorimeter_mass(crop([(centre, centre, 20.0), (centre + 5, centre, faint)]), 1.0)[0] < 1e-3
    timed = FrameSpec(channels=("ecal_time",))
    assert calorimeter_mass(crop([(centre, centre, 20.0), (centre + 5, centre, 9.0)], frame=timed), 1.0)[0] == 0


@pytest.mark.parametrize("grid", ["barrel", "stitched"])
def test_rows_ascend_in_eta(grid):
    eta = row_eta(grid)
    assert np.all(np.diff(eta) > 0)
    np.testing.assert_allclose(eta, -eta[::-1], atol=1e-3)


def regressed(count=4000, coverage=1.0, shift=0.0):
    """Outputs of a network with a known bias whose interval is `coverage` standard deviations, and the candidates."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(0, 1.6, count).astype(np.float32)
    value = truth + rng.normal(0, 0.1, count) + shift
    arm = np.full(count, 0.1 * coverage)
    outputs = np.stack((value, value - arm, value + arm, (value < 0).astype(float)), axis=1)
    one = crop([(16, 16, 5.0)])
    pixels = Candidates.concatenate([one.candidates] * count)
    labels = {"target": truth, "pt": rng.uniform(20, 100, count), "eta": rng.uniform(-1.4, 1.4, count)}
    labels["truth.pdg_id"] = np.where(np.arange(count) % 4 == 0, 22, 36)
    return outputs, CandidateSet(pixels, complete_labels(count, labels), [])


def test_response_and_coverage_are_those_that_were_put_in():
    result = measure_quantity(TASK, *regressed(shift=0.02))
    whole = result["whole_range"]
    assert result["signal_candidates"] == 3000 and result["other"]["candidates"] == 1000
    assert whole["median_bias"]["value"] == pytest.approx(0.02, abs=0.008)
    assert whole["resolution_68"]["value"] == pytest.approx(0.1, abs=0.006)
    assert whole["coverage"]["value"] == pytest.approx(0.67, abs=0.03)
    assert whole["tails"]["value"] == pytest.approx(0.046, abs=0.015)
    assert result["linearity"]["slope"] == pytest.approx(1.0, abs=0.03)
    assert len(result["by_true_value"]) == 8 and len(result["migration"]["share"]) == 8
    for row in result["migration"]["share"]:
        assert sum(row) == pytest.approx(1.0, abs=1e-3)


def test_the_quantile_loss_is_least_for_the_honest_interval():
    losses = [
        measure_quantity(TASK, *regressed(coverage=coverage))["whole_range"]["quantile_loss"]["value"]
        for coverage in (0.3, 1.0, 3.0)
    ]
    assert losses[1] == min(losses)


def test_gains_are_those_over_the_simple_guesses():
    result = measure_quantity(TASK, *regressed())
    for name in ("constant", "pt_only", "calorimeter_mass"):
        gain, errors = result["better_than"][name]["value"], result["mean_absolute_error"]
        assert gain == pytest.approx(errors[name]["value"] - errors["network"]["value"], abs=1e-4)
        assert gain > 0.25  # 0.4 for a constant, 0.08 for the network


def test_where_the_seed_is_not_known_there_is_no_mass_of_the_calorimeters():
    made = crop([(16, 16, 5.0), (18, 18, 5.0)], seed_row=-1)
    assert np.isnan(calorimeter_mass(made, 1.0)).all()
    outputs, candidates = regressed(count=80)
    one = crop([(16, 16, 5.0)], seed_row=-1)
    unknown = replace(candidates, candidates=Candidates.concatenate([one.candidates] * 80))
    assert set(measure_quantity(TASK, outputs, unknown)["mean_absolute_error"]) == {"network", "constant", "pt_only"}


@pytest.mark.parametrize("count", [20, 27, 60, 250])
def test_few_candidates_have_guesses_all_the_same(count):
    rng = np.random.default_rng(count)
    truth, variable = rng.normal(size=count), rng.normal(size=count)
    assert np.isfinite(cross_fitted(truth, variable, num_bins=30)).all()


def test_what_lies_outside_the_trained_range_is_not_measured():
    outputs, candidates = regressed()
    labels = dict(candidates.labels)
    labels["target"] = np.where(np.arange(4000) % 2 == 0, labels["target"], np.float32(2.5))
    result = measure_quantity(TASK, outputs, replace(candidates, labels=labels))
    assert result["signal_candidates"] == 1000 and result["mean_absolute_error"]["network"]["value"] < 0.1


def test_a_tower_counts_with_all_its_pixels_and_rows_are_those_of_the_grid():
    frame = TASKS["ditau-mass"].frame
    hcal, ecal = (frame.channels.index(name) * 125**2 for name in ("hcal_energy", "ecal_energy"))
    tower = [hcal + row * 125 + column for row in range(70, 75) for column in range(60, 65)]
    seeds = Seeds.from_columns([0], [140], [12], [1.0])
    index = np.array(sorted([*tower, ecal + 62 * 125 + 62]), dtype=np.int32)
    value = np.where(index >= hcal, 20.0 / 25, 30.0).astype(np.float32)
    value = np.where(index == ecal + 62 * 125 + 62, np.float32(30), value)
    made = CandidateSet(Candidates(frame, np.array([0, 26]), index, value, seeds), complete_labels(1, {}), [])
    eta = row_eta("stitched")[[140, 150]]
    phi = np.deg2rad(np.arange(-2, 3))
    cosine = (np.cos(phi).mean() + np.prod(np.sinh(eta))) / np.prod(np.cosh(eta))
    assert calorimeter_mass(made, 0.4)[0] == pytest.approx(np.sqrt(2 * 30 * 20 * (1 - cosine)), rel=0.06)
    assert calorimeter_mass(made, 0.1)[0] == pytest.approx(0.0, abs=0.1)


def test_without_a_signal_there_is_no_response():
    outputs, candidates = regressed(count=40)
    with pytest.raises(InputError, match="10 candidates are A -> gamma gamma of the trained range, 20 are needed"):
        measure_quantity(TASK, outputs[::3], candidates.select(slice(None, None, 3)))


def test_a_bundle_without_an_interval_is_measured_without():
    outputs, candidates = regressed()
    assert "coverage" not in measure_quantity(TASK, outputs[:, :1], candidates)["whole_range"]


def test_a_task_without_a_radius_has_no_classical_estimate():
    result = measure_quantity(replace(TASK, mass_radius=None), *regressed())
    assert set(result["mean_absolute_error"]) == {"network", "constant", "pt_only"}


def test_a_guess_is_not_fitted_on_what_it_is_asked():
    truth = np.random.default_rng(3).normal(size=2000)
    guess = cross_fitted(truth, np.arange(2000.0), num_bins=1000)  # two a bin: one to fit, one to ask
    assert np.corrcoef(guess, truth)[0, 1] < 0.1
