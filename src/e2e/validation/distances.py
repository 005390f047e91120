"""How far two samples are apart. The events are independent, the hits of one event are not: errors and probabilities
come from resampling events.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from e2e.metrics import Measured
from e2e.validation.values import FloatArray, Values

NUM_BOOTSTRAPS = 999
MAX_CELLS = 1000  # values are rounded down to so many quantiles of both samples together


class Distance(NamedTuple):
    """wasserstein: in standard deviations of the real values. p_value: the chance of so large a distance when both
    samples come from the same distribution. ks: Kolmogorov and Smirnov's statistic, None for values of which an event
    has many."""

    wasserstein: Measured
    p_value: float
    ks: float | None = None


def independent_distance(real: Values, simulated: Values, seed: int = 0) -> Distance:
    """Of quantities with one value an event, or hardly more; the p-value is that of Kolmogorov and Smirnov."""
    found = ks_2samp(real.value, simulated.value)
    return item_distance(real, simulated, seed)._replace(p_value=float(found.pvalue), ks=float(found.statistic))


def item_distance(real: Values, simulated: Values, seed: int = 0) -> Distance:
    """Of quantities with many values an event: the shape of their distribution, whatever their number.

    Each sample's events are drawn with repetition. The error is the spread of the distance; the p-value is the share of
    draws whose differences from their own samples are as far apart as the samples are.
    Source: van der Vaart and Wellner, Weak Convergence and Empirical Processes (1996), 3.7.2.
    """
    rng = np.random.default_rng(seed)
    edges = _cell_starts(np.concatenate((real.value, simulated.value)))
    widths, scale = np.diff(edges), float(real.value.std())
    (ours, drawn_ours), (theirs, drawn_theirs) = (_cumulative(values, edges, rng) for values in (real, simulated))

    def area(difference: FloatArray) -> FloatArray:
        return np.abs(difference) @ widths / scale

    observed = float(area(ours - theirs))
    spread = float(np.nanstd(area(drawn_ours - drawn_theirs), ddof=1))
    by_chance = area((drawn_ours - ours) - (drawn_theirs - theirs))
    p_value = float((1 + np.count_nonzero(by_chance >= observed)) / (1 + NUM_BOOTSTRAPS))
    return Distance(Measured(observed, spread), p_value)


def _cell_starts(value: FloatArray) -> FloatArray:
    starts = np.unique(value)
    if len(starts) <= MAX_CELLS:
        return starts
    return np.unique(np.quantile(value, np.linspace(0, 1, MAX_CELLS), method="lower"))


def _cumulative(
    values: Values, starts: FloatArray, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of the items at or below each start but the last, (cells - 1,); the same for each draw of events, one line
    each. Events without an item take no part."""
    events, index = np.unique(values.event_index, return_inverse=True)
    cell = np.searchsorted(starts, values.value, side="right") - 1
    counts = np.bincount(index * len(starts) + cell, minlength=len(events) * len(starts))
    counts = counts.reshape(len(events), len(starts)).astype(np.float32)  # of each event in each cell
    times = rng.multinomial(len(events), np.full(len(events), 1 / len(events)), size=NUM_BOOTSTRAPS)
    weights = np.concatenate((np.ones((1, len(events))), times)).astype(np.float32)
    below = np.cumsum(weights @ counts, axis=1, dtype=np.float64)
    share = (below / below[:, -1:])[:, :-1]
    widened = np.sqrt(len(events) / max(len(events) - 1, 1))  # draws from few events vary too little
    return share[0], share[0] + widened * (share[1:] - share[0])
