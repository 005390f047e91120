"""What travels to a server: the occupied pixels of all candidates of a request end to end, in the narrowest types that
lose nothing, and how many each candidate has. No padding, and nothing dense.

Pixels side by side with the same value, as an HCAL tower spread over 5 x 5 of them has, travel as a run. Where one
begins is told by its step from the one before: many steps are alike, and the compression that gRPC and HTTP have built
in finds that. Each tensor has one row, (1, entries): to Triton a request is one item of a ragged batch, so that
requests of any length are merged. What `to_wire` takes apart, `from_wire` and the served graph (`e2e.serving.graph`)
put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import PADDING_INDEX, FrameSpec
from e2e.frames import Packed, native
from e2e.problems import InputError

_LENGTH_TYPE, _VALUE_TYPE = np.dtype(np.uint8), np.dtype(np.float32)
_COUNT_TYPE, _SEED_TYPE = np.dtype(np.int32), np.dtype(np.int16)
DENSE_BYTES = 4  # of a pixel in the image that does not travel


class Wire(NamedTuple):
    """run_step: (1, runs of all) of `index_type`, the index of a run's first pixel less that of the run before in its
    candidate, the first as it is; of two bytes modulo 2^16. run_length: uint8, of pixels, at least 1, and run_value:
    float32, alike. num_runs: (1, candidates) int32. seed: int16, row and column of each, (1, 2 * candidates)."""

    run_step: NDArray[np.uint16] | NDArray[np.int32]
    run_length: NDArray[np.uint8]
    run_value: NDArray[np.float32]
    num_runs: NDArray[np.int32]
    seed: NDArray[np.int16]

    @property
    def num_candidates(self) -> int:
        return self.num_runs.shape[1]

    @property
    def num_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self)


def index_type(frame: FrameSpec) -> np.dtype[np.uint16] | np.dtype[np.int32]:
    """Two bytes where the frame's indices fit, else four."""
    return np.dtype(np.uint16) if frame.num_pixels <= 1 << 16 else np.dtype(np.int32)


def tensor_types(frame: FrameSpec) -> dict[str, np.dtype]:
    """Of each tensor of `Wire`."""
    kinds = index_type(frame), _LENGTH_TYPE, _VALUE_TYPE, _COUNT_TYPE, _SEED_TYPE
    return dict(zip(Wire._fields, kinds, strict=True))


def dense_bytes(frame: FrameSpec) -> int:
    """Of the float32 image of one candidate."""
    return DENSE_BYTES * frame.num_pixels


def to_wire(packed: Packed, frame: FrameSpec) -> Wire:
    """Raises InputError for an index or a seed that is no whole number of the frame: it would arrive as another."""
    is_pixel = packed.pixel_index != PADDING_INDEX
    index, seed = packed.pixel_index[is_pixel], packed.seed.reshape(1, -1)
    with np.errstate(invalid="ignore"):  # NaN becomes some number, and is then found to differ
        narrow, narrow_seed = index.astype(np.int32), seed.astype(_SEED_TYPE)
    if not ((narrow == index) & (narrow >= 0) & (narrow < frame.num_pixels)).all():
        raise InputError("wire", f"a pixel index that is none of the frame's {frame.num_pixels}", "mend the candidates")
    if not (narrow_seed == seed).all():
        raise InputError("wire", "a seed that is no pair of whole numbers", "mend the candidates")
    offsets = np.concatenate(([0], np.cumsum(np.count_nonzero(is_pixel, axis=1))))
    runs = native.pixel_runs(offsets, narrow, packed.pixel_value[is_pixel].astype(_VALUE_TYPE, copy=False))
    step: Any = runs.step.astype(index_type(frame))  # of two bytes modulo 2^16
    return Wire(step[None], runs.length[None], runs.value[None], runs.num_runs[None], narrow_seed)


def from_wire(wire: Wire) -> Packed:
    """The candidates, padded to the longest of them, at least to one pixel."""
    num_runs, length, step = wire.num_runs[0].astype(np.int64), wire.run_length[0].astype(np.int64), wire.run_step[0]
    ends = np.cumsum(num_runs)
    begins = ends - num_runs  # of the candidates, in runs
    total = np.concatenate((np.zeros(1, step.dtype), np.cumsum(step, dtype=step.dtype)))  # overflows as it should
    first = (total[1:] - np.repeat(total[begins], num_runs)).astype(np.int64)
    pixels = np.concatenate(([0], np.cumsum(length)))  # before each run, and of all
    inside = np.arange(pixels[-1]) - np.repeat(pixels[:-1], length)
    counts = pixels[ends] - pixels[begins]
    is_pixel = np.arange(max(counts.max(initial=0), 1)) < counts[:, None]
    index = np.full(is_pixel.shape, PADDING_INDEX, dtype=np.float32)
    value = np.zeros_like(index)
    index[is_pixel], value[is_pixel] = np.repeat(first, length) + inside, np.repeat(wire.run_value[0], length)
    return Packed(index, value, wire.seed.reshape(-1, 2).astype(np.float32))


def join(wires: Sequence[Wire]) -> Wire:
    """Requests end to end, as a server merges them."""
    return Wire(*(np.concatenate(tensors, axis=1) for tensors in zip(*wires, strict=True)))


def pieces(packed: Packed, most: int) -> Iterator[Packed]:
    """At most that many candidates each, in order."""
    for start in range(0, len(packed.seed), most):
        yield Packed(*(tensor[start : start + most] for tensor in packed))
