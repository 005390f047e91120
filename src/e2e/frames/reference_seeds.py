"""Frames -> seeds, one event at a time; part of `e2e.frames.reference`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from e2e.events.record import Table
from e2e.frames.candidates import BoolArray, LongArray, Seeds
from e2e.frames.reference_frames import BARREL, barrel_frame_of, barrel_image, check_hits


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
    _check_half_width(half_rows, half_columns)
    events, rows, columns = (np.asarray(values, dtype=np.int64) for values in (event_index, row, column))
    check_pixels(hits, events, rows, columns)
    found, seeds = np.zeros(len(events), dtype=bool), []
    for i, event in enumerate(events):
        energy = barrel_image(hits, event)[0]
        window = _window(rows[i], columns[i], half_rows, half_columns)
        inside = energy.ravel()[window]
        best = window[inside == inside.max()].min()
        found[i] = energy.ravel()[best] > 0 and energy.ravel()[best] >= np.float32(min_energy)
        if found[i]:
            seeds.append((event, *divmod(best, BARREL.columns), energy.ravel()[best]))
    return _seeds(seeds), found


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


def _window(row: int, column: int, half_rows: int, half_columns: int) -> LongArray:
    """Flat pixels around one: eta clipped, phi wrapped."""
    rows = row + np.arange(-half_rows, half_rows + 1)
    rows = rows[(rows >= 0) & (rows < BARREL.rows)]
    columns = (column + np.arange(-half_columns, half_columns + 1)) % BARREL.columns
    return (rows[:, None] * BARREL.columns + columns).ravel()


def _seeds(rows: list[tuple[Any, ...]]) -> Seeds:
    return Seeds.from_columns(*zip(*rows, strict=True)) if rows else Seeds.from_columns([], [], [], [])


def _check_half_width(half_rows: int, half_columns: int) -> None:
    limits = {"rows": (half_rows, BARREL.rows - 1), "columns": (half_columns, (BARREL.columns - 1) // 2)}
    for what, (value, limit) in limits.items():
        if not 0 <= value <= limit:
            raise ValueError(f"half width in {what} {value} is outside 0..{limit}")


def check_pixels(hits: Table, event_index: Any, row: Any, column: Any) -> None:
    check_hits(hits)
    limits = {"event": len(hits.offsets) - 1, "row": BARREL.rows, "column": BARREL.columns}
    for i, seed in enumerate(zip(event_index, row, column, strict=True)):
        for (what, limit), value in zip(limits.items(), seed, strict=True):
            if not 0 <= value < limit:
                raise ValueError(f"seed {i}: {what} {value} is outside 0..{limit - 1}")
