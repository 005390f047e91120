"""Metrics, each with its statistical error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, rankdata

FloatArray = NDArray[np.float64]

TOO_FEW = "too few candidates"  # said of what cannot be measured
MIN_PASSING = 10  # background candidates: with fewer the error is a third of the number or more


class Measured(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4f} +- {self.error:.4f}"

    def to_json(self) -> dict[str, float | None]:
        """Rounded; null for what cannot be measured."""
        return {name: round(x, 5) if np.isfinite(x) else None for name, x in self._asdict().items()}


def plus_minus(number: Mapping[str, float | None], digits: int = 4) -> str:
    """What `to_json` gave, for people."""
    value, error = number["value"], number["error"]
    return TOO_FEW if value is None or error is None else f"{value:.{digits}f} ± {error:.{digits}f}"


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

    NaN when there is no signal, or when fewer than MIN_PASSING of the background pass.
    """
    score, truth = np.asarray(score, dtype=np.float64), np.asarray(is_signal).astype(bool)

    def passing(s: FloatArray, t: NDArray[np.bool_]) -> int:
        return int((s[~t] >= np.quantile(s[t], 1 - efficiency)).sum()) if t.any() else 0

    def measure(s: FloatArray, t: NDArray[np.bool_]) -> float:
        return float((~t).sum() / max(passing(s, t), 1))

    if passing(score, truth) < MIN_PASSING:
        return Measured(float("nan"), float("nan"))
    return bootstrap(measure, score, truth)


def rejections(score: ArrayLike, is_signal: ArrayLike, efficiencies: Sequence[float]) -> dict[str, Any]:
    """`rejection` at each, as JSON: by "50%" and so on."""
    return {f"{efficiency:.0%}": rejection(score, is_signal, efficiency).to_json() for efficiency in efficiencies}


def proportion(passes: ArrayLike) -> Measured:
    """The share that passes; error binomial. passes: (candidates,) of truth values, at least one."""
    share = float(np.asarray(passes, dtype=np.float64).mean())
    return Measured(share, float(np.sqrt(share * (1 - share) / np.size(passes))))


def efficiency(passes: ArrayLike) -> dict[str, float | None]:
    """The share that passes, with the ends of its 68 % interval (Clopper-Pearson); null where there is none at all.
    passes: (candidates,) of truth values."""
    total, passing = int(np.size(passes)), int(np.count_nonzero(passes))
    if not total:
        return {"value": None, "lower": None, "upper": None}
    interval = binomtest(passing, total).proportion_ci(confidence_level=0.6827)
    return {"value": passing / total, "lower": float(interval.low), "upper": float(interval.high)}


def calibration_error(probability: ArrayLike, is_signal: ArrayLike, bins: int = 15) -> float:
    """Mean distance between what is said and what is so, over bins of about equally many candidates; 0 is perfect.

    probability, is_signal: (candidates,). By chance alone a perfect answer gives up to 0.4 sqrt(bins / candidates).
    NaN without candidates.
    """
    said, truth = np.asarray(probability, dtype=np.float64), np.asarray(is_signal).astype(np.float64)
    if not len(said):
        return float("nan")
    order = np.argsort(said, kind="stable")
    distance = (said - truth)[order]
    return float(sum(abs(distance[part].sum()) for part in equal_parts(said[order], bins)) / len(said))


def equal_parts(ascending: FloatArray, count: int) -> list[slice]:
    """Up to `count` parts of about equally many values each; equal values are in one part."""
    ends = np.cumsum([len(part) for part in np.array_split(ascending, count)])
    ends = np.unique(np.searchsorted(ascending, ascending[ends[ends > 0] - 1], side="right"))
    return [slice(first, last) for first, last in pairwise([0, *ends.tolist()])]


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


def paired_areas(scores: ArrayLike, is_signal: ArrayLike, repeats: int = 1000, seed: int = 0) -> FloatArray:
    """Areas under the ROC curves of several scores on the same resamplings of the candidates, so that what is common
    to them drops out of their differences; ties counted half.

    scores: (scores, candidates). is_signal: (candidates,), both classes present. Returns (repeats, scores).
    """
    truth = np.asarray(is_signal).astype(bool)
    rows = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    first = np.stack([np.searchsorted(row, row, side="left") for row in ordered])
    last = np.stack([np.searchsorted(row, row, side="right") for row in ordered])
    rng = np.random.default_rng(seed)
    areas = np.empty((repeats, len(rows)))
    for repeat in range(repeats):
        drawn = np.bincount(rng.integers(len(truth), size=len(truth)), minlength=len(truth)).astype(np.float64)
        background, signal = np.where(truth, 0.0, drawn), np.where(truth, drawn, 0.0)
        for k, place in enumerate(order):
            below = np.concatenate(((0.0,), np.cumsum(background[place])))
            ranked = (below[first[k]] + below[last[k]]) / 2
            areas[repeat, k] = (ranked * signal[place]).sum() / max(signal.sum() * background.sum(), 1.0)
    return areas


def paired_means(columns: ArrayLike, repeats: int = 1000, seed: int = 0) -> FloatArray:
    """Means of several columns on the same resamplings of their rows. columns: (columns, rows). Returns (repeats,
    columns)."""
    values = np.atleast_2d(np.asarray(columns, dtype=np.float64))
    count = values.shape[1]
    rng = np.random.default_rng(seed)
    drawn = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(repeats))
    return np.stack([values @ weights for weights in drawn]) / count


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for being several (Holm, Scand. J. Statist. 6 (1979) 65): each at least what it was."""
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(
        [min(1.0, (len(order) - rank) * p_values[k]) for rank, k in enumerate(order)]
    )
    return corrected.tolist()


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
