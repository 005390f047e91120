"""Images of probabilities and values -> the pixels of candidates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS, FrameSpec
from e2e.contract.channels import TRACKER_LAYERS
from e2e.frames.candidates import Candidates, Seeds

FloatArray = NDArray[np.float32]

AT_ONCE = 64  # candidates whose images are made dense


def sparsify(frame: FrameSpec, probability: FloatArray, value: FloatArray, seeds: Seeds) -> Candidates:
    """Of each channel the most probable pixels, as many as are expected: the sum of the probabilities.

    A threshold of one half would lose whatever is likely nowhere, though something is certainly there. Pixels that are
    equally probable, as those of a tower, come together, or not at all where that is nearer to the number expected.
    probability, value: (candidates, channels, rows, columns), in raw units.
    """
    flat = probability.reshape(len(seeds), len(frame.channels), -1)
    expected = np.rint(flat.sum(axis=2, dtype=np.float64)).astype(np.int64)  # (candidates, channels)
    falling = -np.sort(-flat, axis=2)
    least = np.take_along_axis(falling, np.maximum(expected - 1, 0)[:, :, None], axis=2)
    more, fewer = (flat >= least).sum(axis=2), (flat > least).sum(axis=2)
    is_nearer = more - expected <= expected - fewer
    is_taken = np.where(is_nearer[:, :, None], flat >= least, flat > least) & (expected[:, :, None] > 0)
    return pixels_of(frame, is_taken, value, seeds)


def in_parts(
    frame: FrameSpec, vectors: FloatArray, seeds: Seeds, read_back: Callable[[FloatArray, Seeds], Candidates]
) -> Candidates:
    """What `read_back` makes of vectors (candidates, features) and their seeds, asked for AT_ONCE of them at most."""
    parts = [Candidates.from_dense(frame, np.zeros((0, *frame.shape), dtype=np.float32), seeds.select(slice(0, 0)))]
    for start in range(0, len(vectors), AT_ONCE):
        some = slice(start, min(start + AT_ONCE, len(vectors)))
        parts.append(read_back(vectors[some], seeds.select(some)))
    return Candidates.concatenate(parts)


def pixels_of(frame: FrameSpec, is_taken: NDArray[np.bool_], value: FloatArray, seeds: Seeds) -> Candidates:
    """The pixels taken, as the channels hold them: hits of tracker layers are whole numbers from 1 on, energies that
    are not above zero no pixels. is_taken, value: (candidates, channels, rows, columns), or the last two as one."""
    shape = len(seeds), len(frame.channels), -1
    numbers = value.reshape(shape).astype(np.float32)
    is_count = np.array([name in TRACKER_LAYERS for name in frame.channels])
    numbers = np.where(is_count[:, None], np.maximum(np.rint(numbers), 1), numbers)
    is_positive = np.array([CHANNELS[name].unit == "GeV" for name in frame.channels])
    is_real = np.isfinite(numbers) & np.where(is_positive[:, None], numbers > 0, numbers != 0)
    return Candidates.from_dense(frame, np.where(is_taken.reshape(shape) & is_real, numbers, np.float32(0)), seeds)
