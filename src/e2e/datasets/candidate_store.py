"""The candidate store: a Parquet file of one row per candidate, its pixels as two sorted lists, lossless to the bit.

Columns: those of `LABEL_COLUMNS` and `SEED_COLUMNS`, then `pixel_index` (int32, ascending: flat index of channel, row
and column) and `pixel_value` (float32, raw units, never 0). The metadata hold the version, the frame (channels, units,
window), the task, and the provenance. The same candidates give the same bytes, however they were split into batches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from e2e.contract import CANDIDATE_STORE_VERSION, FrameSpec
from e2e.datasets.candidate_set import CandidateSet, Provenance, merged_provenance
from e2e.datasets.labels import LABEL_COLUMNS, SEED_COLUMNS
from e2e.frames.candidates import Candidates, Seeds
from e2e.parquet import ParquetOutput, read_footer, reading_parquet
from e2e.problems import InputError

# A row group ends at the candidate that reaches either: what is read at once, and the unit of shuffling.
ROW_GROUP_CANDIDATES = 4096
ROW_GROUP_PIXELS = 400_000  # 3 MB

_VERSION_KEY, _ABOUT_KEY, _CHECKSUM_KEY = b"e2e.candidate_store_version", b"e2e.about", b"e2e.about_crc32"
_NUMBERS: dict[str, type] = {**LABEL_COLUMNS, **SEED_COLUMNS}
_PIXELS: dict[str, type] = {"pixel_index": np.int32, "pixel_value": np.float32}


def _list_type(dtype: type) -> pa.DataType:
    return pa.list_(pa.field("element", pa.from_numpy_dtype(dtype), nullable=False))


_SCHEMA = pa.schema(
    [pa.field(name, pa.from_numpy_dtype(kind), nullable=False) for name, kind in _NUMBERS.items()]
    + [pa.field(name, _list_type(kind), nullable=False) for name, kind in _PIXELS.items()]
)
# Columns that came with a version; older files do without.
_NEW_COLUMNS: dict[int, tuple[str, ...]] = {2: ("vertices",), 3: ("truth.decay_mode",)}


def _schema(version: int) -> pa.Schema:
    later = {name for since, names in _NEW_COLUMNS.items() if since > version for name in names}
    return pa.schema([field for field in _SCHEMA if field.name not in later])


@dataclass(frozen=True)
class About:
    """What a file says of all its candidates.

    pixels: occupied ones of each channel, all candidates together. more: of the conversion, JSON values.
    """

    frame: FrameSpec
    task: str | None
    provenance: Provenance
    pixels: dict[str, int]
    more: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "frame": self.frame.to_json()}


class CandidateWriter(ParquetOutput):
    """Writes candidates as they come; the file appears under its name when the block ends without an exception.

    `more` may be filled until then. Raises InputError when `path` cannot be written, ValueError for another frame.
    """

    def __init__(self, path: Path, frame: FrameSpec, task: str | None, more: dict[str, Any] | None = None) -> None:
        super().__init__(
            path,
            compression="zstd",
            compression_level=9,
            use_dictionary=False,  # a dictionary would take all NaNs for the same
            column_encoding={"pixel_index.list.element": "DELTA_BINARY_PACKED"},
            write_statistics=False,
            write_page_checksum=True,
        )
        self.frame, self.task = frame, task
        self.more: dict[str, Any] = {} if more is None else more
        self._pixels = np.zeros(len(frame.channels), dtype=np.int64)
        self._provenance: Provenance = []
        self._pending: list[pa.Table] = []

    def _begin_file(self) -> None:
        self._begin(_SCHEMA)

    def write(self, candidates: CandidateSet) -> None:
        pixels = candidates.candidates.load()
        if pixels.spec != self.frame:
            raise ValueError(f"candidates of {pixels.spec} cannot be stored with {self.frame}")
        self._provenance = merged_provenance([self._provenance, candidates.provenance])
        channel = pixels.pixel_index // (self.frame.rows * self.frame.columns)
        self._pixels += np.bincount(channel, minlength=len(self._pixels))
        self._pending.append(_to_arrow(candidates, pixels))
        if _num_pixels(self._pending) >= ROW_GROUP_PIXELS or sum(map(len, self._pending)) >= ROW_GROUP_CANDIDATES:
            self._flush(keep_rest=True)

    def _flush(self, keep_rest: bool) -> None:
        """Write whole row groups, whose ends depend on the candidates alone, not on the batches they came in."""
        rest = pa.concat_tables(self._pending).combine_chunks()
        while len(rest):
            ends = np.cumsum(rest["pixel_index"].combine_chunks().value_lengths().to_numpy())
            size = min(ROW_GROUP_CANDIDATES, int(np.searchsorted(ends, ROW_GROUP_PIXELS)) + 1)
            if size > len(rest) and keep_rest:
                break
            self._put(rest.slice(0, size))
            rest = rest.slice(size)
        self._pending = [rest]

    def _finish(self) -> None:
        if self._pending:
            self._flush(keep_rest=False)
        pixels = dict(zip(self.frame.channels, self._pixels.tolist(), strict=True))
        about = About(self.frame, self.task, self._provenance, pixels, self.more)
        text = json.dumps(about.to_json(), sort_keys=True, allow_nan=False)
        assert self._parquet is not None
        metadata = {_VERSION_KEY: str(CANDIDATE_STORE_VERSION), _ABOUT_KEY: text, _CHECKSUM_KEY: _checksum(text)}
        self._parquet.add_key_value_metadata(metadata)


def _checksum(text: str) -> str:
    """Parquet has none for its metadata."""
    return str(crc32(text.encode()))


def _num_pixels(tables: list[pa.Table]) -> int:
    return sum(chunk.value_lengths().sum().as_py() or 0 for table in tables for chunk in table["pixel_index"].chunks)


def _to_arrow(candidates: CandidateSet, pixels: Candidates) -> pa.Table:
    seeds, offsets = pixels.seeds, pa.array(pixels.offsets.astype(np.int32))
    numbers = {
        **candidates.labels,
        **dict(zip(SEED_COLUMNS, (seeds.row, seeds.column, seeds.energy), strict=True)),
    }
    arrays = [pa.array(numbers[name].astype(kind, copy=False), from_pandas=False) for name, kind in _NUMBERS.items()]
    for values in (pixels.pixel_index, pixels.pixel_value):
        arrays.append(pa.ListArray.from_arrays(offsets, pa.array(values), type=_list_type(values.dtype.type)))
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


# ---- reading


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading_parquet(path, "candidate store")


def is_candidate_store(path: Path) -> bool:
    """From the footer of a Parquet file; False for one that cannot be read."""
    footer = read_footer(path)
    return footer is not None and _VERSION_KEY in (footer.metadata or {})


class CandidateFile:
    """One candidate store, row group by row group. Raises InputError when it is damaged, newer, or something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _reading(path), pq.ParquetFile(path) as file:
            metadata = file.metadata
            version, self.about = _about(path, metadata.metadata or {})
            if not file.schema_arrow.equals(_schema(version)):
                raise InputError(path, "columns are not those of a candidate store", "convert again")
            self.is_current = version == CANDIDATE_STORE_VERSION
            self._unknown = set(_SCHEMA.names) - set(_schema(version).names)
            self.group_sizes = np.array([metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)], int)

    def __len__(self) -> int:
        return int(self.group_sizes.sum())

    def labels(self, names: Sequence[str] = tuple(_NUMBERS)) -> dict[str, NDArray[Any]]:
        """Columns of `LABEL_COLUMNS` and `SEED_COLUMNS` of all candidates."""
        with _reading(self.path), pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read(columns=[name for name in names if name not in self._unknown], use_threads=False)
            nothing = np.full(len(self), np.nan, dtype=np.float32)
            return {name: nothing if name in self._unknown else table[name].to_numpy() for name in names}

    def pixels(self, group: int) -> Candidates:
        """Candidates of a row group."""
        with _reading(self.path), pq.ParquetFile(self.path, page_checksum_verification=True) as file:
            table = file.read_row_group(group, columns=[*_PIXELS, *SEED_COLUMNS], use_threads=False).combine_chunks()
            table.validate(full=True)
            index, value = (table[name].combine_chunks() for name in _PIXELS)
            if not index.value_lengths().equals(value.value_lengths()):
                raise ValueError("pixel_index and pixel_value differ in length")
            offsets = np.concatenate(([0], np.cumsum(index.value_lengths().to_numpy(), dtype=np.int64)))
            row, column, energy = (table[name].to_numpy() for name in SEED_COLUMNS)
            seeds = Seeds.from_columns(np.arange(len(table)), row, column, energy)
            candidates = Candidates(
                self.about.frame, offsets, index.flatten().to_numpy(), value.flatten().to_numpy(), seeds
            )
            check_pixels(candidates)
            return candidates


