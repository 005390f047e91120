"""The Event record: many events, column by column, each event's rows found through offsets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Columns of every hit table; `eta` and `phi` as stored in the source may follow, for `e2e check`.
HIT_COLUMNS: dict[str, type] = {"detid": np.uint32, "energy": np.float32, "time": np.float32}
STORED_POSITION_COLUMNS: dict[str, type] = {"eta": np.float64, "phi": np.float64}

_POINT = ("x_cm", "y_cm", "z_cm")  # of the vertex the object points back to

# Reconstructed objects and their columns, float32 each; a source fills what it has, the rest is NaN. A track's point is
# the one nearest the beam axis, where its direction is given too; the primary vertex comes first; `layer` of a tracker
# hit is one of `TRACKER_LAYERS`; `decay_mode` of a tau that decays to pions and charged kaons alone is
# 5 (charged - 1) + neutral pions, the numbers of CMS.
OBJECT_COLUMNS: dict[str, tuple[str, ...]] = {
    "tracks": ("pt", "eta", "phi", "charge", *_POINT, "d0_error_cm", "dz_error_cm", "is_high_purity"),
    "tracker_hits": ("layer", *_POINT),
    "photons": ("pt", "eta", "phi", "energy", *_POINT, "max_energy_crystal", "e3x3", "e5x5", "sigma_ieta_ieta"),
    "electrons": ("pt", "eta", "phi", "charge", *_POINT),
    "jets": ("pt", "eta", "phi"),
    "taus": ("pt", "eta", "phi"),
    "vertices": (*_POINT, "chi2", "ndof"),
    "truth": ("pdg_id", "pt", "eta", "phi", "energy", "mass", *_POINT, "decay_mode"),
}


@dataclass(frozen=True)
class Table:
    """A ragged table: rows `offsets[i]` to `offsets[i + 1]` belong to event i; all columns have `offsets[-1]` rows.

    presence: whether each event has the collection at all, None: all do. An event without it ("the source does not
    say") has no rows; so may one with it ("there was nothing").
    """

    offsets: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    presence: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        rows = int(self.offsets[-1])
        wrong = [name for name, column in self.columns.items() if len(column) != rows]
        if wrong or self.offsets[0] != 0 or np.any(np.diff(self.offsets) < 0):
            raise ValueError(
                f"table with {rows} rows: offsets not ascending from 0, or columns {wrong} of other length"
            )
        if self.presence is not None and (len(self.presence) != len(self.counts) or self.counts[~self.presence].any()):
            raise ValueError(f"table of {len(self.counts)} events: presence of other length, or rows in absent ones")

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each event."""
        return np.diff(self.offsets)

    @property
    def event_index(self) -> NDArray[np.int64]:
        """Zero-based event of each row."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)

    @property
    def is_present(self) -> NDArray[np.bool_]:
        """Whether each event has the collection."""
        return np.ones(len(self.offsets) - 1, dtype=bool) if self.presence is None else self.presence

    def rows_of(self, event: int) -> dict[str, NDArray[Any]]:
        rows = slice(int(self.offsets[event]), int(self.offsets[event + 1]))
        return {name: column[rows] for name, column in self.columns.items()}

    def slice(self, start: int, stop: int) -> Table:
        """Events `start` to `stop`, offsets from 0 again."""
        low, high = int(self.offsets[start]), int(self.offsets[stop])
        columns = {name: column[low:high] for name, column in self.columns.items()}
        return Table(self.offsets[start : stop + 1] - low, columns, _unless_all(self.is_present[start:stop]))

    def select(self, rows: NDArray[np.bool_]) -> Table:
        """These rows, in the events they were in."""
        if rows.all():
            return self
        counts = np.bincount(self.event_index[rows], minlength=len(self.offsets) - 1)
        return Table.from_counts(counts, {name: column[rows] for name, column in self.columns.items()}, self.presence)

    @classmethod
    def from_counts(
        cls,
        counts: Sequence[int] | NDArray[Any],
        columns: Mapping[str, NDArray[Any]],
        presence: NDArray[np.bool_] | None = None,
    ) -> Table:
        offsets = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        return cls(offsets, columns, None if presence is None else _unless_all(presence))

    @classmethod
    def concatenate(cls, tables: Sequence[Table]) -> Table:
        """Columns that not every table has are left out."""
        shared = [name for name in tables[0].columns if all(name in table.columns for table in tables)]
        columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in shared}
        counts = np.concatenate([table.counts for table in tables])
        return cls.from_counts(counts, columns, np.concatenate([table.is_present for table in tables]))


def _unless_all(presence: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return None if presence.all() else presence


@dataclass(frozen=True)
class Events:
    """A batch of events.

    run, luminosity_block, event: one number per event. hits: subdetector name (EB, EE, ES, HB, HE, HO, HF) -> Table
    of `HIT_COLUMNS`. objects: name -> Table of `OBJECT_COLUMNS`. An absent name means that the source does not say, for
    any of the events; where it does for some, `presence` of the table tells which. provenance: where the events come
    from (version, configuration, seed, inputs), JSON values only.
    """

    run: NDArray[np.uint32]
    luminosity_block: NDArray[np.uint32]
    event: NDArray[np.uint64]
    hits: Mapping[str, Table]
    objects: Mapping[str, Table] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, table in (*self.hits.items(), *self.objects.items()):
            if len(table.offsets) != len(self) + 1:
                raise ValueError(f"{name}: {len(table.offsets) - 1} events in the table, {len(self)} in the record")

    def __len__(self) -> int:
        return len(self.event)

    def name_of(self, event: int) -> str:
        """For messages."""
        return f"run {self.run[event]} event {self.event[event]}"

    def slice(self, start: int, stop: int) -> Events:
        """Events `start` to `stop` (as a Python range), with the tables that any of them has."""
        return Events(
            self.run[start:stop],
            self.luminosity_block[start:stop],
            self.event[start:stop],
            _cut(self.hits, start, stop),
            _cut(self.objects, start, stop),
            self.provenance,
        )

    @classmethod
    def concatenate(cls, batches: Iterable[Events]) -> Events:
        """One record of all; a table that a batch lacks is absent for its events. Provenance of the first."""
        parts = list(batches)
        if not parts:
            raise ValueError("no events to concatenate")

        hits = _join([part.hits for part in parts], [len(part) for part in parts])
        objects = _join([part.objects for part in parts], [len(part) for part in parts])
        return cls(
            np.concatenate([part.run for part in parts]),
            np.concatenate([part.luminosity_block for part in parts]),
            np.concatenate([part.event for part in parts]),
            hits,
            objects,
            parts[0].provenance,
        )


def _cut(tables: Mapping[str, Table], start: int, stop: int) -> dict[str, Table]:
    cut = {name: table.slice(start, stop) for name, table in tables.items()}
    return {name: table for name, table in cut.items() if table.presence is None or table.presence.any()}


def _join(tables: Sequence[Mapping[str, Table]], num_events: Sequence[int]) -> dict[str, Table]:
    joined = {}
    for name in dict.fromkeys(name for part in tables for name in part):
        like = next(part[name] for part in tables if name in part)
        nothing = {column: values[:0] for column, values in like.columns.items()}
        joined[name] = Table.concatenate(
            [
                part.get(name, Table(np.zeros(count + 1, dtype=np.int64), nothing, np.zeros(count, dtype=bool)))
                for part, count in zip(tables, num_events, strict=True)
            ]
        )
    return joined
