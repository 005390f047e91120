"""Metrics, each with its statistical error."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

FloatArray = NDArray[np.float64]


class Measured(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4f} +- {self.error:.4f}"


def area_under_curve(score: ArrayLike, is_signal: ArrayLike) -> Measured:
    """Area under the ROC curve, ties counted half; error by DeLong's variance (Biometrics 44 (1988) 837).

    score, is_signal: (candidates,). NaN when one class is missing.
    """
    score, truth = np.asarray(score, dtype=np.float64), np.asarray(is_signal).astype(bool)
    signal, background = score[truth], score[~truth]
    if len(signal) < 2 or len(background) < 2:
        return Measured(float("nan"), float("nan"))
    ranks = rankdata(np.concatenate((signal, background)))
    of_signal = (ranks[: len(signal)] - rankdata(signal)) / len(background)
    of_background = 1 - (ranks[len(signal) :] - rankdata(background)) / len(signal)
    variance = of_signal.var(ddof=1) / len(signal) + of_background.var(ddof=1) / len(background)
    return Measured(float(of_signal.mean()), float(np.sqrt(variance)))


def rejection(score: ArrayLike, is_signal: ArrayLike, efficiency: float) -> Measured:
    """1 / background efficiency at a signal efficiency; error by bootstrap, the threshold's included.

    NaN when one class is missing.
    """
    score, truth = np.asarray(score, dtype=np.float64), np.asarray(is_signal).astype(bool)
    if not truth.any() or truth.all():
        return Measured(float("nan"), float("nan"))

    def measure(s: FloatArray, t: NDArray[np.bool_]) -> float:
        threshold = np.quantile(s[t], 1 - efficiency)
        return float((~t).sum() / max((s[~t] >= threshold).sum(), 1))

    return bootstrap(measure, score, truth)


def mean_absolute_error(answer: ArrayLike, truth: ArrayLike) -> Measured:
    difference = np.abs(np.asarray(answer, dtype=np.float64) - np.asarray(truth, dtype=np.float64))
    return Measured(float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference))))


def half_width_68(values: ArrayLike) -> float:
    """Half the distance between the 16 % and the 84 % quantile: the resolution, robust against tails."""
    low, high = np.quantile(np.asarray(values, dtype=np.float64), (0.16, 0.84))
    return float((high - low) / 2)


def bootstrap(statistic: Callable[..., float], *columns: NDArray[Any], repeats: int = 200, seed: int = 0) -> Measured:
    """The statistic of the columns, with the spread over resamplings of their rows."""
    rng = np.random.default_rng(seed)
    count = len(columns[0])
    samples = []
    for _ in range(repeats):
        rows = rng.integers(count, size=count)
        samples.append(statistic(*(column[rows] for column in columns)))
    return Measured(float(statistic(*columns)), float(np.std(samples, ddof=1)))


def in_bins(
    variable: NDArray[Any], edges: FloatArray, measure: Callable[[NDArray[np.bool_]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """`measure` of the rows in each bin of `variable`; bins with fewer than 20 rows are left out."""
    rows = []
    for low, high in pairwise(edges):
        inside = (variable >= low) & (variable < high)
        if inside.sum() >= 20:
            rows.append({"low": float(low), "high": float(high), "candidates": int(inside.sum()), **measure(inside)})
    return rows
