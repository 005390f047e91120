"""Images of probabilities and values -> the pixels of candidates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS, FrameSpec
from e2e.contract.channels import TRACKER_LAYERS
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.frames.candidates import Candidates, Seeds

FloatArray = NDArray[np.float32]

AT_ONCE = 64  # candidates whose images are made dense


def sparsify(frame: FrameSpec, probability: FloatArray, value: FloatArray, seeds: Seeds) -> Candidates:
    """Of each channel as many pixels as are expected, the sum of the probabilities; among those that are about equally
    probable, a share as large as their probability.

    So what is likely nowhere comes back as often as it should: a threshold, or the most probable pixels alone, would
    put all noise where there is most of it. The pixels of a tower come together.
    probability, value: (candidates, channels, rows, columns), in raw units.
    """
    is_taken = np.empty(probability.shape, dtype=np.bool_)
    for channel, is_coarse in enumerate(frame.is_coarse):
        own = probability[:, channel]
        size = (
            HCAL_UPSAMPLING
            if is_coarse and not (frame.rows % HCAL_UPSAMPLING or frame.columns % HCAL_UPSAMPLING)
            else 1
        )
        towers = own.reshape(len(seeds), frame.rows // size, size, frame.columns // size, size).mean(axis=(2, 4))
        chosen = _chosen(towers.reshape(len(seeds), -1)).reshape(towers.shape)
        is_taken[:, channel] = chosen.repeat(size, axis=1).repeat(size, axis=2)
    return pixels_of(frame, is_taken, value, seeds)


def _chosen(probability: FloatArray) -> NDArray[np.bool_]:
    """From the most probable on, one wherever the sum so far passes a half more. probability: (candidates, places)."""
    order = np.argsort(-probability, axis=1, kind="stable")
    summed = np.cumsum(np.take_along_axis(probability, order, axis=1), axis=1, dtype=np.float64)
    is_step = np.diff(np.floor(summed + 0.5), axis=1, prepend=0) > 0
    is_chosen = np.empty_like(is_step)
    np.put_along_axis(is_chosen, order, is_step, axis=1)
    return is_chosen


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
