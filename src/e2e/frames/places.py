"""Directions and particles -> pixels of the grids. Mirrored by cpp/include/e2e/places.h."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import GRIDS, TRACK_MAX_ETA, FrameSpec
from e2e.contract.grids import ENDCAP_ROWS, HCAL_COLUMN_SHIFT, HCAL_MAX_IETA, HCAL_UPSAMPLING
from e2e.detector.crystals import COLUMNS_PER_SUPERMODULE, barrel_table
from e2e.detector.grids import TOWER_EDGES, Pixel, endcap_row_edges, phi_column
from e2e.detector.helix import BARREL_MAX_ETA, bend_of, to_barrel
from e2e.frames.candidates import BoolArray, IntArray

FloatArray = NDArray[np.float64]

NOWHERE = -1  # flat pixel of what lies on no pixel

_BARREL_ROWS, _HALF = GRIDS["barrel"].rows, GRIDS["barrel"].rows // 2
_ROWS, _COLUMNS = GRIDS["stitched"].rows, GRIDS["stitched"].columns
_HCAL = GRIDS["hcal"]


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


def expected_pixel(particles: Mapping[str, Any]) -> tuple[IntArray, IntArray, BoolArray]:
    """Barrel row and column under each particle's impact, 0 where there is none, and whether there is one.

    particles: columns pt, eta, phi, x_cm, y_cm, z_cm and, where they bend, charge. Of an unknown charge (NaN): as
    straight as a photon.
    """
    point = {axis: np.nan_to_num(np.asarray(particles[axis], dtype=np.float64)) for axis in ("x_cm", "y_cm", "z_cm")}
    pt, eta, phi = (np.asarray(particles[name], dtype=np.float64) for name in ("pt", "eta", "phi"))
    bend = bend_of(particles.get("charge", np.zeros(len(pt))), pt)
    impact = to_barrel(point["x_cm"], point["y_cm"], point["z_cm"], eta, phi, bend)

    hits_barrel = np.isfinite(impact.phi) & (np.abs(impact.eta) < BARREL_MAX_ETA)
    column = phi_column(np.where(hits_barrel, impact.phi, 0.0))
    row = nearest_row(np.where(hits_barrel, impact.eta, 0.0), column)
    return row * hits_barrel, column * hits_barrel, hits_barrel


def tower_at(eta: ArrayLike, phi: ArrayLike) -> Pixel:
    """Pixel of the HCAL grid in this direction; beyond |eta| 3 the last row."""
    eta, width = np.asarray(eta, dtype=np.float64), 2 * np.pi / _HCAL.columns
    size = np.clip(np.searchsorted(TOWER_EDGES, np.abs(eta), side="right"), 1, HCAL_MAX_IETA).astype(np.int32)
    row = np.where(eta >= 0, HCAL_MAX_IETA - 1 + size, HCAL_MAX_IETA - size)
    column = np.floor(np.asarray(phi, dtype=np.float64) % (2 * np.pi) / width).astype(np.int32) % _HCAL.columns
    return Pixel(row, column)


def tower_middle(row: IntArray, column: IntArray) -> Pixel:
    """HCAL pixel -> the middle of its 5 x 5 on the stitched grid, whose phi axis begins two towers earlier."""
    column = (column + HCAL_COLUMN_SHIFT) % _HCAL.columns
    middle = HCAL_UPSAMPLING // 2
    return Pixel(row * HCAL_UPSAMPLING + middle, column * HCAL_UPSAMPLING + middle)


def jet_window_is_inside(row: IntArray, spec: FrameSpec) -> NDArray[np.bool_]:
    """Whether the window around a seed at this row lies on its grid in eta."""
    first_row = row - spec.centre_row
    return (first_row >= 0) & (first_row + spec.rows <= spec.parent.rows)
