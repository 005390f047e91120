"""Seeds -> candidates -> what a network takes; part of `e2e.frames.reference`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from e2e.contract import PADDING_INDEX, FrameSpec
from e2e.detector.grids import upsample_hcal
from e2e.events.record import Table
from e2e.frames.candidates import (
    LONGEST_RUN,
    Candidates,
    ChannelFrames,
    FloatArray,
    IntArray,
    LongArray,
    Packed,
    PixelRuns,
    Seeds,
    check_channels,
)
from e2e.frames.reference_frames import BARREL, barrel_image, check_hits, joined, offsets_of
from e2e.frames.reference_seeds import check_pixels


def build_candidates(hits: Table, spec: FrameSpec, seeds: Seeds) -> Candidates:
    """Cut the window of `spec` out of the barrel frame around each seed; phi wraps, beyond the eta edge is nothing.

    hits: EB. A pixel is occupied where the energy is above 0; a time of exactly 0 is left out.
    Raises ValueError naming the seed that lies outside the grid, and the limits.
    """
    if spec.parent != BARREL:
        raise ValueError(f"candidates are cut from the barrel grid, not from {spec.grid!r}")
    check_hits(hits)
    check_pixels(BARREL, len(hits.offsets) - 1, seeds.event_index, seeds.row, seeds.column)

    def image(channel: str, event: int) -> FloatArray:
        return barrel_image(hits, event)[("ecal_energy", "ecal_time").index(channel)]

    return _cut(image, spec, seeds)


def cut_candidates(channels: Sequence[ChannelFrames], spec: FrameSpec, seeds: Seeds) -> Candidates:
    """Cut the window of `spec` out of one frame per channel; phi wraps, beyond the eta edge is nothing.

    channels: one for each of `spec`, in its order, on its grid; for the stitched grid also on the HCAL grid, whose
    towers are spread over their pixels. A value of exactly 0 is left out.
    Raises ValueError when the channels are not those of `spec`, and naming the seed that lies outside the grid.
    """
    check_channels(channels, spec)
    check_pixels(spec.parent, len(channels[0]), seeds.event_index, seeds.row, seeds.column)

    def image(name: str, event: int) -> FloatArray:
        channel = channels[spec.channels.index(name)]
        of_event = slice(channel.offsets[event], channel.offsets[event + 1])
        whole = np.zeros((channel.grid.rows, channel.grid.columns), dtype=np.float32)
        whole.ravel()[channel.pixel_index[of_event]] = channel.value[of_event]
        return whole if channel.grid == spec.parent else upsample_hcal(whole)

    return _cut(image, spec, seeds)


def _cut(image: Callable[[str, int], FloatArray], spec: FrameSpec, seeds: Seeds) -> Candidates:
    """image: channel, event -> the whole grid."""
    grid = spec.parent
    pixels, values = [], []
    for event, row, column in zip(seeds.event_index, seeds.row, seeds.column, strict=True):
        rows = row - spec.centre_row + np.arange(spec.rows)
        columns = (column - spec.centre_column + np.arange(spec.columns)) % grid.columns
        is_inside = (rows >= 0) & (rows < grid.rows)
        crop = np.zeros(spec.shape, dtype=np.float32)
        for channel, name in enumerate(spec.channels):
            crop[channel, is_inside] = image(name, event)[np.ix_(rows[is_inside], columns)]
        pixels.append(np.flatnonzero(crop).astype(np.int32))
        values.append(crop.ravel()[pixels[-1]])
    return Candidates(spec, offsets_of(pixels), joined(pixels, np.int32), joined(values, np.float32), seeds)


def pack(candidates: Candidates, start: int, stop: int) -> Packed:
    """Pad candidates `start` to `stop` to the longest among them, at least 1 pixel."""
    _check_range(candidates, start, stop)
    offsets = candidates.offsets[start : stop + 1]
    shape = (stop - start, max(1, int(np.diff(offsets).max(initial=0))))
    index, value = np.full(shape, PADDING_INDEX, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for i, (low, high) in enumerate(pairwise(offsets)):
        index[i, : high - low] = candidates.pixel_index[low:high]
        value[i, : high - low] = candidates.pixel_value[low:high]
    seeds = candidates.seeds.select(slice(start, stop))
    return Packed(index, value, np.stack((seeds.row, seeds.column), axis=-1).astype(np.float32))


def to_dense(candidates: Candidates, out: FloatArray | None = None) -> FloatArray:
    """Images (candidates, channels, rows, columns)."""
    shape = (len(candidates), *candidates.spec.shape)
    images = np.zeros(shape, dtype=np.float32)
    candidate = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))
    images.reshape(-1, candidates.spec.num_pixels)[candidate, candidates.pixel_index] = candidates.pixel_value
    if out is None:
        return images
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} of {out.shape}; needed: contiguous float32 of {shape}")
    out[...] = images
    return out


def pixel_runs(offsets: LongArray, pixel_index: IntArray, pixel_value: FloatArray) -> PixelRuns:
    """Candidate i has the pixels `offsets[i]` to `offsets[i + 1]`, in any order."""
    index = pixel_index.astype(np.int64)
    bits = pixel_value.view(np.uint32)  # NaN is itself, and -0.0 is not 0.0
    goes_on = np.zeros(len(index), dtype=bool)
    goes_on[1:] = (np.diff(index) == 1) & (bits[1:] == bits[:-1])
    goes_on[offsets[offsets < len(index)]] = False
    begins = np.flatnonzero(~goes_on)
    parts = -(-np.diff(begins, append=len(index)) // LONGEST_RUN)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    begins = np.repeat(begins, parts) + LONGEST_RUN * part
    first = np.searchsorted(begins, offsets)  # run of each candidate, and one past the last
    is_first = first[:-1][np.diff(first) > 0]
    step = np.diff(index[begins], prepend=0)
    step[is_first] = index[begins[is_first]]
    length = np.diff(begins, append=len(index))
    return PixelRuns(
        step.astype(np.int32), length.astype(np.uint8), pixel_value[begins], np.diff(first).astype(np.int32)
    )


def _check_range(candidates: Candidates, start: int, stop: int) -> None:
    if not 0 <= start <= stop <= len(candidates):
        raise ValueError(f"candidates {start} to {stop} are outside 0..{len(candidates)}")
