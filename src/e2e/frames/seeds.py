"""Seeds of photons and electrons: the highest crystal near the point where they should enter the barrel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import SEED_MIN_ENERGY_GEV, SEED_SEARCH_HALF_COLUMNS, SEED_SEARCH_HALF_ROWS
from e2e.detector.grids import phi_column
from e2e.detector.helix import BARREL_MAX_ETA, bend_of, to_barrel
from e2e.events.record import Events
from e2e.frames.candidates import BoolArray, IntArray, LongArray, Seeds
from e2e.frames.places import nearest_row


@dataclass(frozen=True)
class ObjectSeeds:
    """Seeds of objects: row `index` of the event record's `source` table, "photons" or "electrons"; events ascend."""

    source: NDArray[np.str_]
    index: LongArray
    seeds: Seeds

    def __len__(self) -> int:
        return len(self.seeds)


def object_seeds(
    events: Events,
    half_rows: int = SEED_SEARCH_HALF_ROWS,
    half_columns: int = SEED_SEARCH_HALF_COLUMNS,
    min_energy: float = SEED_MIN_ENERGY_GEV,
    backend: Any = None,
) -> ObjectSeeds:
    """Seed of every photon and electron that points at the barrel and has a crystal of `min_energy` there.

    backend: e2e.frames.native (default) or e2e.frames.reference.
    """
    if backend is None:
        from e2e.frames import native as backend
    sources, indices, found_seeds = [], [], []
    for source in ("photons", "electrons"):
        table = events.objects.get(source)
        if table is None:
            continue
        row, column, hits_barrel = expected_pixel(table.columns)
        index = np.flatnonzero(hits_barrel)
        places = (table.event_index[index], row[index], column[index])
        seeds, is_found = backend.seeds_near(events.hits["EB"], *places, half_rows, half_columns, min_energy)
        sources += [source] * len(seeds)
        indices.append(index[is_found])
        found_seeds.append(seeds)
    if not found_seeds:
        return ObjectSeeds(np.zeros(0, dtype=np.str_), np.zeros(0, dtype=np.int64), Seeds.from_columns([], [], [], []))

    joined = Seeds.concatenate(found_seeds)
    order = np.argsort(joined.event_index, kind="stable")  # a frame is built once per event
    return ObjectSeeds(np.array(sources)[order], np.concatenate(indices)[order], joined.select(order))


def expected_pixel(particles: Mapping[str, Any]) -> tuple[IntArray, IntArray, BoolArray]:
    """Barrel row and column under each particle's impact, and whether there is one.

    particles: columns pt, eta, phi, x_cm, y_cm, z_cm and, where they bend, charge. Of an unknown charge (NaN): as
    straight as a photon.
    """
    point = {axis: np.nan_to_num(np.asarray(particles[axis], dtype=np.float64)) for axis in ("x_cm", "y_cm", "z_cm")}
    pt, eta, phi = (np.asarray(particles[name], dtype=np.float64) for name in ("pt", "eta", "phi"))
    bend = bend_of(particles.get("charge", np.zeros(len(pt))), pt)
    impact = to_barrel(point["x_cm"], point["y_cm"], point["z_cm"], eta, phi, bend)

    hits_barrel = np.isfinite(impact.phi) & (np.abs(impact.eta) < BARREL_MAX_ETA)
    column = phi_column(np.where(hits_barrel, impact.phi, 0.0))
    return nearest_row(np.where(hits_barrel, impact.eta, 0.0), column), column, hits_barrel
