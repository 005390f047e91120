"""Seeds of photons and electrons: the highest crystal near the point where they should enter the barrel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import Events
from e2e.frames.candidates import LongArray, Seeds


@dataclass(frozen=True)
class ObjectSeeds:
    """Seeds of objects: row `index` of the event record's `source` table, "photons" or "electrons"; events ascend."""

    source: NDArray[np.str_]
    index: LongArray
    seeds: Seeds

    def __len__(self) -> int:
        return len(self.seeds)


def object_seeds(events: Events, backend: Any = None) -> ObjectSeeds:
    """Seed of every photon and electron that points at the barrel and has a crystal of `SEED_MIN_ENERGY_GEV` there.

    backend: e2e.frames.native (default) or e2e.frames.reference.
    """
    if backend is None:
        from e2e.frames import native as backend
    sources, indices, found_seeds = [], [], []
    for source in ("photons", "electrons"):
        table = events.objects.get(source)
        if table is None:
            continue
        seeds, is_found = backend.seeds_of_objects(events.hits["EB"], table.event_index, table.columns)
        sources += [source] * len(seeds)
        indices.append(np.flatnonzero(is_found))
        found_seeds.append(seeds)
    if not found_seeds:
        return ObjectSeeds(np.zeros(0, dtype=np.str_), np.zeros(0, dtype=np.int64), Seeds.from_columns([], [], [], []))

    joined = Seeds.concatenate(found_seeds)
    order = np.argsort(joined.event_index, kind="stable")  # a frame is built once per event
    return ObjectSeeds(np.array(sources)[order], np.concatenate(indices)[order], joined.select(order))
