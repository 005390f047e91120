"""Parquet files that appear whole or not at all, and one line for one that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from e2e.files import GrowingFile, writing
from e2e.problems import InputError

MAGIC = b"PAR1"

# What Arrow raises on damaged bytes, and the JSON library on damaged metadata.
READ_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, MemoryError, RecursionError)


class ParquetOutput(GrowingFile):
    """Takes row groups; the file gets its name when the block ends without an exception.

    What a subclass holds back it puts in `_finish`. options: of `pyarrow.parquet.ParquetWriter`.
    Raises InputError when `path` cannot be written.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path)
        self._options = options
        self._parquet: pq.ParquetWriter | None = None

    @property
    def is_begun(self) -> bool:
        return self._parquet is not None

    def _begin(self, schema: pa.Schema) -> None:
        self._parquet = pq.ParquetWriter(self._file, schema, **self._options)

    def _put(self, rows: pa.RecordBatch | pa.Table) -> None:
        """These rows as one row group."""
        assert self._parquet is not None
        with writing(self._path):
            table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
            self._parquet.write_table(table, row_group_size=max(1, len(rows)))

    def _release(self) -> None:
        if self._parquet is not None:
            self._parquet.close()


def is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_footer(path: Path) -> pq.FileMetaData | None:
    """None where `path` is no Parquet file, or its footer cannot be read."""
    try:
        return pq.read_metadata(path)
    except READ_ERRORS:
        return None


def groups_between(metadata: pq.FileMetaData, start: int, stop: int | None) -> tuple[list[int], int, int]:
    """Row groups with rows `start` to `stop`, the first row of these groups, and where to stop at the latest."""
    sizes = np.array([metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)], dtype=np.int64)
    last = np.cumsum(sizes)
    stop = int(sizes.sum()) if stop is None else min(stop, int(sizes.sum()))
    groups = np.flatnonzero((last > start) & (last - sizes < stop))
    return groups.tolist(), int((last - sizes)[groups[0]]) if len(groups) else stop, stop


@contextmanager
def reading_parquet(path: Path, what: str) -> Iterator[None]:
    """For a block that reads `path`, a file of the kind `what`: what it raises becomes an InputError."""
    try:
        yield
    except READ_ERRORS as error:
        raise InputError(path, f"truncated or damaged {what} ({error})", "fetch or make the file again") from None
