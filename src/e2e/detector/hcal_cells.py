"""The read-out channels of HB and HE under dense numbers, which energy deposits are added up by.

Two depth segmentations: with the old ids (until 2016) and with those from 2017 on. HB has the old one in both: its
finer depths came in 2019. Sources: CMS HCAL TDR (CERN-LHCC-97-31) and Phase-1 upgrade TDR (CERN-LHCC-2012-015). Where
along the path a segment ends is estimated: in 2012 from the energies in real files, else from the layer counts.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract.grids import HCAL_LAST_FINE_IETA
from e2e.detector.detid import HCAL_IETA_RANGE, pack_hcal
from e2e.detector.geometry import HBHE_EDGES, hcal_position

# Interaction lengths of the whole: of HB at eta 0, of HE along the beam. Source: CMS, JINST 3 (2008) S08004, 5.1.
HB_LENGTH, HE_LENGTH = 5.8, 10.0
NUM_IPHI = 72  # where towers are 5 degrees wide; those of 10 degrees have every second
HB_MAX_ETA = float(HBHE_EDGES[HCAL_IETA_RANGE["HB"][1]])
_LAST_IETA = HCAL_IETA_RANGE["HE"][1]


class Segments(NamedTuple):
    """A tower's depth segments: depth numbers, and where each ends, in interaction lengths square to the layers."""

    depth: tuple[int, ...]
    end: tuple[float, ...]


_HB = {
    **dict.fromkeys(range(1, 15), Segments((1,), (HB_LENGTH,))),
    15: Segments((1, 2), (4.4, HB_LENGTH)),
    16: Segments((1, 2), (1.5, 3.0)),  # cut off by the slanted end of the barrel; HE goes on behind it
}
_HE_OLD = {
    16: Segments((3,), (HE_LENGTH,)),
    17: Segments((1,), (HE_LENGTH,)),
    **dict.fromkeys(range(18, 27), Segments((1, 2), (3.0, HE_LENGTH))),
    **dict.fromkeys((27, 28), Segments((1, 2, 3), (2.2, 3.2, HE_LENGTH))),
    29: Segments((1, 2), (2.2, 3.2)),  # its deepest layers belong to tower 28
}
_HE_NEW = {
    16: Segments((4,), (HE_LENGTH,)),
    17: Segments((2, 3), (4.0, HE_LENGTH)),
    18: Segments((2, 3, 4, 5), (2.0, 3.5, 5.5, HE_LENGTH)),
    **dict.fromkeys(range(19, 26), Segments((1, 2, 3, 4, 5, 6), (0.7, 1.9, 3.3, 4.9, 6.9, HE_LENGTH))),
    **dict.fromkeys((26, 27, 28), Segments((1, 2, 3, 4, 5, 6, 7), (0.7, 1.7, 2.7, 4.3, 6.0, 8.0, HE_LENGTH))),
    29: Segments((1, 2, 3), (0.7, 1.7, 2.7)),
}


class HcalReadOut(Protocol):
    """A running period, as far as the HCAL's channels depend on it."""

    @property
    def has_new_hcal_ids(self) -> bool: ...


class HcalCells(NamedTuple):
    """One element a cell, in the order of the numbers: HB before HE, then |ieta|, depth, side and iphi.

    eta, phi: of the centre, in radians. is_endcap: HE.
    """

    detid: NDArray[np.uint32]
    ieta: NDArray[np.int32]
    iphi: NDArray[np.int32]
    depth: NDArray[np.int32]
    is_endcap: NDArray[np.bool_]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]


class _Lookup(NamedTuple):
    """For |ieta| and a place in its list of segments, HB's before HE's; unused places end at infinity."""

    end: NDArray[np.float64]  # (30, segments)
    first_cell: NDArray[np.int64]  # (30, segments) of iphi 1 on the negative side; -1: nothing there


def hcal_cells(era: HcalReadOut) -> HcalCells:
    return _cells(era.has_new_hcal_ids)


def num_hcal_cells(era: HcalReadOut) -> int:
    return len(hcal_cells(era).detid)


def hcal_cell_at(eta: ArrayLike, phi: ArrayLike, depth: ArrayLike, era: HcalReadOut) -> NDArray[np.int64]:
    """The cell at a direction (radian) and a depth in interaction lengths square to the layers; -1 where there is none.

    eta, phi are seen from the centre of the detector, as the towers are.
    """
    lookup = _lookup(era.has_new_hcal_ids)
    eta, depth = np.asarray(eta, dtype=np.float64), np.asarray(depth, dtype=np.float64)
    size = np.searchsorted(HBHE_EDGES, np.abs(eta), side="right")  # |ieta|, or 30 beyond the last
    is_inside = (size <= _LAST_IETA) & (depth >= 0)
    size = np.minimum(size, _LAST_IETA)
    segment = np.zeros(size.shape, dtype=np.int64)
    for end in lookup.end.T[:-1]:
        segment += depth >= end[size]
    first = lookup.first_cell[size, segment]
    column = np.floor(np.asarray(phi, dtype=np.float64) * (NUM_IPHI / (2 * np.pi))).astype(np.int64) % NUM_IPHI
    is_wide = size > HCAL_LAST_FINE_IETA
    cell = first + np.where(is_wide, column >> 1, column) + (eta >= 0) * np.where(is_wide, NUM_IPHI // 2, NUM_IPHI)
    return np.where(is_inside & (first >= 0), cell, -1)


def _towers(has_new_ids: bool) -> list[tuple[str, int, int, float]]:
    """Subdetector, |ieta|, depth and end of every segment, in the order of the numbers."""
    tables = {"HB": _HB, "HE": _HE_NEW if has_new_ids else _HE_OLD}
    return [
        (name, size, depth, end)
        for name, table in tables.items()
        for size, segments in table.items()
        for depth, end in zip(*segments, strict=True)
    ]


@cache
def _cells(has_new_ids: bool) -> HcalCells:
    rings = []
    for name, size, depth, _ in _towers(has_new_ids):
        step = 2 if size > HCAL_LAST_FINE_IETA else 1
        iphi = np.tile(np.arange(1, NUM_IPHI + 1, step), 2)
        ieta = np.repeat((-size, size), NUM_IPHI // step)
        depths = np.full(len(iphi), depth)
        detid = pack_hcal(name, ieta, iphi, depths, has_new_ids)
        rings.append((detid, ieta, iphi, depths, depths * 0 + (name == "HE"), *hcal_position(name, ieta, iphi, depths)))
    columns = [np.concatenate(column) for column in zip(*rings, strict=True)]
    types = (np.uint32, np.int32, np.int32, np.int32, np.bool_, np.float64, np.float64)
    return HcalCells(*(column.astype(kind) for column, kind in zip(columns, types, strict=True)))


@cache
def _lookup(has_new_ids: bool) -> _Lookup:
    rings: list[list[tuple[float, int]]] = [[] for _ in range(_LAST_IETA + 1)]
    next_cell = 0
    for _, size, _, end in _towers(has_new_ids):
        rings[size].append((end, next_cell))
        next_cell += 2 * NUM_IPHI // (2 if size > HCAL_LAST_FINE_IETA else 1)
    rings[_LAST_IETA] += [segment for segment in rings[_LAST_IETA - 1] if segment[0] > rings[_LAST_IETA][-1][0]]
    num_places = max(map(len, rings)) + 1
    ends, cells = np.full((len(rings), num_places), np.inf), np.full((len(rings), num_places), -1)
    for size, ring in enumerate(rings):
        for place, (end, cell) in enumerate(ring):
            ends[size, place], cells[size, place] = end, cell
    return _Lookup(ends, cells)
