"""In which order candidates are visited: a pure function of seed, epoch and data, whoever reads how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

BLOCK_GROUPS = 16  # row groups that are shuffled among each other: read from as many places, and held in memory


class Order(NamedTuple):
    """rows: (candidates,) in the order of the visit. cuts: rows `cuts[i]` to `cuts[i + 1]` are read together."""

    rows: IntArray
    cuts: IntArray


def shuffled(count: int, seed: Sequence[int]) -> IntArray:
    """A permutation that depends on the seed alone."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).permutation(count)


def visit(group: IntArray, seed: Sequence[int] | None) -> Order:
    """Visit every row once; group: (candidates,) of what is stored together, ascending.

    Without a seed as stored. With one the groups are visited in random order, `BLOCK_GROUPS` at a time, and the rows of
    these at random.
    """
    first = np.flatnonzero(np.diff(group, prepend=-1))  # of each group that has rows
    bounds = np.append(first, len(group))
    if seed is None:
        return Order(np.arange(len(group)), bounds if len(group) else np.zeros(1, dtype=np.int64))
    order = shuffled(len(first), (*seed, 0))
    parts, cuts = [np.zeros(0, dtype=np.int64)], [0]
    for number, start in enumerate(range(0, len(order), BLOCK_GROUPS)):
        chosen = order[start : start + BLOCK_GROUPS]
        rows = np.concatenate([np.arange(bounds[g], bounds[g + 1]) for g in chosen])
        parts.append(rows[shuffled(len(rows), (*seed, 1, number))])
        cuts.append(cuts[-1] + len(rows))
    return Order(np.concatenate(parts), np.array(cuts))


def share_of(rank: int, ranks: int, count: int, batch_size: int) -> IntArray:
    """Bounds of the batches of one of `ranks` processes that train together: `bounds[i]` to `bounds[i + 1]` of the
    order are its batch i.

    Each has a piece of the order to itself and the same number of batches, which differ by one candidate at most:
    nothing is left out, nothing comes twice, and nobody waits for another. With several, a batch may hold one more
    than `batch_size`; with fewer candidates than ranks there is no batch at all.
    """
    first, last = rank * count // ranks, (rank + 1) * count // ranks
    steps = num_batches(ranks, count, batch_size)
    return first + np.arange(steps + 1) * (last - first) // max(steps, 1)


def num_batches(ranks: int, count: int, batch_size: int) -> int:
    """Of each rank."""
    return -(-(count // ranks) // batch_size)
