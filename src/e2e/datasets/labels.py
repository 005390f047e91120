"""What is known of a candidate beside its pixels: the columns of the candidate store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import OBJECT_COLUMNS, Events

TRUTH_PREFIX = "truth."
BESIDE_PREFIX = "beside."  # of further targets, which are not stored: they follow from the truth

# One number for each candidate. input: which of the files that were converted; with it run, luminosity block and event
# name an event, whose candidates are counted by `number`. vertices: found in the event, as many as its pile-up shows.
# pt, eta, phi, mass: as measured. target: in the unit of the task's output. truth: of the particle behind it. NaN: not
# known.
LABEL_COLUMNS: dict[str, type] = {
    "input": np.uint32,
    "run": np.uint32,
    "luminosity_block": np.uint32,
    "event": np.uint64,
    "number": np.int32,
    "vertices": np.float32,
    "pt": np.float32,
    "eta": np.float32,
    "phi": np.float32,
    "mass": np.float32,
    "target": np.float32,
    **{TRUTH_PREFIX + name: np.float32 for name in OBJECT_COLUMNS["truth"]},
}
# Pixel of the grid, -1 where the source does not say, and the energy found there.
SEED_COLUMNS: dict[str, type] = {"seed_row": np.int32, "seed_column": np.int32, "seed_energy": np.float32}

Labels = Mapping[str, NDArray[Any]]


def complete_labels(count: int, known: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Every column, of `count` candidates: what is known, else NaN, or 0 where there is no such number.

    Raises ValueError for a column that does not exist or has another length.
    """
    if strange := known.keys() - LABEL_COLUMNS.keys():
        raise ValueError(f"no such column: {', '.join(sorted(strange))}")
    labels = {}
    for name, kind in LABEL_COLUMNS.items():
        nothing: NDArray[Any] = np.full(count, np.nan if kind is np.float32 else 0, dtype=kind)
        with np.errstate(over="ignore"):  # a damaged file may hold any number
            labels[name] = np.asarray(known[name]).astype(kind) if name in known else nothing
        if len(labels[name]) != count:
            raise ValueError(f"{name} has {len(labels[name])} entries, there are {count} candidates")
    return labels


def event_labels(events: Events, event_index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The columns that say which event a candidate is of and how full that is; event_index: (candidates,) ascending."""
    number = np.arange(len(event_index)) - np.searchsorted(event_index, event_index)
    vertices = np.full(len(events), np.nan, dtype=np.float32)
    if (table := events.objects.get("vertices")) is not None:
        vertices = np.where(table.is_present, table.counts, np.nan).astype(np.float32)
    return {
        "vertices": vertices[event_index],
        **{name: getattr(events, name)[event_index] for name in ("run", "luminosity_block", "event")},
        "number": number.astype(np.int32),
    }
