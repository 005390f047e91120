"""The event store: a Parquet file of one row per event, lists one level deep, lossless to the bit.

Columns: run, luminosity_block, event, then `TABLE.COLUMN` lists (`EB.detid`, `photons.pt`, ...) of every table that the
record knows; a null list means that the source does not say, an empty one that there was nothing. The version and the
provenance are in the metadata. The same events give the same bytes, however they were split into batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from e2e.contract import EVENT_STORE_VERSION
from e2e.detector.detid import SUBDETECTORS
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, STORED_POSITION_COLUMNS, Events, Table
from e2e.parquet import ParquetOutput, groups_between, is_parquet, reading_parquet
from e2e.problems import InputError, Problems

ROW_GROUP_EVENTS = 1024
ROW_GROUP_HITS = 2_000_000  # about 60 MB; a row group ends at the event that reaches either
READ_EVENTS = 256  # of a batch

_VERSION_KEY, _PROVENANCE_KEY = b"e2e.event_store_version", b"e2e.provenance"

_NUMBERS: dict[str, type] = {"run": np.uint32, "luminosity_block": np.uint32, "event": np.uint64}
_HITS: dict[str, dict[str, type]] = {name: {**HIT_COLUMNS, **STORED_POSITION_COLUMNS} for name in SUBDETECTORS}
_OBJECTS: dict[str, dict[str, type]] = {
    name: dict.fromkeys(columns, np.float32) for name, columns in OBJECT_COLUMNS.items()
}
# Columns that came with a version; older files do without.
_NEW_COLUMNS: dict[int, tuple[str, ...]] = {
    2: (
        *(f"tracks.{column}" for column in ("d0_error_cm", "dz_error_cm", "is_high_purity")),
        *(f"tracker_hits.{column}" for column in ("layer", "x_cm", "y_cm", "z_cm")),
    ),
    3: ("truth.decay_mode",),
    4: tuple(f"taus.{column}" for column in OBJECT_COLUMNS["taus"]),
}


def _list_type(dtype: type) -> pa.DataType:
    return pa.list_(pa.field("element", pa.from_numpy_dtype(dtype), nullable=False))


def _schema() -> pa.Schema:
    numbers = [pa.field(name, pa.from_numpy_dtype(dtype), nullable=False) for name, dtype in _NUMBERS.items()]
    lists = [
        pa.field(f"{table}.{column}", _list_type(dtype))
        for table, columns in {**_HITS, **_OBJECTS}.items()
        for column, dtype in columns.items()
    ]
    return pa.schema(numbers + lists)


_SCHEMA = _schema()


# ---- writing


def write_events(path: Path, batches: Iterable[Events]) -> None:
    """Write all batches, or nothing. Raises InputError when `path` cannot be written."""
    with EventWriter(path) as writer:
        for batch in batches:
            writer.write(batch)


class EventWriter(ParquetOutput):
    """Writes batches as they come; the file appears under its name when the block ends without an exception.

    The provenance stored is that of the first batch. Raises InputError when `path` cannot be written, ValueError for a
    table or column that the record does not know, or of another type.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            compression="zstd",
            use_dictionary=False,  # a dictionary would take all NaNs for the same
            column_encoding={f"{name}.detid.list.element": "DELTA_BINARY_PACKED" for name in _HITS},
            write_statistics=False,
            write_page_checksum=True,
        )
        self._pending: list[Events] = []

    def write(self, events: Events) -> None:
        if not self.is_begun:
            self._begin_store(events.provenance)
        self._pending.append(events)
        num_pending = sum(len(batch) for batch in self._pending)
        num_hits = sum(len(table) for batch in self._pending for table in batch.hits.values())
        if num_pending >= ROW_GROUP_EVENTS or num_hits >= ROW_GROUP_HITS:
            self._flush(keep_rest=True)

    def _begin_store(self, provenance: Mapping[str, Any]) -> None:
        text = json.dumps(dict(provenance), sort_keys=True)
        self._begin(_SCHEMA.with_metadata({_VERSION_KEY: str(EVENT_STORE_VERSION), _PROVENANCE_KEY: text}))

    def _flush(self, keep_rest: bool) -> None:
        """Write whole row groups, whose ends depend on the events alone, not on the batches they came in."""
        rest = Events.concatenate(self._pending)
        while len(rest):
            hits = np.cumsum(sum(table.counts for table in rest.hits.values()) + np.zeros(len(rest), dtype=np.int64))
            size = min(ROW_GROUP_EVENTS, int(np.searchsorted(hits, ROW_GROUP_HITS)) + 1)
            if size > len(rest) and keep_rest:
                break
            size = min(size, len(rest))
            self._put(_to_arrow(rest.slice(0, size)))
            rest = rest.slice(size, len(rest))
        self._pending = [rest]

    def _finish(self) -> None:
        if not self.is_begun:
            self._begin_store({})
        if self._pending:
            self._flush(keep_rest=False)


