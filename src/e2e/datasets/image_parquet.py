"""Parquet images of MLAnalyzer and ML4SCI: nested lists, or one flat list, usually a row group for each.

These files have no checksums: a flipped bit may give another number. What cannot be read ends in one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.image_metadata import KEY, read_said
from e2e.datasets.images import IMAGE_COLUMNS, SCALARS, Shape, batch_size, image_layout, to_candidates
from e2e.datasets.source import Layout, Options
from e2e.parquet import groups_between, read_footer, reading_parquet
from e2e.problems import InputError, Problems

BUFFER_BYTES = 1 << 20  # of each column; else Arrow takes in the whole column of a row group


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading_parquet(path, "Parquet file of images")


class ImageParquet:
    name = "images of MLAnalyzer and ML4SCI (Parquet)"

    def recognises(self, path: Path) -> bool:
        footer = read_footer(path)
        if footer is None or any(key.startswith(b"e2e.") for key in footer.metadata or {}):
            return False
        try:
            return _image_column(footer.schema.to_arrow_schema()) is not None
        except (ValueError, pa.ArrowException):  # a damaged schema
            return False

    def layout(self, path: Path, options: Options) -> Layout:
        with _reading(path), pq.ParquetFile(path) as file:
            said = read_said(path, (file.metadata.metadata or {}).get(KEY.encode()))
            return image_layout(path, _shape(path, file), file.schema_arrow.names, options, said)

    def count(self, path: Path) -> int:
        with _reading(path), pq.ParquetFile(path) as file:
            return int(file.metadata.num_rows)

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]:
        with _reading(path):
            file = pq.ParquetFile(path, buffer_size=BUFFER_BYTES)
        with file:
            with _reading(path):
                shape, column = _shape(path, file), _image_column(file.schema_arrow)
            if shape.channels != len(layout.frame.channels):
                what = f"images of {shape.channels} channels, {len(layout.frame.channels)} in the others"
                raise InputError(path, what, "convert it apart")
            scalars = [name for name in SCALARS if name in file.schema_arrow.names]
            batches = _batches(file, [column, *scalars], start, stop, batch_size(shape))
            low = start
            while low < stop:
                with _reading(path):
                    batch = next(batches, None)
                    if batch is None:
                        raise ValueError(f"{low} images of {stop}")
                    images = _images(path, low, batch.column(column), shape)
                    numbers = {name: _numbers(path, name, batch.column(name)) for name in scalars}
                yield to_candidates(path, low, images, numbers, layout, options, problems)
                low += len(batch)


def _batches(
    file: pq.ParquetFile, columns: Sequence[str | None], start: int, stop: int, size: int
) -> Iterator[pa.RecordBatch]:
    """Rows `start` to `stop`, at most `size` at once, however large the row groups are."""
    groups, row, _ = groups_between(file.metadata, start, stop)
    for batch in file.iter_batches(size, row_groups=groups, columns=columns, use_threads=False):
        wanted = batch.slice(max(start - row, 0), max(min(stop, row + len(batch)) - max(start, row), 0))
        row += len(batch)
        if len(wanted):
            yield wanted


def _image_column(schema: pa.Schema) -> str | None:
    return next((name for name in IMAGE_COLUMNS if name in schema.names and _is_list(schema.field(name).type)), None)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _shape(path: Path, file: pq.ParquetFile) -> Shape:
    """Of the first image."""
    column = _image_column(file.schema_arrow)
    if column is None:
        raise InputError(path, "no column of images", f"known: {', '.join(IMAGE_COLUMNS)}")
    if file.metadata.num_rows == 0:
        raise InputError(path, "no images in it", "leave it out")
    group = next(i for i in range(file.metadata.num_row_groups) if file.metadata.row_group(i).num_rows)
    batch = next(file.iter_batches(1, row_groups=[group], columns=[column], use_threads=False), None)
    if batch is None:
        raise ValueError("no rows in a row group that has some")
    first: Any = batch.column(column)
    lengths: list[int] = []
    while _is_list(first.type):
        if len(first) == 0 or first[0].as_py() is None:
            raise InputError(path, "the first image is empty", "make the file again, or leave it out")
        is_fixed = pa.types.is_fixed_size_list(first.type)
        lengths.append(first.type.list_size if is_fixed else first.value_lengths()[0].as_py())
        first = first.flatten()
    return Shape.of(path, lengths)


def _images(path: Path, row: int, values: Any, shape: Shape) -> NDArray[np.float32]:
    """(candidates, channels, rows, columns). Raises InputError where a list is longer or shorter than the first."""
    num_lists = count = len(values)
    while _is_list(values.type):
        values, lengths = values.flatten(), None if pa.types.is_fixed_size_list(values.type) else values.value_lengths()
        if lengths is not None and (lengths.null_count or len({*lengths.unique().to_pylist()}) > 1):
            raise InputError(path, f"images of different sizes after row {row}", "make the file again, or leave it out")
        num_lists = len(values)
    if num_lists != count * shape.channels * shape.size**2 or values.null_count:
        raise InputError(path, f"images of different sizes after row {row}", "make the file again, or leave it out")
    return shape.channels_first(values.to_numpy(zero_copy_only=False).reshape(count, -1))


def _numbers(path: Path, name: str, column: Any) -> NDArray[Any]:
    if _is_list(column.type):
        raise InputError(path, f"column {name} holds lists, not numbers", "make the file again, or leave it out")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
