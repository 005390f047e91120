"""Directions seen from the origin -> pixels of the ECAL grids."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import GRIDS, TRACK_MAX_ETA
from e2e.contract.grids import ENDCAP_ROWS
from e2e.detector.crystals import COLUMNS_PER_SUPERMODULE, barrel_table
from e2e.detector.grids import endcap_row_edges, phi_column
from e2e.detector.helix import BARREL_MAX_ETA
from e2e.frames.candidates import IntArray

FloatArray = NDArray[np.float64]

NOWHERE = -1  # flat pixel of what lies on no pixel

_BARREL_ROWS, _HALF = GRIDS["barrel"].rows, GRIDS["barrel"].rows // 2
_ROWS, _COLUMNS = GRIDS["stitched"].rows, GRIDS["stitched"].columns


def nearest_row(eta: ArrayLike, column: ArrayLike) -> IntArray:
    """Barrel row whose front face, in that column, is nearest in eta; beyond the barrel its last row."""
    eta, place = np.asarray(eta, dtype=np.float64), np.asarray(column) % COLUMNS_PER_SUPERMODULE
    edges = _row_edges()
    row = np.clip((eta * (_HALF / BARREL_MAX_ETA) + _HALF).astype(np.int32), 0, _BARREL_ROWS - 1)
    flat = row * COLUMNS_PER_SUPERMODULE + place  # the guess is right to one row
    row += eta > edges[1:].ravel()[flat]
    row -= eta <= edges[:-1].ravel()[flat]
    return row


@cache
def _row_edges() -> FloatArray:
    """Eta half way between neighbouring crystals and beyond the last ones, (171, 20)."""
    eta = barrel_table().eta_front
    beyond = np.full((1, COLUMNS_PER_SUPERMODULE), np.inf)
    return np.concatenate((-beyond, (eta[1:] + eta[:-1]) / 2, beyond))


def stitched_pixel(eta: FloatArray, phi: FloatArray) -> IntArray:
    """Flat pixel of the stitched grid, `NOWHERE` outside |eta| < 3 and for NaN.

    The barrel by its nearest crystal, the endcaps by the edges of their rows.
    """
    size = np.abs(eta)
    is_on_grid = (size < TRACK_MAX_ETA) & np.isfinite(phi)
    if not is_on_grid.all():
        eta, phi, size = (np.where(is_on_grid, angle, 0.0) for angle in (eta, phi, size))
    column = phi_column(phi)
    row = nearest_row(eta, column) + np.int32(ENDCAP_ROWS)
    forward = np.flatnonzero(size >= BARREL_MAX_ETA)
    step = np.searchsorted(endcap_row_edges(), size[forward], side="right").astype(np.int32) - 1
    row[forward] = np.where(eta[forward] > 0, _ROWS - ENDCAP_ROWS + step, ENDCAP_ROWS - 1 - step)
    return np.where(is_on_grid, row * np.int32(_COLUMNS) + column, np.int32(NOWHERE))
