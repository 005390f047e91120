import numpy as np
import pytest

from e2e.evaluation.score import _working_point
from e2e.metrics import (
    MIN_PASSING,
    area_under_curve,
    bootstrap,
    calibration_error,
    equal_parts,
    half_width_68,
    in_bins,
    mean_absolute_error,
    proportion,
    rejection,
)


@pytest.fixture
def scores():
    rng = np.random.default_rng(1)
    truth = rng.random(400) < 0.4
    return np.round(rng.normal(size=400) + 0.8 * truth, 1), truth  # rounded: ties occur


def test_area_counts_pairs_with_ties_half(scores):
    score, truth = scores
    difference = score[truth][:, None] - score[~truth][None, :]
    by_hand = ((difference > 0) + 0.5 * (difference == 0)).mean()
    assert area_under_curve(score, truth).value == pytest.approx(by_hand, abs=1e-12)


def test_error_of_the_area_is_that_of_a_bootstrap(scores):
    score, truth = scores
    spread = bootstrap(lambda s, t: area_under_curve(s, t).value, score, truth, repeats=400)
    assert area_under_curve(score, truth).error == pytest.approx(spread.error, rel=0.15)


def test_area_without_one_class_is_nan():
    assert np.isnan(area_under_curve([0.1, 0.2], [1, 1]).value)


def test_rejection_is_the_inverse_of_the_passing_background():
    score = np.concatenate((np.linspace(0, 1, 1001), np.linspace(0, 1, 1001)))
    truth = np.repeat([True, False], 1001)
    assert rejection(score, truth, 0.5).value == pytest.approx(2.0, rel=0.01)
    assert np.isnan(rejection(score, np.ones(2002, dtype=bool), 0.5).value)


def test_error_of_the_rejection_is_the_spread_of_repeated_samples():
    rng = np.random.default_rng(2)
    truth = np.repeat([True, False], 500)
    repeats = [rejection(rng.normal(size=1000) + truth, truth, 0.7) for _ in range(60)]
    spread = np.std([one.value for one in repeats], ddof=1)
    assert np.mean([one.error for one in repeats]) == pytest.approx(spread, rel=0.35)


def test_a_constant_that_is_right_on_average_is_calibrated():
    assert calibration_error(np.full(2000, 0.5), np.arange(2000) < 1000) == 0


def test_parts_are_equal_but_for_ties():
    assert [part.stop for part in equal_parts(np.arange(10.0), 3)] == [4, 7, 10]
    assert [part.stop for part in equal_parts(np.array([0.0, 1, 1, 1, 1, 2]), 3)] == [5, 6]
    assert equal_parts(np.array([]), 3) == []


@pytest.mark.parametrize(("passing", "is_measured"), [(MIN_PASSING, True), (MIN_PASSING - 1, False), (0, False)])
def test_a_rejection_by_few_candidates_is_not_measurable(passing, is_measured):
    truth = np.repeat([True, False], 1000)
    score = np.where(truth, 0.5, 0.1)
    score[1000 : 1000 + passing] = 0.9
    measured = rejection(score, truth, 0.5)
    assert np.isfinite(measured).tolist() == [is_measured] * 2
    assert not is_measured or measured.value == 1000 / MIN_PASSING


def test_a_rejection_with_one_signal_candidate_is_a_number():
    truth = np.arange(100) == 0
    assert rejection(np.linspace(0, 1, 100), truth, 0.5).value == pytest.approx(1.0)


def test_error_of_a_proportion_is_binomial():
    assert proportion([True] + [False] * 9) == pytest.approx((0.1, np.sqrt(0.1 * 0.9 / 10)))


def test_a_working_point_says_how_well_it_is_known():
    rng = np.random.default_rng(5)
    truth = np.repeat([True, False], [300, 1000])
    score = rng.random(1300) + 0.5 * truth
    found = _working_point(score, truth, 0.01)
    assert found["background"] == 1000
    assert found["measured_mistag"] == {"value": 0.01, "error": pytest.approx(np.sqrt(0.01 * 0.99 / 1000), abs=1e-5)}
    assert 0.3 < found["efficiency"]["value"] < 0.7 and found["threshold"] == pytest.approx(0.99, abs=0.01)
    tied = _working_point(np.zeros(1300), truth, 0.01)
    assert tied["measured_mistag"]["value"] == 1.0


@pytest.mark.parametrize(("num_signal", "num_background"), [(300, 999), (0, 1000), (300, 0)])
def test_a_working_point_beyond_the_data_is_null(num_signal, num_background):
    truth = np.repeat([True, False], [num_signal, num_background])
    found = _working_point(np.linspace(0, 1, len(truth)), truth, 0.01)
    unknown = {"value": None, "error": None}
    assert found == {
        "mistag": 0.01,
        "background": num_background,
        "threshold": None,
        "measured_mistag": unknown,
        "efficiency": unknown,
    }


def test_mean_absolute_error_and_its_error():
    measured = mean_absolute_error([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    assert measured.value == pytest.approx(4 / 3)
    assert measured.error == pytest.approx(np.std([0, 1, 3], ddof=1) / np.sqrt(3))


def test_half_width_of_a_gaussian_is_its_sigma():
    sample = np.random.default_rng(0).normal(3.0, 2.0, 200_000)
    assert half_width_68(sample) == pytest.approx(2.0 * 0.99446, rel=0.01)


def test_bins_with_few_rows_are_left_out():
    variable = np.concatenate((np.full(30, 0.5), np.full(5, 1.5)))
    rows = in_bins(variable, np.array([0.0, 1.0, 2.0]), lambda inside: {"sum": int(inside.sum())})
    assert rows == [{"low": 0.0, "high": 1.0, "candidates": 30, "sum": 30}]
