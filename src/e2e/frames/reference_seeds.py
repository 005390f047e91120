"""Frames -> seeds, one event at a time; part of `e2e.frames.reference`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from e2e.contract import (
    JET_SEED_HALF_TOWERS,
    SEED_MIN_ENERGY_GEV,
    SEED_SEARCH_HALF_COLUMNS,
    SEED_SEARCH_HALF_ROWS,
    FrameSpec,
    Grid,
)
from e2e.events.record import Table
from e2e.frames.candidates import BoolArray, Frames, LongArray, Seeds
from e2e.frames.places import expected_pixel, jet_window_is_inside, tower_at, tower_middle
from e2e.frames.reference_frames import BARREL, barrel_frame_of, barrel_frames, barrel_image, check_hits


def seeds_near(
    hits: Table,
    event_index: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    half_rows: int,
    half_columns: int,
    min_energy: float,
) -> tuple[Seeds, BoolArray]:
    """The highest pixel of at least `min_energy` around each given one; phi wraps, eta is clipped.

    half_rows, half_columns: pixels to either side. Of equal pixels the lower index is taken.

    Returns the seeds found, and over the queries a mask that tells which of them found one.
    Raises ValueError naming the query that lies outside the grid, and the limits.
    """
    check_hits(hits)
    frames = barrel_frames(hits)
    return _highest_near(frames, event_index, row, column, half_rows, half_columns, min_energy)


def _highest_near(
    frames: Frames,
    event_index: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    half_rows: int,
    half_columns: int,
    min_energy: float,
) -> tuple[Seeds, BoolArray]:
    """`seeds_near` in frames of any grid."""
    grid = frames.grid
    _check_half_width(half_rows, half_columns, grid)
    events, rows, columns = (np.asarray(values, dtype=np.int64) for values in (event_index, row, column))
    check_pixels(grid, len(frames), events, rows, columns)
    found, seeds = np.zeros(len(events), dtype=bool), []
    for i, event in enumerate(events):
        of_event = slice(frames.offsets[event], frames.offsets[event + 1])
        energy = np.zeros(grid.rows * grid.columns, dtype=np.float32)
        energy[frames.pixel_index[of_event]] = frames.energy[of_event]
        window = _window(rows[i], columns[i], half_rows, half_columns, grid)
        inside = energy[window]
        best = window[inside == inside.max()].min()
        found[i] = energy[best] > 0 and energy[best] >= np.float32(min_energy)
        if found[i]:
            seeds.append((event, *divmod(best, grid.columns), energy[best]))
    return _seeds(seeds), found


def seeds_of_objects(hits: Table, event_index: ArrayLike, particles: Mapping[str, Any]) -> tuple[Seeds, BoolArray]:
    """The highest crystal of at least `SEED_MIN_ENERGY_GEV` near the point where each particle should enter the barrel.

    particles: as `expected_pixel` takes them. Returns the seeds found, and a mask that tells which particles have one.
    Raises ValueError naming the particle whose event is none.
    """
    row, column, hits_barrel = expected_pixel(particles)
    event = np.asarray(event_index, dtype=np.int64)
    check_pixels(BARREL, len(hits.offsets) - 1, event, row, column)
    places = (event[hits_barrel], row[hits_barrel], column[hits_barrel])
    half = SEED_SEARCH_HALF_ROWS, SEED_SEARCH_HALF_COLUMNS
    seeds, is_found = seeds_near(hits, *places, *half, SEED_MIN_ENERGY_GEV)
    found = np.zeros(len(event), dtype=bool)
    found[hits_barrel] = is_found
    return seeds, found


def seeds_of_jets(
    towers: Frames, event_index: ArrayLike, eta: ArrayLike, phi: ArrayLike, spec: FrameSpec
) -> tuple[Seeds, BoolArray]:
    """Seed of each jet with a finite axis whose window of `spec` lies on the stitched grid in eta.

    The highest HCAL tower within 7 x 7 of the one that the jet axis points at, or without energy there that one; the
    seed is the middle of its 5 x 5 pixels, its energy the tower's (0 without).
    towers: on the HCAL grid. Returns the seeds, and a mask that tells which jets have one.
    Raises ValueError naming the jet whose event is none.
    Source: cms-e2e/RecoE2E JetFrameProducer.
    """
    eta, phi = np.asarray(eta, dtype=np.float64), np.asarray(phi, dtype=np.float64)
    event = np.asarray(event_index, dtype=np.int64)
    found = np.isfinite(eta) & np.isfinite(phi)
    row, column = tower_at(np.where(found, eta, 0.0), np.where(found, phi, 0.0))
    half = JET_SEED_HALF_TOWERS
    highest, has_energy = _highest_near(towers, event, row, column, half, half, 0.0)
    energy = np.zeros(len(event), dtype=np.float32)
    row[has_energy], column[has_energy], energy[has_energy] = highest.row, highest.column, highest.energy

    pixel = tower_middle(row, column)
    found &= jet_window_is_inside(pixel.row, spec)
    return Seeds.from_columns(event, *pixel, energy).select(found), found


def leading_seeds(hits: Table, min_energy: float) -> Seeds:
    """The highest pixel of every event that has one of at least `min_energy`; ties go to the lower index."""
    seeds = []
    for event in range(len(hits.offsets) - 1):
        frame = barrel_frame_of(hits, event)
        if len(frame.energy) and frame.energy.max() >= np.float32(min_energy):
            best = frame.energy.argmax()  # the first of equals
            seeds.append((event, *divmod(frame.pixel[best], BARREL.columns), frame.energy[best]))
    return _seeds(seeds)


def isolated_seeds(hits: Table, min_energy: float, half_width: int) -> Seeds:
    """Pixels of at least `min_energy` with nothing higher within `half_width`, the highest of an event first.

    Of equal pixels, in the window as in the order, the lower index comes first.
    """
    _check_half_width(half_width, half_width)
    seeds = []
    for event in range(len(hits.offsets) - 1):
        frame = barrel_frame_of(hits, event)
        image = barrel_image(hits, event)[0].ravel()
        for i in np.argsort(-frame.energy, kind="stable"):
            pixel, energy = frame.pixel[i], frame.energy[i]
            row, column = divmod(pixel, BARREL.columns)
            window = _window(row, column, half_width, half_width)
            is_beaten = (image[window] > energy) | ((image[window] == energy) & (window < pixel))
            if energy >= np.float32(min_energy) and not is_beaten.any():
                seeds.append((event, row, column, energy))
    return _seeds(seeds)


def _window(row: int, column: int, half_rows: int, half_columns: int, grid: Grid = BARREL) -> LongArray:
    """Flat pixels around one: eta clipped, phi wrapped."""
    rows = row + np.arange(-half_rows, half_rows + 1)
    rows = rows[(rows >= 0) & (rows < grid.rows)]
    columns = (column + np.arange(-half_columns, half_columns + 1)) % grid.columns
    return (rows[:, None] * grid.columns + columns).ravel()


def _seeds(rows: list[tuple[Any, ...]]) -> Seeds:
    return Seeds.from_columns(*zip(*rows, strict=True)) if rows else Seeds.from_columns([], [], [], [])


def _check_half_width(half_rows: int, half_columns: int, grid: Grid = BARREL) -> None:
    limits = {"rows": (half_rows, grid.rows - 1), "columns": (half_columns, (grid.columns - 1) // 2)}
    for what, (value, limit) in limits.items():
        if not 0 <= value <= limit:
            raise ValueError(f"half width in {what} {value} is outside 0..{limit}")


def check_pixels(grid: Grid, num_events: int, event_index: Any, row: Any, column: Any) -> None:
    """Raises ValueError naming the place that lies outside, and the limits."""
    limits = {"event": num_events, "row": grid.rows, "column": grid.columns}
    for i, seed in enumerate(zip(event_index, row, column, strict=True)):
        for (what, limit), value in zip(limits.items(), seed, strict=True):
            if not 0 <= value < limit:
                raise ValueError(f"seed {i}: {what} {value} is outside 0..{limit - 1}")
