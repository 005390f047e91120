"""Raw numbers become final ones: losses with their least where the answer is right, intervals that cover."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from e2e.contract.answers import INTERVAL_KINDS, QUANTILES, AnswerConfig
from e2e.models.answers import Answer, Answers, quantile_loss
from e2e.training.intervals import COVERAGE, LEAST_CANDIDATES, fit_excess, fit_interval

RANGE = (0.0, 2.0)
number = st.floats(-50, 50, width=32)


def final(raw, **numbers):
    kind = numbers.pop("kind", "quantiles")
    return Answer(AnswerConfig(kind, **{"scale": 2.0, "trained_range": RANGE, **numbers}))(torch.tensor(raw))


def fitted(kind, target, steps=800, relative=False):
    """The raw numbers, the same for all candidates, with the least loss."""
    answer = Answer(AnswerConfig(kind, scale=2.0, relative=relative))
    raw = torch.zeros(1, answer.config.num_raw, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.05)
    for step in range(steps):
        optimiser.zero_grad()
        answer.loss(raw.expand(len(target), -1), target).backward()
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        optimiser.step()
    return answer(raw.detach())[0]


def test_the_least_loss_is_at_the_quantiles_of_the_truth():
    target = torch.from_numpy(np.random.default_rng(1).gamma(2.0, 1.5, 4000).astype(np.float32))
    value, lower, upper, _ = fitted("quantiles", target)
    low, middle, high = np.quantile(target.numpy(), QUANTILES)
    assert [lower, value, upper] == pytest.approx([low, middle, high], abs=0.03)
    assert fitted("point", target)[0] == pytest.approx(middle, abs=0.03)


def test_the_least_loss_of_a_gaussian_is_at_mean_and_width():
    target = torch.from_numpy(np.random.default_rng(2).normal(3.0, 0.7, 4000).astype(np.float32))
    value, lower, upper, _ = fitted("gaussian", target)
    assert [value, (upper - lower) / 2] == pytest.approx([target.mean().item(), target.std().item()], abs=0.01)


@given(
    level=st.sampled_from(QUANTILES), values=st.lists(st.floats(-5, 5), min_size=1, max_size=9), guess=st.floats(-5, 5)
)
def test_no_guess_is_better_than_the_quantile(level, values, guess):
    truth = torch.tensor(values, dtype=torch.float64)
    best = truth.sort().values[math.ceil(level * len(truth)) - 1]
    of_best, of_guess = (quantile_loss(torch.full_like(truth, float(v)), truth, level) for v in (best, guess))
    assert of_best <= of_guess + 1e-9


@given(raw=st.tuples(number, number, number), stretch=st.floats(0.1, 5))
@pytest.mark.parametrize("kind", INTERVAL_KINDS)
def test_an_interval_holds_its_estimate(kind, raw, stretch):
    size = AnswerConfig(kind).num_raw
    value, lower, upper, flag = final([list(raw)[:size]], kind=kind, stretch=stretch)[0]
    assert lower <= value <= upper
    assert flag == float(value < RANGE[0] or upper > RANGE[1])


@given(raw=st.tuples(number, number, number), stretch=st.floats(0.1, 5))
@pytest.mark.parametrize("kind", INTERVAL_KINDS)
def test_a_relative_answer_is_positive_and_finite_with_its_ends(kind, raw, stretch):
    size = AnswerConfig(kind).num_raw
    value, lower, upper, _ = final([list(raw)[:size]], kind=kind, relative=True, stretch=stretch)[0].tolist()
    assert 0 <= lower <= value <= upper < math.inf
    assert value > 0


def test_the_least_relative_loss_is_at_the_quantiles_of_the_truth():
    target = torch.from_numpy(np.random.default_rng(1).lognormal(0.5, 0.6, 4000).astype(np.float32))
    value, lower, upper, _ = fitted("quantiles", target, relative=True)
    low, middle, high = np.quantile(target.numpy(), QUANTILES)
    assert value == pytest.approx(middle, rel=0.03)
    assert lower == pytest.approx(low, rel=0.05) and upper == pytest.approx(high, rel=0.05)


def test_what_reaches_out_of_the_trained_range_is_flagged():
    narrow = -20.0  # of an arm before its softplus
    rows = [[0.5, narrow, narrow], [-0.01, narrow, narrow], [1.01, narrow, narrow], [0.9, narrow, 2.0]]
    assert final([*rows, [math.nan] * 3])[:, 3].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]


def test_the_excess_is_subtracted_and_interpolated():
    value = final([[0.0], [0.5], [0.75], [1.0], [9.0]], kind="point", excess_at=(1.0, 2.0), excess=(0.2, 0.4))
    assert value[:, 0].tolist() == pytest.approx([-0.2, 0.8, 1.2, 1.6, 17.6])
    assert final([[0.5]], kind="point", excess_at=(1.0,), excess=(0.25,))[0, 0] == pytest.approx(0.75)


@pytest.mark.parametrize(
    "numbers",
    [
        {"kind": "guess"},
        {"kind": "probability", "stretch": 2.0},
        {"kind": "probability", "relative": True},
        {"kind": "probability", "excess_at": (1.0,), "excess": (1.0,)},
        {"kind": "point", "excess_at": (2.0, 1.0), "excess": (1.0, 1.0)},
        {"kind": "point", "excess_at": (1.0,), "excess": ()},
    ],
)
def test_numbers_that_make_no_answer_are_refused(numbers):
    with pytest.raises(ValueError):
        AnswerConfig(**numbers)


def test_an_answer_survives_json():
    config = AnswerConfig("quantiles", 1.6, 1.1, (0.0, 1.0), (0.1, 0.2), (0.0, 1.6))
    listed = {name: list(v) if isinstance(v, tuple) else v for name, v in config.to_json().items()}
    assert AnswerConfig.from_json(listed) == config


def candidates(count, seed, bias=0.0):
    """Raw numbers with arms that are too short by half, and their truth."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 2, count)
    width = 0.05 + 0.1 * truth
    estimate = truth + width * rng.normal(size=count) + bias * truth
    arm = np.log(np.expm1(width / 2 / 2.0))  # softplus undone, in units of the scale
    return np.stack((estimate / 2.0, arm, arm), axis=1), truth