def _to_arrow(events: Events) -> pa.RecordBatch:
    columns = {name: pa.array(getattr(events, name)) for name in _NUMBERS}
    for tables, known in ((events.hits, _HITS), (events.objects, _OBJECTS)):
        for name, table in tables.items():
            optional = STORED_POSITION_COLUMNS if known is _HITS else {}
            _check_columns(name, table, known.get(name, {}), optional)
            offsets, is_null = pa.array(table.offsets.astype(np.int32)), pa.array(~table.is_present)
            for column, values in table.columns.items():
                columns[f"{name}.{column}"] = pa.ListArray.from_arrays(
                    offsets, pa.array(values, from_pandas=False), type=_list_type(known[name][column]), mask=is_null
                )
    arrays = [columns.get(field.name, pa.nulls(len(events), field.type)) for field in _SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _check_columns(name: str, table: Table, known: Mapping[str, type], optional: Mapping[str, type]) -> None:
    for column, values in table.columns.items():
        if values.dtype != known.get(column):
            raise ValueError(f"{name}.{column} of {values.dtype}; the event store knows {name} with {known}")
    missing = known.keys() - table.columns.keys() - optional.keys()
    if missing:
        raise ValueError(f"{name} has no column {', '.join(sorted(missing))}")


# ---- reading


class StoreReader:
    """Reads every version up to ours, a column that came later as NaN; a damaged page is noticed by its checksum."""

    name = "e2e event store (Parquet)"

    def recognises(self, path: Path) -> bool:
        return is_parquet(path)

    def count(self, path: Path) -> int:
        with _reading(path), pq.ParquetFile(path) as file:
            _check_metadata(path, file)
            return int(file.metadata.num_rows)

    def read(self, path: Path, problems: Problems, start: int = 0, stop: int | None = None) -> Iterator[Events]:
        with _reading(path):
            file = pq.ParquetFile(path, page_checksum_verification=True)
        with file:
            with _reading(path):
                provenance = _check_metadata(path, file)
                groups, first, stop = groups_between(file.metadata, start, stop)
                batches = file.iter_batches(READ_EVENTS, row_groups=groups, use_threads=False)
            while first < stop:
                with _reading(path):
                    batch = next(batches, None)
                    if batch is None:
                        raise ValueError("fewer events than its footer says")
                    batch.validate(full=True)
                    low, high = (min(max(edge - first, 0), len(batch)) for edge in (start, stop))
                    events = _to_events(batch, provenance).slice(low, high)
                    first += len(batch)
                if len(events):
                    yield events


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading_parquet(path, "event store")


def _check_metadata(path: Path, file: pq.ParquetFile) -> dict[str, Any]:
    """The provenance. Raises InputError when this is no event store, a newer one, or one without all its columns."""
    metadata = file.metadata.metadata or {}
    if _VERSION_KEY not in metadata:
        if any(key.startswith(b"e2e.candidate_store") for key in metadata):
            raise InputError(path, "a store of candidates, not of events", "give the events that it was made of")
        if b"e2e.provenance" in metadata:
            what = "rows that `e2e predict` or `evaluate` wrote, not events"
            raise InputError(path, what, "read them as a table: pyarrow.parquet.read_table, pandas.read_parquet")
        raise InputError(path, "a Parquet file, but not an event store", "give events; images go to `e2e convert`")
    version = int(metadata[_VERSION_KEY])
    if version > EVENT_STORE_VERSION:
        what = f"event store version {version}; this e2e reads up to {EVENT_STORE_VERSION}"
        raise InputError(path, what, "install a newer e2e")
    schema = file.schema_arrow
    later = {column for since, columns in _NEW_COLUMNS.items() if since > version for column in columns}
    missing = [name for name in _SCHEMA.names if name not in schema.names]
    if lost := [name for name in missing if name not in later]:
        raise InputError(path, f"no column {', '.join(lost)}", "make the file again")
    for field in _SCHEMA:
        if field.name in missing:
            continue
        if (stored := schema.field(field.name).type) != field.type:
            raise InputError(path, f"column {field.name} holds {stored}, not {field.type}", "make the file again")
    return dict(json.loads(metadata.get(_PROVENANCE_KEY, b"{}")))


def _to_events(batch: pa.RecordBatch, provenance: Mapping[str, Any]) -> Events:
    run, block, event = (batch.column(name).to_numpy(zero_copy_only=False) for name in _NUMBERS)
    hits, objects = (
        {name: table for name, columns in known.items() if (table := _to_table(batch, name, columns)) is not None}
        for known in (_HITS, _OBJECTS)
    )
    return Events(run, block, event, hits, objects, provenance)


def _to_table(batch: pa.RecordBatch, name: str, columns: Mapping[str, type]) -> Table | None:
    """None where the source does not say, for any event of the batch."""
    missing = [column for column in columns if f"{name}.{column}" not in batch.schema.names]
    lists = {column: batch.column(f"{name}.{column}") for column in columns if column not in missing}
    if all(array.null_count == len(array) for array in lists.values()):
        return None
    first = lists[next(iter(lists))]
    for column in STORED_POSITION_COLUMNS.keys() & lists.keys():
        if lists[column].null_count > first.null_count:  # only some of the events have it
            del lists[column]
    lengths = [array.value_lengths() for array in lists.values()]
    if any(not other.equals(lengths[0]) for other in lengths):
        raise ValueError(f"columns of {name} differ in length")
    values = {column: array.flatten().to_numpy(zero_copy_only=False) for column, array in lists.items()}
    presence, num_rows = lengths[0].is_valid().to_numpy(zero_copy_only=False), len(next(iter(values.values())))
    values |= {column: np.full(num_rows, np.nan, dtype=np.float32) for column in missing}
    return Table.from_counts(lengths[0].fill_null(0).to_numpy(), values, presence)
