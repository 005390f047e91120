"""From channels to pixels of the three grids, and between the grids."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract.grids import (
    BARREL_MAX_IETA,
    ENDCAP_ROWS,
    GRIDS,
    HCAL_COLUMN_SHIFT,
    HCAL_LAST_FINE_IETA,
    HCAL_MAX_IETA,
    HCAL_UPSAMPLING,
    HE_TOWER_EDGES,
    Grid,
)
from e2e.detector.crystals import endcap_exists
from e2e.detector.geometry import endcap_position

IntArray = NDArray[np.int32]

# |eta| edges of the HCAL towers as the stitched grid cuts them, from |ieta| 1; the last tower takes 29 in.
TOWER_EDGES = np.array([*np.arange(17) * 0.087, *HE_TOWER_EDGES])


FIRST_COLUMN_DEG = -10.0  # where column 0 of the ECAL grids begins


class Pixel(NamedTuple):
    """Zero-based row (eta) and column (phi)."""

    row: IntArray
    column: IntArray


def barrel_pixel(ieta: ArrayLike, iphi: ArrayLike) -> Pixel:
    """EB crystal -> barrel grid."""
    ieta = np.asarray(ieta, dtype=np.int32)
    row = np.where(ieta > 0, ieta + BARREL_MAX_IETA - 1, ieta + BARREL_MAX_IETA)
    return Pixel(row.astype(np.int32), np.asarray(iphi, dtype=np.int32) - 1)


def barrel_crystal(row: ArrayLike, column: ArrayLike) -> tuple[IntArray, IntArray]:
    """Barrel pixel -> (ieta, iphi)."""
    row = np.asarray(row, dtype=np.int32)
    ieta = np.where(row >= BARREL_MAX_IETA, row - BARREL_MAX_IETA + 1, row - BARREL_MAX_IETA)
    return ieta.astype(np.int32), np.asarray(column, dtype=np.int32) + 1


def phi_column(phi: ArrayLike) -> IntArray:
    """ECAL column that contains this azimuth (radian)."""
    return (np.floor(np.rad2deg(np.asarray(phi, dtype=np.float64)) - FIRST_COLUMN_DEG).astype(np.int32)) % 360


@cache
def endcap_row_edges() -> NDArray[np.float64]:
    """The 56 |eta| edges of one endcap: every HE tower cut in five."""
    edges = np.array(HE_TOWER_EDGES)
    fractions = np.arange(HCAL_UPSAMPLING) / HCAL_UPSAMPLING
    inner = edges[:-1, None] + (edges[1:] - edges[:-1])[:, None] * fractions
    return np.append(inner.ravel(), edges[-1])


@cache
def endcap_pixel_table() -> IntArray:
    """Flat stitched pixel of each crystal, shape (2, 101, 101) indexed [side > 0, ix, iy]; -1: no crystal there."""
    table = np.full((2, 101, 101), -1, dtype=np.int32)
    ix, iy = np.meshgrid(np.arange(101), np.arange(101), indexing="ij")
    exists = endcap_exists(ix, iy)
    ix, iy = ix[exists], iy[exists]
    for side in (-1, 1):
        eta, phi = endcap_position(ix, iy, side)
        step = np.searchsorted(endcap_row_edges(), np.abs(eta), side="right") - 1
        row = GRIDS["stitched"].rows - ENDCAP_ROWS + step if side > 0 else ENDCAP_ROWS - 1 - step
        table[int(side > 0), ix, iy] = row * GRIDS["stitched"].columns + phi_column(phi)
    return table


def stitched_endcap_pixel(ix: ArrayLike, iy: ArrayLike, side: ArrayLike) -> Pixel:
    """EE crystal -> stitched grid."""
    flat = endcap_pixel_table()[(np.asarray(side) > 0).astype(np.int32), np.asarray(ix), np.asarray(iy)]
    return Pixel(*np.divmod(flat, np.int32(GRIDS["stitched"].columns)))


def stitched_barrel_pixel(ieta: ArrayLike, iphi: ArrayLike) -> Pixel:
    """EB crystal -> stitched grid."""
    row, column = barrel_pixel(ieta, iphi)
    return Pixel(row + np.int32(ENDCAP_ROWS), column)


class HcalShare(NamedTuple):
    """Where a tower's energy goes: `fraction` of it to each listed pixel; two pixels for a 10-degree tower."""

    hit: IntArray
    row: IntArray
    column: IntArray
    fraction: NDArray[np.float32]


def hcal_pixels(ieta: ArrayLike, iphi: ArrayLike) -> HcalShare:
    """HB and HE towers -> HCAL grid, in the order of the hits, the lower iphi first."""
    ieta, iphi = np.asarray(ieta, dtype=np.int32), np.asarray(iphi, dtype=np.int32)
    size = np.minimum(np.abs(ieta), HCAL_MAX_IETA)
    row = np.where(ieta > 0, HCAL_MAX_IETA - 1 + size, HCAL_MAX_IETA - size).astype(np.int32)
    shares = np.where(np.abs(ieta) > HCAL_LAST_FINE_IETA, 2, 1)
    hit = np.repeat(np.arange(len(ieta), dtype=np.int32), shares)
    is_second = np.concatenate(([False], hit[1:] == hit[:-1])) if len(hit) else np.zeros(0, dtype=bool)
    column = ((iphi[hit] - 1 + is_second) % GRIDS["hcal"].columns).astype(np.int32)
    return HcalShare(hit, row[hit], column, (1.0 / shares[hit]).astype(np.float32))


def upsample_hcal(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 56, 72) -> (..., 280, 360): each tower spread evenly over 25 pixels, shifted to the ECAL's phi axis."""
    shifted = np.roll(image, HCAL_COLUMN_SHIFT, axis=-1)
    share = shifted / np.float32(HCAL_UPSAMPLING**2)
    return share.repeat(HCAL_UPSAMPLING, axis=-2).repeat(HCAL_UPSAMPLING, axis=-1)


def neighbours(pixel: ArrayLike, grid: Grid = GRIDS["barrel"]) -> IntArray:
    """Flat indices of the 8 pixels around each flat pixel, shape (..., 8), row by row; -1 beyond the eta edge.

    Raises ValueError when a pixel lies outside the grid. Mirrored by cpp/include/e2e/pixel_graph.h.
    """
    pixel = np.asarray(pixel, dtype=np.int32)
    is_outside = (pixel < 0) | (pixel >= grid.rows * grid.columns)
    if is_outside.any():
        raise ValueError(f"pixel {pixel[is_outside][0]} is outside 0..{grid.rows * grid.columns - 1}")
    row, column = np.divmod(pixel, np.int32(grid.columns))
    steps = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)], dtype=np.int32)
    rows = row[..., None] + steps[:, 0]
    columns = (column[..., None] + steps[:, 1]) % grid.columns
    return np.where((rows >= 0) & (rows < grid.rows), rows * grid.columns + columns, -1).astype(np.int32)