def test_a_stretched_interval_covers_what_it_says_on_others():
    answer, found = fit_interval(AnswerConfig("quantiles", 2.0, trained_range=RANGE), *candidates(5000, 1))
    assert found["coverage_before"] == pytest.approx(0.383, abs=0.02)
    assert answer.stretch == pytest.approx(2.0, abs=0.08)
    raw, truth = candidates(20_000, 2)
    given = Answer(answer)(torch.from_numpy(raw.astype(np.float32))).numpy()
    assert np.mean((given[:, 1] <= truth) & (truth <= given[:, 2])) == pytest.approx(COVERAGE, abs=0.015)


def test_too_few_candidates_fit_nothing():
    answer = AnswerConfig("quantiles", 2.0)
    assert fit_interval(answer, *candidates(LEAST_CANDIDATES - 1, 1))[0] == answer


def test_a_corrected_response_has_its_median_at_the_truth():
    config = AnswerConfig("quantiles", 2.0, trained_range=RANGE)
    answer, _ = fit_interval(config, *candidates(20_000, 3, bias=0.3), corrects_bias=True)
    raw, truth = candidates(20_000, 4, bias=0.3)
    given = Answer(answer)(torch.from_numpy(raw.astype(np.float32))).numpy()[:, 0]
    for low in (0.3, 0.9, 1.5):
        inside = (truth >= low) & (truth < low + 0.2)
        assert np.median(given[inside] - truth[inside]) == pytest.approx(0.0, abs=0.03)


def test_where_the_response_does_not_rise_no_correction_is_asked():
    truth = np.repeat(np.arange(12.0), 100)
    at, excess = fit_excess(np.minimum(truth, 6.0), truth)
    assert list(at) == sorted(set(at)) and len(at) == len(excess) < 12


def test_each_of_several_answers_has_its_raw_numbers_and_learns_where_its_target_is_known():
    answers = Answers([AnswerConfig("probability"), AnswerConfig("quantiles", 2.0), AnswerConfig("gaussian", 3.0)])
    rng = np.random.default_rng(2)
    raw = torch.from_numpy(rng.normal(size=(5, 6)).astype(np.float32)).requires_grad_()
    target = torch.tensor(
        [[0.0, 1.0, math.nan], [1.0, math.nan, math.nan], [1.0, 3.0, math.nan]] + [[0.0, 2.0, math.nan]] * 2
    )
    loss = answers.loss(raw, target)
    loss.backward()
    score, mass, _ = answers.each
    known = [0, 2, 3, 4]
    assert float(loss.detach()) == pytest.approx(
        float((score.loss(raw[:, :1], target[:, 0]) + mass.loss(raw[known, 1:4], target[known, 1])).detach())
    )
    assert (raw.grad[:, 4:] == 0).all() and (raw.grad[1, 1:] == 0).all() and (raw.grad[known, 1] != 0).all()
    torch.testing.assert_close(answers(raw)[:, 1:5], mass(raw[:, 1:4]))
    assert answers(raw).shape == (5, 1 + 4 + 4)
