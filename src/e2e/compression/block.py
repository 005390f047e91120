"""A block of candidates as bytes: what is known of each, to the bit, and the pixels as a codec writes them."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.compression.codec import Codec
from e2e.compression.zstd import compress_bytes, decompress_bytes, from_planes, to_planes
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.datasets.labels import LABEL_COLUMNS, SEED_COLUMNS, complete_labels
from e2e.frames.candidates import Seeds

# What a file written now holds of each candidate beside its pixels.
COLUMNS: dict[str, str] = {name: np.dtype(kind).name for name, kind in {**LABEL_COLUMNS, **SEED_COLUMNS}.items()}

MAX_BLOCK_CANDIDATES = 1 << 16  # a damaged head could ask for any amount of memory

_HEAD = Struct("<QII")  # number of the first candidate in the file, candidates, bytes of the labels


class BlockHead(NamedTuple):
    first: int
    candidates: int
    label_bytes: int

    @property
    def stop(self) -> int:
        return self.first + self.candidates


def encode_block(candidates: CandidateSet, first: int, codec: Codec) -> bytes:
    pixels = candidates.candidates.load()
    seeds = dict(zip(SEED_COLUMNS, (pixels.seeds.row, pixels.seeds.column, pixels.seeds.energy), strict=True))
    columns = {**candidates.labels, **seeds}
    labels = compress_bytes(b"".join(to_planes(columns[name].astype(kind)) for name, kind in COLUMNS.items()))
    return _HEAD.pack(first, len(pixels), len(labels)) + labels + codec.encode(pixels)


def read_head(content: bytes) -> BlockHead:
    """From the first bytes of a block. Raises ValueError where there are too few, or too many candidates."""
    if len(content) < _HEAD.size:
        raise ValueError("a block without its head")
    head = BlockHead(*_HEAD.unpack_from(content))
    if head.candidates > MAX_BLOCK_CANDIDATES:
        raise ValueError(f"a block of {head.candidates} candidates; {MAX_BLOCK_CANDIDATES} are possible")
    return head


def decode_block(content: bytes, columns: Mapping[str, str], codec: Codec, provenance: Provenance) -> CandidateSet:
    """columns: names and types, as the file's header says them. Raises ValueError for bytes that are no block."""
    head = read_head(content)
    labels, code = content[_HEAD.size : _HEAD.size + head.label_bytes], content[_HEAD.size + head.label_bytes :]
    known = _read_columns(labels, head.candidates, columns)
    row, column, energy = (known[name] for name in SEED_COLUMNS)
    pixels = codec.decode(code, Seeds.from_columns(np.arange(head.candidates), row, column, energy))
    own = {name: values for name, values in known.items() if name in LABEL_COLUMNS}
    return CandidateSet(pixels, complete_labels(head.candidates, own), provenance)


def _read_columns(written: bytes, count: int, columns: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    sizes = [count * np.dtype(kind).itemsize for kind in columns.values()]
    ends = np.cumsum(sizes)
    planes = decompress_bytes(written, int(ends[-1]))
    starts = ends - sizes
    return {
        name: from_planes(planes[start:end], kind)
        for (name, kind), start, end in zip(columns.items(), starts, ends, strict=True)
    }
