"""Which candidates to keep so that numbers tell a network nothing: of kinds at each pT and |eta|, of values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.tasks import Balance, Flat


def balanced(
    balance: Balance, pt: ArrayLike, eta: ArrayLike, is_signal: NDArray[np.bool_], order: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which candidates to keep: of the more numerous kind in a bin those first in `order`; none beyond the edges.

    pt (GeV), eta, is_signal, order: (candidates,).
    """
    pt_bin = np.digitize(np.asarray(pt), balance.pt_edges) - 1
    eta_bin = np.digitize(np.abs(np.asarray(eta)), balance.abs_eta_edges) - 1
    num_pt, num_eta = len(balance.pt_edges) - 1, len(balance.abs_eta_edges) - 1
    is_inside = (pt_bin >= 0) & (pt_bin < num_pt) & (eta_bin >= 0) & (eta_bin < num_eta)
    cell = np.where(is_inside, pt_bin * num_eta + eta_bin, num_pt * num_eta)

    kind = cell * 2 + is_signal
    counts = np.bincount(kind, minlength=2 * (num_pt * num_eta + 1))
    fewer = counts.reshape(-1, 2).min(axis=1)
    return is_inside & (_rank(kind, counts, order) < fewer[cell])


def flattened(
    flat: Flat, value: ArrayLike, is_signal: NDArray[np.bool_], order: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which candidates to keep: the rest, and of the signal as many in each bin of `value` as in the emptiest, those
    first in `order`; none beyond the edges. A bin with less than half of the median bin keeps what it has, and is
    less than flat, so that a thin one does not cost the others more than half.

    value (in the output's unit), is_signal, order: (candidates,).
    """
    place = np.digitize(np.asarray(value), flat.edges) - 1
    is_inside = is_signal & (place >= 0) & (place < flat.bins)
    cell = np.where(is_inside, place, flat.bins)
    counts = np.bincount(cell, minlength=flat.bins + 1)
    quota = max(counts[: flat.bins].min(), np.median(counts[: flat.bins]) / 2)
    return (is_inside & (_rank(cell, counts, order) < quota)) | ~is_signal


def _rank(cell: NDArray[np.int64], counts: NDArray[np.int64], order: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each candidate among those of its cell, by `order`, from 0."""
    by_cell = np.lexsort((order, cell))
    rank = np.empty(len(cell), dtype=np.int64)
    rank[by_cell] = np.arange(len(cell)) - (np.cumsum(counts) - counts)[cell[by_cell]]
    return rank
