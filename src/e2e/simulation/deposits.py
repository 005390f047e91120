"""Energy in calorimeter cells: added up from many contributions, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.events.ragged import rows_of
from e2e.simulation.stages import CellEnergies, Deposits

BLOCK_EVENTS = 32  # whose cells are held in full at once: 20 MB for the ECAL

IntArray = NDArray[np.int64]


class Contributions(NamedTuple):
    """Energy (GeV) that reaches cells of events, in any order, at times in ns."""

    event: IntArray
    cell: NDArray[Any]
    energy: NDArray[Any]
    time: NDArray[Any]


def add_up(num_events: int, num_cells: int, energies: CellEnergies) -> Deposits:
    """Energies added up, cell by cell."""
    event, cell, energy = energies
    block = (event // BLOCK_EVENTS).astype(np.uint16)
    order = np.argsort(block, kind="stable")
    event, cell, energy = event[order], cell[order], energy[order]
    time = np.zeros(len(event), dtype=np.float32)
    ends = np.searchsorted(block[order], np.arange(num_events // BLOCK_EVENTS + 2))

    def of_block(first: int) -> Contributions:
        rows = slice(*ends[first // BLOCK_EVENTS : first // BLOCK_EVENTS + 2])
        return Contributions(event[rows], cell[rows], energy[rows], time[rows])

    return _sum_blocks(num_events, num_cells, of_block)


class Part(NamedTuple):
    """Events `chosen` of `deposits`, to be added to events `event` (ascending): a share of their energy, delayed."""

    deposits: Deposits
    event: IntArray
    chosen: IntArray
    share: float = 1.0
    delay_ns: float = 0.0


def add_parts(num_events: int, num_cells: int, parts: Sequence[Part]) -> Deposits:
    def of_block(first: int) -> Contributions:
        columns = []
        for part in parts:
            inside = slice(*np.searchsorted(part.event, (first, first + BLOCK_EVENTS)))
            rows, owner = rows_of(part.deposits.offsets, part.chosen[inside])
            energy, time = part.deposits.energy[rows] * part.share, part.deposits.time[rows] + part.delay_ns
            columns.append((part.event[inside][owner], part.deposits.cell[rows], energy, time))
        return Contributions(*map(np.concatenate, zip(*columns, strict=True)))

    return _sum_blocks(num_events, num_cells, of_block)


def _sum_blocks(num_events: int, num_cells: int, of_block: Callable[[int], Contributions]) -> Deposits:
    counts, cells, energies, times = [], [], [], []
    for first in range(0, num_events, BLOCK_EVENTS):
        size = min(BLOCK_EVENTS, num_events - first)
        given = of_block(first)
        flat = (given.event - first) * num_cells + given.cell
        total = np.bincount(flat, given.energy, minlength=size * num_cells)
        found = np.flatnonzero(total)
        moment = np.bincount(flat, given.energy * given.time, minlength=size * num_cells)
        event, cell = np.divmod(found, num_cells)
        counts.append(np.bincount(event, minlength=size))
        cells.append(cell.astype(np.int32))
        energies.append(total[found].astype(np.float32))
        times.append((moment[found] / total[found]).astype(np.float32))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(counts))))
    return Deposits(offsets, np.concatenate(cells), np.concatenate(energies), np.concatenate(times))
