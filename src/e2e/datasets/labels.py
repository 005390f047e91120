"""What is known of a candidate beside its pixels: the columns of the candidate store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import OBJECT_COLUMNS, Events
from e2e.tasks import Task

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


class Labelled:
    """What follows from the labels of candidates alone."""

    labels: Labels

    @property
    def target(self) -> NDArray[np.float32]:
        """In the unit of the task's output."""
        return self.labels["target"]

    @property
    def pt(self) -> NDArray[np.float32]:
        """As measured where the candidate was, GeV."""
        return self.labels["pt"]

    @property
    def eta(self) -> NDArray[np.float32]:
        """As measured where the candidate was."""
        return self.labels["eta"]

    @property
    def pt_range(self) -> tuple[float, float] | None:
        """Least and greatest pT, GeV, rounded outward to a tenth; None where no candidate's is known."""
        known = self.pt[np.isfinite(self.pt)].astype(np.float64)
        if not len(known):
            return None
        return float(np.floor(known.min() * 10) / 10), float(np.ceil(known.max() * 10) / 10)

    @property
    def truth(self) -> dict[str, NDArray[Any]]:
        """Columns of the truth table, and `event`, the event's number."""
        columns = {k.removeprefix(TRUTH_PREFIX): v for k, v in self.labels.items() if k.startswith(TRUTH_PREFIX)}
        return {**columns, "event": self.labels["event"]}

    def is_signal(self, task: Task) -> NDArray[np.bool_]:
        """True for the task's signal: by the true particle, else by a target that says so."""
        is_unknown = np.isnan(self.labels[TRUTH_PREFIX + "pdg_id"])
        by_target = self.target > 0.5 if task.output.kind == "probability" else ~np.isnan(self.target)
        return np.where(is_unknown, by_target, task.is_signal(self.truth))

    def is_measured(self, task: Task) -> NDArray[np.bool_]:
        """True for what a regressed quantity is measured on: the signal inside the trained range."""
        low, high = task.output.trained_range or (-np.inf, np.inf)
        return self.is_signal(task) & (self.target >= low) & (self.target <= high)


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
