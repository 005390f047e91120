"""What travels to a server: the occupied pixels of all candidates of a request end to end, in the narrowest types that
lose nothing, and how many each candidate has. No padding, and nothing dense.

An index is told by its step from the one before: pixels lie side by side, so most steps are 1, and the compression that
gRPC and HTTP have built in finds that. Each tensor has one row, (1, entries): to Triton a request is one item of a
ragged batch, so that requests of any length are merged. What `to_wire` takes apart, `from_wire` and the served graph
(`e2e.serving.graph`) put together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import PADDING_INDEX, FrameSpec
from e2e.frames import Packed
from e2e.problems import InputError

_VALUE_TYPE, _COUNT_TYPE, _SEED_TYPE = np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.int16)
DENSE_BYTES = 4  # of a pixel in the image that does not travel


class Wire(NamedTuple):
    """pixel_step: (1, pixels of all) of `index_type`, an index less the one before it in its candidate, the first as it
    is; of two bytes modulo 2^16. pixel_value: float32, alike. num_pixels: (1, candidates) int32. seed: int16, row and
    column of each, (1, 2 * candidates)."""

    pixel_step: NDArray[np.uint16] | NDArray[np.int32]
    pixel_value: NDArray[np.float32]
    num_pixels: NDArray[np.int32]
    seed: NDArray[np.int16]

    @property
    def num_candidates(self) -> int:
        return self.num_pixels.shape[1]

    @property
    def num_bytes(self) -> int:
        return sum(tensor.nbytes for tensor in self)


def index_type(frame: FrameSpec) -> np.dtype[np.uint16] | np.dtype[np.int32]:
    """Two bytes where the frame's indices fit, else four."""
    return np.dtype(np.uint16) if frame.num_pixels <= 1 << 16 else np.dtype(np.int32)


def tensor_types(frame: FrameSpec) -> dict[str, np.dtype]:
    """Of each tensor of `Wire`."""
    return dict(zip(Wire._fields, (index_type(frame), _VALUE_TYPE, _COUNT_TYPE, _SEED_TYPE), strict=True))


def dense_bytes(frame: FrameSpec) -> int:
    """Of the float32 image of one candidate."""
    return DENSE_BYTES * frame.num_pixels


def to_wire(packed: Packed, frame: FrameSpec) -> Wire:
    """Raises InputError for an index or a seed that is no whole number of the frame: it would arrive as another."""
    is_pixel = packed.pixel_index != PADDING_INDEX
    index, seed = packed.pixel_index[is_pixel], packed.seed.reshape(1, -1)
    with np.errstate(invalid="ignore"):  # NaN becomes some number, and is then found to differ
        narrow, narrow_seed = index.astype(index_type(frame)), seed.astype(_SEED_TYPE)
    if not ((narrow == index) & (narrow < frame.num_pixels)).all() or (narrow < 0).any():
        raise InputError("wire", f"a pixel index that is none of the frame's {frame.num_pixels}", "mend the candidates")
    if not (narrow_seed == seed).all():
        raise InputError("wire", "a seed that is no pair of whole numbers", "mend the candidates")
    counts = np.count_nonzero(is_pixel, axis=1).astype(_COUNT_TYPE)
    values = packed.pixel_value[is_pixel].astype(_VALUE_TYPE, copy=False)
    step = np.diff(narrow, prepend=narrow.dtype.type(0))
    first = (np.cumsum(counts) - counts)[counts > 0]
    step[first] = narrow[first]
    return Wire(step[None], values[None], counts[None], narrow_seed)


def from_wire(wire: Wire) -> Packed:
    """The candidates, padded to the longest of them, at least to one pixel."""
    counts, step = wire.num_pixels[0].astype(np.int64), wire.pixel_step[0]
    total = np.concatenate((np.zeros(1, step.dtype), np.cumsum(step, dtype=step.dtype)))  # overflows as it should
    before = np.repeat(total[np.cumsum(counts) - counts], counts)
    is_pixel = np.arange(max(counts.max(initial=0), 1)) < counts[:, None]
    index = np.full(is_pixel.shape, PADDING_INDEX, dtype=np.float32)
    value = np.zeros_like(index)
    index[is_pixel], value[is_pixel] = total[1:] - before, wire.pixel_value[0]
    return Packed(index, value, wire.seed.reshape(-1, 2).astype(np.float32))


def join(wires: Sequence[Wire]) -> Wire:
    """Requests end to end, as a server merges them."""
    return Wire(*(np.concatenate(tensors, axis=1) for tensors in zip(*wires, strict=True)))


def pieces(packed: Packed, most: int) -> Iterator[Packed]:
    """At most that many candidates each, in order."""
    for start in range(0, len(packed.seed), most):
        yield Packed(*(tensor[start : start + most] for tensor in packed))
