"""Seeds of jets on the stitched grid, and of whole events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import GRIDS, JET_SEED_HALF_TOWERS, FrameSpec
from e2e.contract.grids import HCAL_COLUMN_SHIFT, HCAL_MAX_IETA, HCAL_UPSAMPLING, HE_TOWER_EDGES
from e2e.detector.grids import Pixel
from e2e.events.record import Events
from e2e.frames.build import hits_of
from e2e.frames.candidates import IntArray, LongArray, Seeds

_HCAL = GRIDS["hcal"]
_TOWER_EDGES = np.array([*np.arange(17) * 0.087, *HE_TOWER_EDGES])  # |eta|, as the stitched grid cuts them


def jet_seeds(events: Events, spec: FrameSpec, backend: Any = None) -> tuple[Seeds, LongArray]:
    """Seed of every jet whose window of `spec` lies on the stitched grid in eta, and the row of each in the jet table.

    The highest HCAL tower within 7 x 7 of the one that the jet axis points at, or without energy there that one; the
    seed is the middle of its 5 x 5 pixels, its energy the tower's (0 without).
    backend: e2e.frames.native (default) or e2e.frames.reference.
    Source: cms-e2e/RecoE2E JetFrameProducer.
    """
    if spec.grid != "stitched":
        raise ValueError(f"jets are cut from the stitched grid, not from {spec.grid!r}")
    if backend is None:
        from e2e.frames import native as backend
    table = events.objects.get("jets")
    if table is None:
        return Seeds.from_columns([], [], [], []), np.zeros(0, dtype=np.int64)
    index = np.flatnonzero(np.isfinite(table["eta"]) & np.isfinite(table["phi"]))
    event = table.event_index[index]
    row, column = tower_at(table["eta"][index], table["phi"][index])

    towers = backend.hcal_frames(hits_of(events, "HB"), hits_of(events, "HE"))
    half = JET_SEED_HALF_TOWERS
    highest, is_found = backend.highest_near(towers, event, row, column, half, half, 0.0)
    energy = np.zeros(len(index), dtype=np.float32)
    row[is_found], column[is_found], energy[is_found] = highest.row, highest.column, highest.energy

    pixel = tower_middle(row, column)
    is_inside = jet_window_is_inside(pixel.row, spec)
    return Seeds.from_columns(event, *pixel, energy).select(is_inside), index[is_inside]


def jet_window_is_inside(row: IntArray, spec: FrameSpec) -> NDArray[np.bool_]:
    """Whether the window around a seed at this row lies on its grid in eta."""
    first_row = row - spec.centre_row
    return (first_row >= 0) & (first_row + spec.rows <= spec.parent.rows)


def whole_seeds(events: Events, spec: FrameSpec) -> Seeds:
    """One seed per event, so that a window as large as its grid shows the grid from row 0, column 0; energy 0.

    Raises ValueError when the window is smaller.
    """
    if (spec.rows, spec.columns) != (spec.parent.rows, spec.parent.columns):
        raise ValueError(f"a {spec.rows} x {spec.columns} window is not the whole {spec.grid} grid")
    ones = np.ones(len(events))
    return Seeds.from_columns(np.arange(len(events)), spec.centre_row * ones, spec.centre_column * ones, 0 * ones)


def tower_at(eta: ArrayLike, phi: ArrayLike) -> Pixel:
    """Pixel of the HCAL grid in this direction; beyond |eta| 3 the last row."""
    eta, width = np.asarray(eta, dtype=np.float64), 2 * np.pi / _HCAL.columns
    size = np.clip(np.searchsorted(_TOWER_EDGES, np.abs(eta), side="right"), 1, HCAL_MAX_IETA).astype(np.int32)
    row = np.where(eta >= 0, HCAL_MAX_IETA - 1 + size, HCAL_MAX_IETA - size)
    column = np.floor(np.asarray(phi, dtype=np.float64) % (2 * np.pi) / width).astype(np.int32) % _HCAL.columns
    return Pixel(row, column)


def tower_middle(row: IntArray, column: IntArray) -> Pixel:
    """HCAL pixel -> the middle of its 5 x 5 on the stitched grid, whose phi axis begins two towers earlier."""
    column = (column + HCAL_COLUMN_SHIFT) % _HCAL.columns
    middle = HCAL_UPSAMPLING // 2
    return Pixel(row * HCAL_UPSAMPLING + middle, column * HCAL_UPSAMPLING + middle)