def check_pixels(candidates: Candidates) -> None:
    """Raises ValueError unless the flat index of each candidate is ascending inside the frame."""
    index = candidates.pixel_index
    rises = np.diff(index) > 0
    rises[candidates.offsets[1:-1][(candidates.offsets[1:-1] > 0) & (candidates.offsets[1:-1] < len(index))] - 1] = True
    if len(index) and not (index.min() >= 0 and index.max() < candidates.spec.num_pixels and rises.all()):
        raise ValueError("pixel_index is not ascending inside the frame")


def _about(path: Path, metadata: Mapping[bytes, bytes]) -> tuple[int, About]:
    """The version, and what else the file says."""
    if _VERSION_KEY not in metadata:
        raise InputError(path, "not a candidate store", "give a folder that `e2e convert` wrote")
    version = int(metadata[_VERSION_KEY])
    if version > CANDIDATE_STORE_VERSION:
        what = f"candidate store version {version}; this e2e reads up to {CANDIDATE_STORE_VERSION}"
        raise InputError(path, what, "install a newer e2e")
    text = metadata[_ABOUT_KEY].decode()
    if metadata[_CHECKSUM_KEY].decode() != _checksum(text):
        raise ValueError("checksum of the metadata")
    about = json.loads(text)
    return version, About(**{**about, "frame": FrameSpec.from_json(about["frame"])})
