"""Make signal and the rest equally many in every bin of pT and |eta|, so that spectra tell a network nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.tasks import Balance


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
    by_kind = np.lexsort((order, kind))
    rank = np.empty(len(kind), dtype=np.int64)
    rank[by_kind] = np.arange(len(kind)) - (np.cumsum(counts) - counts)[kind[by_kind]]
    return is_inside & (rank < fewer[cell])
