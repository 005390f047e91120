"""Seeds of jets on the stitched grid, and of whole events."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e.contract import FrameSpec
from e2e.events.record import Events
from e2e.frames.build import hits_of
from e2e.frames.candidates import LongArray, Seeds
from e2e.frames.tracking import objects_of


def jet_seeds(events: Events, spec: FrameSpec, backend: Any = None, objects: str = "jets") -> tuple[Seeds, LongArray]:
    """Seed of every jet whose window of `spec` lies on the stitched grid in eta, and the row of each in the jet table.

    The highest HCAL tower within 7 x 7 of the one that the jet axis points at, or without energy there that one; the
    seed is the middle of its 5 x 5 pixels, its energy the tower's (0 without).
    backend: e2e.frames.native (default) or e2e.frames.reference. objects: `jets` or `taus`.
    Source: cms-e2e/RecoE2E JetFrameProducer.
    """
    if spec.grid != "stitched":
        raise ValueError(f"jets are cut from the stitched grid, not from {spec.grid!r}")
    if backend is None:
        from e2e.frames import native as backend
    table = objects_of(events, objects)
    towers = backend.hcal_frames(hits_of(events, "HB"), hits_of(events, "HE"))
    seeds, is_found = backend.seeds_of_jets(towers, table.event_index, table["eta"], table["phi"], spec)
    return seeds, np.flatnonzero(is_found)


def whole_seeds(events: Events, spec: FrameSpec) -> Seeds:
    """One seed per event, so that a window as large as its grid shows the grid from row 0, column 0; energy 0.

    Raises ValueError when the window is smaller.
    """
    if not spec.is_whole:
        raise ValueError(f"a {spec.rows} x {spec.columns} window is not the whole {spec.grid} grid")
    ones = np.ones(len(events))
    return Seeds.from_columns(np.arange(len(events)), spec.centre_row * ones, spec.centre_column * ones, 0 * ones)
