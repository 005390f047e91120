"""What was measured of one quantity in many events: one value an event, or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Values(NamedTuple):
    """value: (items,). event_index: (items,), zero-based event of each. num_events: events that were asked, those
    without an item included."""

    value: FloatArray
    event_index: IntArray
    num_events: int

    @classmethod
    def of_items(cls, value: ArrayLike, event_index: IntArray, num_events: int) -> Values:
        """Not-a-number is left out: the source does not say."""
        value = np.asarray(value, dtype=np.float64)
        known = np.isfinite(value)
        return cls(value[known], event_index[known], num_events)

    @classmethod
    def of_events(cls, value: ArrayLike) -> Values:
        value = np.asarray(value, dtype=np.float64)
        return cls(value, np.arange(len(value)), len(value))

    def of(self, is_used: NDArray[np.bool_]) -> Values:
        """Those of some events, numbered anew. is_used: (num_events,)."""
        kept = is_used[self.event_index]
        new_index = np.cumsum(is_used) - 1
        return Values(self.value[kept], new_index[self.event_index[kept]], int(is_used.sum()))

    @classmethod
    def concatenate(cls, parts: Sequence[Values]) -> Values:
        first = np.cumsum([0, *(part.num_events for part in parts)])
        return cls(
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.event_index + start for part, start in zip(parts, first[:-1], strict=True)]),
            int(first[-1]),
        )
