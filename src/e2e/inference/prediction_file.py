"""The table of predictions: its columns, and its Parquet file, which appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from e2e.bundles import Contract
from e2e.events.record import Events
from e2e.frames.candidate_rows import CandidateRows
from e2e.parquet import ParquetOutput
from e2e.problems import InputError

PROVENANCE_KEY = b"e2e.provenance"
ROW_GROUP_ROWS = 1 << 16

_COLUMNS: dict[str, pa.DataType] = {
    "input": pa.string(),  # path of the file as it was given
    "run": pa.uint32(),
    "luminosity_block": pa.uint32(),
    "event": pa.uint64(),
    "candidate": pa.int32(),  # zero-based in the event
    "source": pa.string(),
    "matches_electron": pa.bool_(),
    "eta": pa.float32(),
    "phi": pa.float32(),
    "pt": pa.float32(),
    "pt_out_of_range": pa.bool_(),  # of what the bundle was trained on, where its contract says it
    "seed_ieta": pa.int16(),
    "seed_iphi": pa.int16(),
    "share_outside": pa.float32(),  # of the crop's energy, beyond the five rows of the seed: from other particles
    "engine": pa.dictionary(pa.int8(), pa.string()),  # that answered
}


class Answered(NamedTuple):
    """pt_out_of_range: (candidates,), see `pt_out_of_range` in `predict.py`. share_outside: (candidates,), see
    `Candidates.share_outside`. outputs: (candidates, outputs). engines: who gave
    each row of them."""

    pt_out_of_range: NDArray[np.bool_]
    share_outside: NDArray[np.float32]
    outputs: NDArray[np.float32]
    engines: Sequence[str]


def prediction_schema(contract: Contract, provenance: Mapping[str, Any]) -> pa.Schema:
    """The same columns for every input, then the bundle's outputs; null: the network gave no finite number."""
    taken = [name for name in contract.output_names if name in _COLUMNS]
    if taken:
        raise InputError(contract.task, f"its output {taken[0]!r} is also a column of every row", "rename the output")
    rows = [pa.field(name, kind, nullable=False) for name, kind in _COLUMNS.items()]
    outputs = [pa.field(name, pa.float32()) for name in contract.output_names]
    return pa.schema(rows + outputs, metadata={PROVENANCE_KEY: json.dumps(dict(provenance), sort_keys=True)})


def to_record_batch(
    schema: pa.Schema,
    path: Path,
    events: Events,
    rows: CandidateRows,
    answered: Answered,
) -> pa.RecordBatch:
    event = rows.seeds.event_index
    columns = [
        np.full(len(rows), str(path), dtype=object),
        *(getattr(events, name)[event] for name in ("run", "luminosity_block", "event")),
        rows.index_in_event,
        rows.source.astype(object),
        *(rows.matches_electron, rows.eta, rows.phi, rows.pt, answered.pt_out_of_range, rows.ieta, rows.iphi),
        answered.share_outside,
        answered.engines,
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=False)]
    arrays += [pa.array(values, pa.float32(), mask=~np.isfinite(values)) for values in answered.outputs.T]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


class PredictionWriter(ParquetOutput):
    """Collects rows into row groups of a Parquet file; it gets its name when the block ends without an exception.

    Raises InputError when `path` cannot be written.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, compression="zstd")
        self._schema = schema
        self._pending: list[pa.RecordBatch] = []

    def _begin_file(self) -> None:
        self._begin(self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        if sum(len(part) for part in self._pending) >= ROW_GROUP_ROWS:
            self._finish()

    def _finish(self) -> None:
        self._put(pa.Table.from_batches(self._pending, self._schema))
        self._pending = []
