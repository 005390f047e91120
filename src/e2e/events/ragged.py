"""Rows of ragged tables: event i owns the rows `offsets[i]` to `offsets[i + 1]`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def rows_of(offsets: IntArray, chosen: IntArray) -> tuple[IntArray, IntArray]:
    """Rows of the chosen events, one after the other, and for each row its place in `chosen`.

    offsets: (events + 1,). chosen: zero-based events, in any order, repeated or not.
    """
    lengths = (offsets[1:] - offsets[:-1])[chosen]
    ends = np.cumsum(lengths)
    owner = np.repeat(np.arange(len(chosen)), lengths)
    rows = np.arange(ends[-1] if len(ends) else 0) + np.repeat(offsets[chosen] - (ends - lengths), lengths)
    return rows, owner
