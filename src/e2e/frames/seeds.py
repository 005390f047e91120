"""Seeds of photons and electrons: the highest crystal near the point where they should enter the barrel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import GRIDS, SEED_MIN_ENERGY_GEV, SEED_SEARCH_HALF_COLUMNS, SEED_SEARCH_HALF_ROWS
from e2e.contract.grids import HE_TOWER_EDGES
from e2e.detector.crystals import COLUMNS_PER_SUPERMODULE, barrel_table
from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM, HELIX_RADIUS_CM_PER_GEV
from e2e.detector.grids import phi_column
from e2e.events.record import Events
from e2e.frames.candidates import BoolArray, IntArray, LongArray, Seeds

BARREL_MAX_ETA = HE_TOWER_EDGES[0]  # where the endcap begins

FloatArray = NDArray[np.float64]


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
    charge = np.nan_to_num(np.asarray(particles.get("charge", np.zeros(len(pt))), dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        curvature = 1 / (HELIX_RADIUS_CM_PER_GEV * pt)  # radian per cm
        bend = np.where(charge == 0, 0.0, -charge * curvature)  # field along +z
    impact_eta, impact_phi = propagate(point["x_cm"], point["y_cm"], point["z_cm"], eta, phi, bend)

    hits_barrel = np.isfinite(impact_phi) & (np.abs(impact_eta) < BARREL_MAX_ETA)
    column = phi_column(np.where(hits_barrel, impact_phi, 0.0))
    return _nearest_row(np.where(hits_barrel, impact_eta, 0.0), column), column, hits_barrel


def propagate(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Follow particles to the front of the barrel; returns eta and phi of the impact seen from the origin.

    bend: change of azimuth per cm of transverse path, 0 for a straight line. NaN: curls up before the barrel, or starts
    outside it.
    """
    radius = ECAL_BARREL_FRONT_RADIUS_CM
    is_straight = np.abs(bend) < 1e-9
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        along, squared = x_cm * np.cos(phi) + y_cm * np.sin(phi), x_cm**2 + y_cm**2
        straight_path = np.sqrt(along**2 - squared + radius**2) - along

        # Circle of signed radius 1 / bend; the azimuth seen from its centre turns by bend x path.
        signed = 1 / np.where(is_straight, np.nan, bend)
        centre_x, centre_y = x_cm - signed * np.sin(phi), y_cm + signed * np.cos(phi)
        distance = np.hypot(centre_x, centre_y)
        start = np.arctan2(y_cm - centre_y, x_cm - centre_x) - np.arctan2(centre_y, centre_x)
        crossing = np.arccos((radius**2 - distance**2 - signed**2) / (2 * distance * np.abs(signed)))
        turns = [(np.sign(bend) * (side * crossing - start)) % (2 * np.pi) for side in (1, -1)]
        curved_path = np.abs(signed) * np.minimum(*turns)

        path = np.where(is_straight, straight_path, curved_path)
        turned = np.where(is_straight, 0.0, bend) * path / 2
        chord = path * np.sinc(turned / np.pi)  # sin(turned) / turned
        impact_x, impact_y = x_cm + chord * np.cos(phi + turned), y_cm + chord * np.sin(phi + turned)
        is_inside = squared < radius**2
        impact_phi = np.where(is_inside, np.arctan2(impact_y, impact_x), np.nan)
        return np.arcsinh((z_cm + path * np.sinh(eta)) / radius), impact_phi


def _nearest_row(eta: ArrayLike, column: IntArray) -> IntArray:
    """Row whose front face, in that column, is nearest in eta."""
    table = barrel_table().eta_front
    column_in_supermodule = column % COLUMNS_PER_SUPERMODULE
    row = np.zeros(len(column), dtype=np.int32)
    for one in np.unique(column_in_supermodule):
        chosen = column_in_supermodule == one
        middles = (table[1:, one] + table[:-1, one]) / 2
        row[chosen] = np.searchsorted(middles, np.asarray(eta)[chosen])
    return np.clip(row, 0, GRIDS["barrel"].rows - 1)
