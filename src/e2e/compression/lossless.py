"""The floor that every other codec must beat: pixels to the bit, gaps between their places and values under zstd."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Any

import numpy as np

from e2e.compression.zstd import compress_bytes, decompress_bytes, from_planes, to_planes
from e2e.contract import FrameSpec
from e2e.datasets.candidate_store import check_pixels
from e2e.frames.candidates import Candidates, Seeds

_SIZES = Struct("<II")  # occupied pixels, bytes of what says where they are


@dataclass(frozen=True)
class SparseZstd:
    """A block is its number of pixels; under zstd the number of each candidate and the gaps of their ascending flat
    index, as planes of bytes; under zstd the values as they are. Byte-planes of values are 5 % larger: towers repeat
    theirs 25 times."""

    frame: FrameSpec

    NAME = "sparse-zstd"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.NAME, "is_lossless": True}

    def encode(self, candidates: Candidates) -> bytes:
        counts = np.diff(candidates.offsets).astype(np.uint32)
        first = candidates.offsets[:-1][counts > 0]
        gaps = np.diff(candidates.pixel_index, prepend=0)
        gaps[first] = candidates.pixel_index[first]
        places = compress_bytes(to_planes(counts) + to_planes(gaps.astype(np.uint32)))
        values = compress_bytes(candidates.pixel_value.astype("<f4", copy=False).tobytes())
        return _SIZES.pack(len(gaps), len(places)) + places + values

    def decode(self, code: bytes, seeds: Seeds) -> Candidates:
        if len(code) < _SIZES.size:
            raise ValueError("a block without sizes")
        num_pixels, num_bytes = _SIZES.unpack_from(code)
        if num_pixels > len(seeds) * self.frame.num_pixels:
            raise ValueError(f"{num_pixels} pixels of {len(seeds)} candidates")
        places, values = code[_SIZES.size : _SIZES.size + num_bytes], code[_SIZES.size + num_bytes :]
        planes = decompress_bytes(places, 4 * (len(seeds) + num_pixels))
        counts = from_planes(planes[: 4 * len(seeds)], np.uint32).astype(np.int64)
        gaps = from_planes(planes[4 * len(seeds) :], np.uint32).astype(np.int64)
        offsets = np.concatenate(([0], np.cumsum(counts)))
        if offsets[-1] != num_pixels:
            raise ValueError(f"candidates of {offsets[-1]} pixels together, {num_pixels} expected")
        before = np.concatenate(([0], np.cumsum(gaps)))  # of all candidates, one behind the other
        index = (before[1:] - np.repeat(before[offsets[:-1]], counts)).astype(np.int32)
        value = np.frombuffer(decompress_bytes(values, 4 * num_pixels), dtype="<f4").astype(np.float32, copy=False)
        candidates = Candidates(self.frame, offsets, index, value, seeds)
        check_pixels(candidates)
        return candidates
