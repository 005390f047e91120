"""Which candidates of an event are looked at, and what a row says about each beside the answer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, SEED_MIN_ENERGY_GEV, FrameSpec
from e2e.detector.geometry import barrel_position
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Events, Table
from e2e.frames import Seeds, native
from e2e.frames.seeds import object_seeds

Mode = Literal["auto", "objects", "seeds", "leading"]
MODES: tuple[Mode, ...] = ("auto", "objects", "seeds", "leading")

ISOLATED_MIN_ENERGY_GEV = 5.0  # of a crystal that is a candidate without a reconstructed object
ISOLATED_HALF_WIDTH = 15  # pixels around it within which none is higher: one candidate for each 32 x 32 window

_FIVE_BY_FIVE = FrameSpec(channels=("ecal_energy",), rows=5, columns=5, centre_row=2, centre_column=2)
_SINGULAR = {"photons": "photon", "electrons": "electron"}


@dataclass(frozen=True)
class CandidateRows:
    """One row per candidate, ascending in event.

    source: photon, electron or seed. matches_electron: a photon whose seed crystal is also an electron's. eta, phi, pt:
    of the object; of a bare seed the direction of its crystal from the origin and the transverse energy of the 5 x 5
    crystals around it.
    """

    seeds: Seeds
    source: NDArray[np.str_]
    matches_electron: NDArray[np.bool_]
    eta: NDArray[np.float32]
    phi: NDArray[np.float32]
    pt: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def index_in_event(self) -> NDArray[np.int32]:
        event = self.seeds.event_index
        return (np.arange(len(event)) - np.searchsorted(event, event)).astype(np.int32)

    @classmethod
    def merge(cls, one: CandidateRows, other: CandidateRows) -> CandidateRows:
        """Rows of both, ascending in event; within an event those of the first come first."""
        seeds = Seeds.concatenate([one.seeds, other.seeds])
        order = np.argsort(seeds.event_index, kind="stable")
        names = [field.name for field in fields(cls) if field.name != "seeds"]
        columns = {name: np.concatenate([getattr(one, name), getattr(other, name)])[order] for name in names}
        return cls(seeds.select(order), **columns)


def has_objects(events: Events) -> NDArray[np.bool_]:
    """Whether each event has a collection of photons or electrons, be it an empty one."""
    has = np.zeros(len(events), dtype=bool)
    for name in _SINGULAR.keys() & events.objects.keys():
        has |= events.objects[name].is_present
    return has


def find_candidates(events: Events, mode: Mode) -> CandidateRows:
    """Candidates of a batch in the barrel.

    mode: `objects`: reconstructed photons and electrons; `seeds`: isolated high crystals; `leading`: the highest
    crystal of each event; `auto`: objects in events that have a collection of them, seeds in the others.
    """
    if "EB" not in events.hits:
        nothing = Seeds.from_columns([], [], [], [])
        return _seed_rows(Table(np.zeros(len(events) + 1, dtype=np.int64), {}), nothing)
    hits = events.hits["EB"]
    has = has_objects(events)
    if mode == "objects" or (mode == "auto" and has.all()):
        return _object_rows(events)
    if mode == "leading":
        return _seed_rows(hits, native.leading_seeds(hits, SEED_MIN_ENERGY_GEV))
    seeds = native.isolated_seeds(hits, ISOLATED_MIN_ENERGY_GEV, ISOLATED_HALF_WIDTH)
    if mode == "seeds":
        return _seed_rows(hits, seeds)
    bare = seeds.select(~has[seeds.event_index])
    return CandidateRows.merge(_object_rows(events), _seed_rows(hits, bare))


def _object_rows(events: Events) -> CandidateRows:
    found = object_seeds(events)
    columns = {name: np.zeros(len(found), dtype=np.float32) for name in ("eta", "phi", "pt")}
    source = np.full(len(found), "", dtype="U8")
    for table, singular in _SINGULAR.items():
        rows = found.source == table
        source[rows] = singular
        for name, column in columns.items():
            column[rows] = events.objects[table][name][found.index[rows]] if rows.any() else 0

    grid, seeds = GRIDS["barrel"], found.seeds
    crystal = (seeds.event_index * grid.rows + seeds.row) * grid.columns + seeds.column
    is_electron = source == "electron"
    return CandidateRows(seeds, source, np.isin(crystal, crystal[is_electron]) & ~is_electron, **columns)


def _seed_rows(hits: Table, seeds: Seeds) -> CandidateRows:
    eta, phi = barrel_position(*barrel_crystal(seeds.row, seeds.column))
    energy = np.zeros(0)
    if len(seeds):
        around = native.build_candidates(hits, _FIVE_BY_FIVE, seeds)
        energy = np.add.reduceat(around.pixel_value.astype(np.float64), around.offsets[:-1])  # a seed is never empty
    return CandidateRows(
        seeds,
        np.full(len(seeds), "seed"),
        np.zeros(len(seeds), dtype=bool),
        eta.astype(np.float32),
        phi.astype(np.float32),
        (energy / np.cosh(eta)).astype(np.float32),
    )
