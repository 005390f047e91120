"""After the training: an interval that covers what it says, and a response without bias where that is wanted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from e2e.contract.answers import QUANTILES, AnswerConfig
from e2e.models.answers import Answer

COVERAGE = QUANTILES[-1] - QUANTILES[0]
LEAST_CANDIDATES = 200  # fewer fit nothing
BINS = 12  # of the true value, equally many candidates in each

FloatArray = NDArray[np.float64]


def fit_interval(
    answer: AnswerConfig, raw: ArrayLike, truth: ArrayLike, *, corrects_bias: bool = False
) -> tuple[AnswerConfig, dict[str, Any]]:
    """The answer with its arms stretched until they cover `COVERAGE` of the candidates (split conformal prediction:
    Romano et al., arXiv:1905.03222), and what was found. raw: (candidates, num_raw) and truth: (candidates,), of some
    that were not trained on. corrects_bias: by `fit_excess`, of every second
    candidate; then the stretch is of the others.

    Fewer than LEAST_CANDIDATES leave the answer as it is.
    """
    numbers = torch.as_tensor(np.asarray(raw, dtype=np.float32))
    true = np.asarray(truth, dtype=np.float64)
    if len(true) < LEAST_CANDIDATES:
        return answer, {"not_fitted": f"{len(true)} candidates, {LEAST_CANDIDATES} are needed"}
    if corrects_bias:
        estimate = Answer(answer).estimate(numbers)[:, 0].double().numpy()
        at, excess = fit_excess(estimate[::2], true[::2])
        answer = replace(answer, excess_at=at, excess=excess)
        numbers, true = numbers[1::2], true[1::2]  # what the stretch is fitted to has not been corrected to fit
    value, lower, upper = _interval(answer, numbers)
    arm = np.where(true < value, value - lower, upper - value)
    needed = np.abs(true - value) / np.maximum(arm, 1e-9)
    stretch = float(np.quantile(needed, min(COVERAGE * (1 + 1 / len(true)), 1.0)))
    found = {"candidates": len(true), "coverage_before": float((needed <= 1).mean()), "stretch": stretch}
    return replace(answer, stretch=answer.stretch * stretch), found


def fit_excess(estimate: FloatArray, truth: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where estimates lie whose true value is known, and by how much they are too high: the median of each of `BINS`
    bins of the truth. A bin whose median does not lie above that of the one before is left out.

    Subtracting it makes the median response linear, at the price of a larger spread where the network could not tell.
    """
    edges = np.quantile(truth, np.linspace(0, 1, BINS + 1))
    at: list[float] = []
    excess: list[float] = []
    for low, high in pairwise(edges):
        inside = (truth >= low) & (truth <= high)
        place = float(np.median(estimate[inside]))
        if not at or place > at[-1]:
            at.append(place)
            excess.append(place - float(np.median(truth[inside])))
    return tuple(at), tuple(excess)


@torch.no_grad()
def _interval(answer: AnswerConfig, raw: torch.Tensor) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Estimate, lower and upper end, (candidates,) each."""
    final = Answer(answer)(raw).double().numpy()
    return final[:, 0], final[:, 1], final[:, 2]
