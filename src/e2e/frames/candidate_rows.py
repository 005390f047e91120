"""Which candidates of an event are looked at, and what a row says about each beside the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, SEED_MIN_ENERGY_GEV, FrameSpec
from e2e.contract.grids import ENDCAP_ROWS
from e2e.detector.geometry import barrel_position
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Events, Table
from e2e.frames import Seeds, native
from e2e.frames.jet_seeds import jet_seeds, whole_seeds
from e2e.frames.seeds import object_seeds

Mode = Literal["auto", "objects", "seeds", "leading", "jets", "taus"]
MODES: tuple[Mode, ...] = ("auto", "objects", "seeds", "leading", "jets", "taus")

ISOLATED_MIN_ENERGY_GEV = 5.0  # of a crystal that is a candidate without a reconstructed object
ISOLATED_HALF_WIDTH = 15  # pixels around it within which none is higher: one candidate for each 32 x 32 window

_FIVE_BY_FIVE = FrameSpec(channels=("ecal_energy",), rows=5, columns=5, centre_row=2, centre_column=2)
_SINGULAR = {"photons": "photon", "electrons": "electron", "jets": "jet", "taus": "tau"}
_CRYSTAL_OBJECTS = ("photons", "electrons")


@dataclass(frozen=True)
class CandidateRows:
    """One row per candidate, ascending in event.

    source: photon, electron, jet, tau, seed or event. matches_electron: a photon whose seed crystal is also an
    electron's. eta, phi, pt: of the object; of a bare seed the direction of its crystal from the origin and the
    transverse energy of the 5 x 5 crystals around it. ieta, iphi: of the barrel crystal at the seed.
    """

    seeds: Seeds
    source: NDArray[np.str_]
    matches_electron: NDArray[np.bool_]
    eta: NDArray[np.float32]
    phi: NDArray[np.float32]
    pt: NDArray[np.float32]
    ieta: NDArray[np.int32]
    iphi: NDArray[np.int32]

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
    for name in events.objects.keys() & set(_CRYSTAL_OBJECTS):
        has |= events.objects[name].is_present
    return has


def modes_of(frame: FrameSpec) -> tuple[Mode, ...]:
    """What candidates a bundle of this frame can be asked for."""
    if frame.grid == "stitched":
        return "auto", "jets", "taus"
    return ("auto",) if frame.is_whole else ("auto", "objects", "seeds", "leading")


def find_candidates(
    events: Events, mode: Mode, frame: FrameSpec, jets: tuple[Literal["jets", "taus"], ...] = ("jets",)
) -> CandidateRows:
    """Candidates of a batch for bundles of this frame: `jets` or `taus` on the stitched grid, the event for a frame of
    the whole barrel, else what `mode` says.

    mode: `objects`: reconstructed photons and electrons; `seeds`: isolated high crystals; `leading`: the highest
    crystal of each event; `auto`: objects in events that have a collection of them, seeds in the others; on the
    stitched grid, the first of `jets` that the event has a collection of.
    """
    if frame.grid == "stitched":
        return _jet_rows(events, frame, jets if mode == "auto" else (mode,))
    if "EB" not in events.hits:
        nothing = Seeds.from_columns([], [], [], [])
        return _seed_rows(Table(np.zeros(len(events) + 1, dtype=np.int64), {}), nothing)
    hits = events.hits["EB"]
    if frame.is_whole:
        return _bare_rows("event", whole_seeds(events, frame))
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
    columns: dict[str, Any] = {name: np.zeros(len(found), dtype=np.float32) for name in ("eta", "phi", "pt")}
    source = np.full(len(found), "", dtype="U8")
    for table in _CRYSTAL_OBJECTS:
        rows = found.source == table
        source[rows] = _SINGULAR[table]
        for name, column in columns.items():
            column[rows] = events.objects[table][name][found.index[rows]] if rows.any() else 0

    grid, seeds = GRIDS["barrel"], found.seeds
    crystal = (seeds.event_index * grid.rows + seeds.row) * grid.columns + seeds.column
    is_electron = source == "electron"
    matches_electron = np.isin(crystal, crystal[is_electron]) & ~is_electron
    return CandidateRows(seeds, source, matches_electron, **columns, **_crystals(seeds))


def _jet_rows(events: Events, frame: FrameSpec, tables: Sequence[str]) -> CandidateRows:
    """tables: of each event the first that it has."""
    rows = _bare_rows("jet", Seeds.from_columns([], [], [], []))
    is_without = np.ones(len(events), dtype=bool)
    for table in (name for name in tables if name in events.objects):
        objects = events.objects[table]
        seeds, jet = jet_seeds(events, frame, objects=table)
        is_taken = is_without[seeds.event_index]
        seeds, jet = seeds.select(is_taken), jet[is_taken]
        kinematics: dict[str, Any] = {name: objects[name][jet] for name in ("eta", "phi", "pt")}
        in_barrel = replace(seeds, row=seeds.row - np.int32(ENDCAP_ROWS))
        found = replace(_bare_rows(_SINGULAR[table], seeds), **kinematics, **_crystals(in_barrel))
        rows = CandidateRows.merge(rows, found) if len(rows) else found
        is_without &= ~objects.is_present
    return rows


def _crystals(seeds: Seeds) -> dict[str, Any]:
    return dict(zip(("ieta", "iphi"), barrel_crystal(seeds.row, seeds.column), strict=True))


def _bare_rows(source: str, seeds: Seeds) -> CandidateRows:
    """Nothing known but the seed."""
    nothing = np.zeros(len(seeds), dtype=np.float32)
    is_no_electron = np.zeros(len(seeds), dtype=bool)
    return CandidateRows(
        seeds, np.full(len(seeds), source), is_no_electron, nothing, nothing, nothing, **_crystals(seeds)
    )


def _seed_rows(hits: Table, seeds: Seeds) -> CandidateRows:
    eta, phi = barrel_position(*barrel_crystal(seeds.row, seeds.column))
    energy = np.zeros(0)
    if len(seeds):
        around = native.build_candidates(hits, _FIVE_BY_FIVE, seeds)
        energy = np.add.reduceat(around.pixel_value.astype(np.float64), around.offsets[:-1])  # a seed is never empty
    angles: dict[str, Any] = {"eta": eta.astype(np.float32), "phi": phi.astype(np.float32)}
    return replace(_bare_rows("seed", seeds), **angles, pt=(energy / np.cosh(eta)).astype(np.float32))
