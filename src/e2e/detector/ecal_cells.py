"""Dense numbers of the ECAL crystals, and a flat map on which a step to a neighbour is an addition.

Cells 0 to 61,199 are the barrel (row x 360 + column of its grid), then come the endcap crystals, EE- before EE+, by ix,
then iy. The number after the last, `NUM_ECAL_CELLS`, stands for "no crystal there".

The map lays the three regions (EB, EE-, EE+) below each other with margins of `MAP_MARGIN` empty pixels; the barrel's
margins along phi repeat its other end. A place on the map is one number, so that the neighbour `rows` down and
`columns` to the right is at `place + rows * MAP_WIDTH + columns`.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract.grids import GRIDS
from e2e.detector.crystals import endcap_exists
from e2e.detector.detid import pack_eb, pack_ee
from e2e.detector.geometry import barrel_position, endcap_position
from e2e.detector.grids import barrel_crystal

IntArray = NDArray[np.int64]

_ROWS, _COLUMNS = GRIDS["barrel"].rows, GRIDS["barrel"].columns
NUM_BARREL_CELLS = _ROWS * _COLUMNS
NUM_ECAL_CELLS = NUM_BARREL_CELLS + 2 * 7324

EB, EE_MINUS, EE_PLUS = 0, 1, 2  # regions
_ENDCAP_SIDE = 100  # crystals of an endcap lie in a square of 100 x 100, row ix - 1 and column iy - 1

MAP_MARGIN = 36  # crystals that a window may reach beyond its centre
MAP_WIDTH = _COLUMNS + 2 * MAP_MARGIN
_FIRST_ROW = MAP_MARGIN + np.array(
    [0, _ROWS + MAP_MARGIN, _ROWS + _ENDCAP_SIDE + 2 * MAP_MARGIN]
)  # of each region, on the map
_MAP_ROWS = int(_FIRST_ROW[-1]) + _ENDCAP_SIDE + MAP_MARGIN

TOWER_SIZE = 5  # crystals; EB trigger towers, EE supercrystals
_TOWER_ROWS, _TOWER_COLUMNS = _ROWS // TOWER_SIZE, _COLUMNS // TOWER_SIZE
_TOWER_SIDE = _ENDCAP_SIDE // TOWER_SIZE
NUM_BARREL_TOWERS = _TOWER_ROWS * _TOWER_COLUMNS
NUM_ECAL_TOWERS = NUM_BARREL_TOWERS + 2 * _TOWER_SIDE**2


class EcalCells(NamedTuple):
    """Every crystal, (NUM_ECAL_CELLS,) each. eta, phi: of the front face. place: on the map. tower: 5 x 5 crystals."""

    detid: NDArray[np.uint32]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    sin_theta: NDArray[np.float64]
    place: IntArray
    tower: IntArray


@cache
def ecal_cells() -> EcalCells:
    row, column = np.divmod(np.arange(NUM_BARREL_CELLS), _COLUMNS)
    crystal = barrel_crystal(row, column)
    side, ix, iy = _endcap_crystals()
    region = np.where(side > 0, EE_PLUS, EE_MINUS)
    barrel, endcap = barrel_position(*crystal), endcap_position(ix, iy, side)
    eta, phi = (np.concatenate(both) for both in zip(barrel, endcap, strict=True))
    barrel_tower = row // TOWER_SIZE * _TOWER_COLUMNS + column // TOWER_SIZE
    endcap_tower = ((side > 0) * _TOWER_SIDE + (ix - 1) // TOWER_SIZE) * _TOWER_SIDE + (iy - 1) // TOWER_SIZE
    return EcalCells(
        np.concatenate((pack_eb(*crystal), pack_ee(ix, iy, side))),
        eta,
        phi,
        1 / np.cosh(eta),
        np.concatenate((place_of(np.zeros_like(row), row, column), place_of(region, ix - 1, iy - 1))),
        np.concatenate((barrel_tower, NUM_BARREL_TOWERS + endcap_tower)),
    )


def _endcap_crystals() -> tuple[IntArray, IntArray, IntArray]:
    """side, ix, iy in the order of the cells."""
    grid = np.meshgrid((-1, 1), np.arange(1, 101), np.arange(1, 101), indexing="ij")
    side, ix, iy = (axis.ravel() for axis in grid)
    exists = endcap_exists(ix, iy)
    return side[exists], ix[exists], iy[exists]


def place_of(region: IntArray, row: IntArray, column: IntArray) -> IntArray:
    """Place on the map. A barrel column is taken modulo 360; else what lies far outside is put into the margin."""
    half = MAP_MARGIN // 2
    last = np.where(region == EB, _ROWS, _ENDCAP_SIDE) - 1 + half
    inside = np.where(region == EB, column % _COLUMNS, np.clip(column, -half, _ENDCAP_SIDE - 1 + half))
    return (_FIRST_ROW[region] + np.clip(row, -half, last)) * MAP_WIDTH + MAP_MARGIN + inside


@cache
def cell_map() -> NDArray[np.int32]:
    """Cell at every place; NUM_ECAL_CELLS: none."""
    cells = np.full((_MAP_ROWS, MAP_WIDTH), NUM_ECAL_CELLS, dtype=np.int32)
    cells.ravel()[ecal_cells().place] = np.arange(NUM_ECAL_CELLS)
    barrel = cells[_FIRST_ROW[EB] : _FIRST_ROW[EB] + _ROWS]
    barrel[:, :MAP_MARGIN] = barrel[:, _COLUMNS : _COLUMNS + MAP_MARGIN]
    barrel[:, -MAP_MARGIN:] = barrel[:, MAP_MARGIN : 2 * MAP_MARGIN]
    return cells.ravel()


def steps(rows: int, columns: int) -> IntArray:
    """What to add to a place for the window of +-rows x +-columns, (2 rows + 1, 2 columns + 1)."""
    return np.arange(-rows, rows + 1)[:, None] * MAP_WIDTH + np.arange(-columns, columns + 1)


@cache
def tower_neighbours() -> IntArray:
    """The towers around every tower, (NUM_ECAL_TOWERS, 8); itself, where there is none."""
    own = np.arange(NUM_ECAL_TOWERS)
    around = np.empty((NUM_ECAL_TOWERS, 8), dtype=np.int64)
    grids = [(0, _TOWER_ROWS, _TOWER_COLUMNS)]
    grids += [(NUM_BARREL_TOWERS + k * _TOWER_SIDE**2, _TOWER_SIDE, _TOWER_SIDE) for k in range(2)]
    for first, rows, columns in grids:
        here = own[first : first + rows * columns].reshape(rows, columns)
        wrapped = np.pad(here, ((0, 0), (1, 1)), mode="wrap") if first == 0 else np.pad(here, ((0, 0), (1, 1)), "edge")
        padded = np.pad(wrapped, ((1, 1), (0, 0)), mode="edge")
        shifts = [(r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)]
        around[here] = np.stack([padded[r : r + rows, c : c + columns] for r, c in shifts], axis=-1)
    return around
