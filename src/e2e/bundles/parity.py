"""Do two ways of running one network agree? Candidates to try it on, and the measure of agreement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS, GRIDS, PADDING_INDEX, FrameSpec, GraphSpec
from e2e.frames import Packed

RELATIVE_TOLERANCE = 1e-5  # of the answer with its interval, or of the output's scale where that is smaller

BATCH_SIZES = (1, 2, 3, 7, 64)
TRIALS = 3  # of each batch size and length; one of the largest batch, which has as many candidates as all others
EXTREME_ENERGIES_GEV = (1e-3, 1e4)
GOLDEN_MAX_PIXELS = 2048  # of a candidate that is shipped: full jet windows would be 27 MB
GRAPH_MAX_PIXELS, GRAPH_MAX_BATCH = 2048, 8  # of the largest candidates that a graph network is tried on

FloatArray = NDArray[np.float32]


class ParityError(ArithmeticError):
    """Two engines give different answers for the same candidates, or one gives no number."""


def worst_deviation(outputs: Any, expected: Any, scale: Iterable[float], sizes: Sequence[int] = ()) -> float:
    """Largest abs(outputs - expected) / max(abs(expected), scale), where `abs(expected)` is that of the largest number
    of the same answer: an estimate known to 1000 GeV need not agree to a MeV.

    outputs, expected: (batch, outputs). scale: of each output, 1 for a probability; below it the deviation is absolute.
    sizes: how many outputs each answer has; each is one of its own unless given.
    Raises ParityError when shapes differ or a number is not finite.
    """
    if np.shape(outputs) != np.shape(expected):
        raise ParityError(f"shape {np.shape(outputs)}, expected {np.shape(expected)}")
    first, second = (np.asarray(values, dtype=np.float64) for values in (outputs, expected))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ParityError("an output is not finite")
    floor = np.asarray(tuple(scale), dtype=np.float64)
    size = np.where(np.isinf(floor), 0.0, np.abs(second))  # a flag says nothing of the size
    parts = split_columns(size, sizes or [1] * len(floor))
    of_answer = [part.max(axis=1, keepdims=True).repeat(part.shape[1], 1) for part in parts]
    return float((np.abs(first - second) / np.maximum(np.concatenate(of_answer, axis=1), floor)).max(initial=0.0))


def split_columns(values: NDArray[Any], sizes: Sequence[int]) -> list[NDArray[Any]]:
    """(rows, columns) -> for each size so many columns, in order; the sizes sum up to the columns."""
    return np.split(values, np.cumsum(sizes)[:-1], axis=1)


def check_agreement(case: str, outputs: Any, expected: Any, scale: Iterable[float], sizes: Sequence[int] = ()) -> float:
    """The worst deviation. Raises ParityError naming the case when it is above the tolerance."""
    try:
        deviation = worst_deviation(outputs, expected, scale, sizes)
    except ParityError as error:
        raise ParityError(f"{case}: {error}") from None
    if deviation > RELATIVE_TOLERANCE:
        raise ParityError(f"{case}: answers differ by {deviation:.1e} of their size, allowed {RELATIVE_TOLERANCE:.0e}")
    return deviation


def parity_cases(frame: FrameSpec, graph: GraphSpec | None = None) -> Iterator[tuple[str, Packed]]:
    """Named inputs: many batch sizes and lengths with random pixels, no pixel at all, extreme energies. graph: of a
    graph network, whose edges would fill the memory were every pixel of every candidate occupied."""
    rng = np.random.default_rng(0)
    most = frame.num_pixels if graph is None else min(frame.num_pixels, GRAPH_MAX_PIXELS)
    for batch in BATCH_SIZES:
        for pixels in (1, 16, 100, most if graph is None or batch < GRAPH_MAX_BATCH else 500):
            for trial in range(TRIALS if batch < max(BATCH_SIZES) else 1):
                yield f"batch {batch}, {pixels} pixels, trial {trial}", random_candidates(rng, frame, batch, pixels)
        for pixels in (0, 1, 5):
            yield f"batch {batch}, empty, {pixels} of padding", _empty(rng, batch, pixels)
    yield from extreme_cases(frame, most)


def extreme_cases(frame: FrameSpec, most: int | None = None) -> Iterator[tuple[str, Packed]]:
    """most: pixels of a candidate; the whole frame unless given."""
    rng = np.random.default_rng(1)
    most = frame.num_pixels if most is None else min(most, frame.num_pixels)
    for energy in EXTREME_ENERGIES_GEV:
        for pixels in (1, most):
            packed = random_candidates(rng, frame, 3, pixels, is_full=True)
            filled = np.where(packed.pixel_index == PADDING_INDEX, 0, energy).astype(np.float32)
            yield f"{pixels} pixels of {energy:g} GeV", packed._replace(pixel_value=filled)
    packed = random_candidates(rng, frame, 3, most, is_full=True)
    mixed = rng.choice(np.array(EXTREME_ENERGIES_GEV, dtype=np.float32), packed.pixel_value.shape)
    yield "extreme energies side by side", packed._replace(pixel_value=mixed)


def golden_candidates(frame: FrameSpec) -> Packed:
    """A small fixed set for the bundle: ordinary, sparse, empty and extreme candidates."""
    rng = np.random.default_rng(2)
    parts = [random_candidates(rng, frame, 8, 120), _empty(rng, 1, 1), random_candidates(rng, frame, 3, 1)]
    parts += [packed for _, packed in extreme_cases(frame, GOLDEN_MAX_PIXELS)]
    longest = max(part.pixel_index.shape[1] for part in parts)
    return Packed(
        np.concatenate([_padded(part.pixel_index, longest, PADDING_INDEX) for part in parts]),
        np.concatenate([_padded(part.pixel_value, longest, 0) for part in parts]),
        np.concatenate([part.seed for part in parts]),
    )


def random_candidates(
    rng: np.random.Generator, frame: FrameSpec, batch: int, pixels: int, is_full: bool = False
) -> Packed:
    """Distinct random pixels, 0 to `pixels` of them in each candidate (all with `is_full`), the rest padding."""
    order = np.argsort(rng.random((batch, frame.num_pixels)), axis=1)[:, :pixels].astype(np.float32)
    lengths = np.full(batch, pixels) if is_full else rng.integers(0, pixels, batch, endpoint=True)
    is_padding = np.arange(pixels) >= lengths[:, None]
    index = np.where(is_padding, np.float32(PADDING_INDEX), order)
    channel = np.maximum(index, 0).astype(np.int64) // (frame.rows * frame.columns)
    is_energy = np.array([CHANNELS[name].unit == "GeV" for name in frame.channels])[channel]
    value = np.where(is_energy, 10.0 ** rng.uniform(-2, 2, index.shape), rng.normal(0, 5, index.shape))
    return Packed(index, np.where(is_padding, 0, value).astype(np.float32), _seeds(rng, frame, batch))


def _empty(rng: np.random.Generator, batch: int, pixels: int) -> Packed:
    index = np.full((batch, pixels), PADDING_INDEX, dtype=np.float32)
    return Packed(index, np.zeros_like(index), _seeds(rng, FrameSpec(), batch))


def _seeds(rng: np.random.Generator, frame: FrameSpec, batch: int) -> FloatArray:
    grid = GRIDS[frame.grid]
    return rng.integers(0, (grid.rows, grid.columns), (batch, 2)).astype(np.float32)


def _padded(values: FloatArray, length: int, padding: float) -> FloatArray:
    return np.pad(values, ((0, 0), (0, length - values.shape[1])), constant_values=padding)
