"""Events of many files, measured and pooled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from e2e.events.reader import read_inputs
from e2e.events.record import Events
from e2e.problems import Problems
from e2e.validation.measures import MEASURES
from e2e.validation.values import Values


@dataclass
class Sample:
    """values: by name of the quantity, absent where no event has the collection. num_events: those measured.
    num_without_vertex: those left out. provenance: of each file, without repetition."""

    values: dict[str, Values] = field(default_factory=dict)
    num_events: int = 0
    num_without_vertex: int = 0
    provenance: list[dict[str, Any]] = field(default_factory=list)

    @property
    def mean_vertices(self) -> float | None:
        """None where the files have no vertices."""
        found = self.values.get("vertices")
        return None if found is None or not len(found.value) else float(found.value.mean())

    def describe(self) -> dict[str, Any]:
        """JSON values."""
        names = ("num_events", "num_without_vertex", "provenance")
        return {name: getattr(self, name) for name in names}


def measure_sample(
    paths: Sequence[Path],
    problems: Problems,
    measures: Sequence[Callable[..., Any]] = MEASURES,
    needs_vertex: bool = True,
) -> Sample:
    """All events of files and folders that have a vertex, if their source knows vertices: a trigger on crossings takes
    some without a collision, which no simulation of collisions has. What cannot be read is among the problems.
    needs_vertex: False for single particles, which leave none."""
    sample = Sample()
    parts: dict[str, list[Values]] = {}
    for _, read in read_inputs(paths, problems):
        events = _with_vertex(read) if needs_vertex else read
        sample.num_events += len(events)
        sample.num_without_vertex += len(read) - len(events)
        if (provenance := dict(events.provenance)) not in sample.provenance:
            sample.provenance.append(provenance)
        for measure in measures:
            for name, values in measure(events).items():
                parts.setdefault(name, []).append(values)
    sample.values = {name: Values.concatenate(found) for name, found in parts.items()}
    return sample


def _with_vertex(events: Events) -> Events:
    table = events.objects.get("vertices")
    if table is None or np.all(keep := (table.counts > 0) | ~table.is_present):
        return events
    kept = [events.slice(event, event + 1) for event in np.flatnonzero(keep).tolist()]
    return Events.concatenate(kept) if kept else events.slice(0, 0)
