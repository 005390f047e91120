"""A batch that a processor answers in pieces: the same answers, in its cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from e2e.contract import PADDING_INDEX
from e2e.frames import Packed

# pixels of a piece, padding counted: a few jets, a hundred crops of crystals (docs/decisions/0030)
MOST_PADDED = 1 << 13


def in_pieces(answer: Callable[[Packed], NDArray[np.float32]], packed: Packed) -> NDArray[np.float32]:
    """What `answer` gives for each candidate, (batch, outputs), in their order.

    Candidates of like length go together, none padded further than the longest beside it.
    """
    if len(packed.seed) == 1 or packed.pixel_index.size <= MOST_PADDED:
        return answer(packed)
    is_there = packed.pixel_index != PADDING_INDEX
    up_to_last = is_there.shape[1] - is_there[:, ::-1].argmax(axis=1)
    length = np.where(is_there.any(axis=1), up_to_last, 1)
    order = np.argsort(length, kind="stable")
    pieces = []
    for rows in _pieces(order, length):
        longest = length[rows[-1]]
        index, value = (np.ascontiguousarray(part[rows, :longest]) for part in packed[:2])
        pieces.append(answer(Packed(index, value, packed.seed[rows])))
    return np.concatenate(pieces)[np.argsort(order)]


def _pieces(order: NDArray[np.intp], length: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Of candidates from the shortest to the longest: as many as there is room for, one at least."""
    begin = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or (end + 1 - begin) * length[order[end]] > MOST_PADDED:
            yield order[begin:end]
            begin = end
