"""Nodes of a graph and their neighbours; what the C++ core gives to the bit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from e2e.contract import FrameSpec, GraphSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.frames.candidates import Candidates, FloatArray, IntArray, LongArray, Seeds

NO_NODE = -1  # in the place of a neighbour that there is not


def graph_nodes(candidates: Candidates, reach: int = 0) -> tuple[LongArray, IntArray]:
    """Nodes of the graph of each candidate: the places its pixels occupy, in any channel, ascending, each once. Of a
    channel spread evenly over whole towers (`is_coarse`) the middle of each tower alone. reach: in pixels from the
    seed; 0: no limit.

    Returns the offsets of the nodes, as of the pixels, and their places (row * columns + column).
    """
    spec = candidates.spec
    pixels, middle = spec.rows * spec.columns, HCAL_UPSAMPLING // 2
    channel, place = np.divmod(candidates.pixel_index.astype(np.int64), pixels)
    row, column = np.divmod(place, spec.columns)
    is_middle = (row % HCAL_UPSAMPLING == middle) & (column % HCAL_UPSAMPLING == middle)
    is_coarse = np.array(spec.is_coarse)[channel]
    owner = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))
    is_near = (row - spec.centre_row) ** 2 + (column - spec.centre_column) ** 2 <= (reach**2 if reach else np.inf)
    node = np.unique((owner * pixels + place)[is_near & (is_middle | ~is_coarse)])
    counts = np.bincount(node // pixels, minlength=len(candidates))
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64), (node % pixels).astype(np.int32)


def nearest_nodes(
    offsets: ArrayLike,
    place: ArrayLike,
    shape: tuple[int, int],
    count: int,
    *,
    radius: float | None = None,
    wraps: bool = False,
) -> IntArray:
    """The `count` nearest other nodes of each, (nodes, count): their numbers in the graph, the nearest first, then
    `NO_NODE`.

    place: row * columns + column on a grid of `shape` (rows, columns) of graphs `offsets[i]` to `offsets[i + 1]`,
    ascending, each once. Near is by the square of the distance in rows and columns, a whole number; of two as near, the
    one that comes first. radius: of those that count, in pixels. wraps: the last column lies beside the first.
    """
    bounds, where = np.asarray(offsets, dtype=np.int64), np.asarray(place, dtype=np.int64)
    rows, columns = shape
    most = np.inf if radius is None else np.floor(radius**2)
    found = np.full((len(where), count), NO_NODE, dtype=np.int32)
    for start, stop in pairwise(bounds):
        row, column = np.divmod(where[start:stop], columns)
        step = np.abs(column[:, None] - column)
        if wraps:
            step = np.minimum(step, columns - step)
        square = (row[:, None] - row) ** 2 + step**2
        np.fill_diagonal(square, np.iinfo(np.int64).max)
        nearest = np.argsort(square, axis=1, kind="stable")[:, :count]
        is_near = np.take_along_axis(square, nearest, axis=1) <= min(most, rows**2 + columns**2)
        found[start:stop, : nearest.shape[1]] = np.where(is_near, nearest, NO_NODE)
    return found


def packed_neighbours(pixel_index: FloatArray, frame: FrameSpec, graph: GraphSpec) -> FloatArray:
    """What a graph network takes beside packed pixels: (batch, nodes, neighbours), numbers of nodes of the candidate,
    the nearest first; `NO_NODE` where there are fewer, and for nodes that pad to the most of a candidate, at least one.

    pixel_index: (batch, pixels) as `pack` gives it, in any order.
    """
    is_pixel = pixel_index >= 0
    offsets = np.concatenate(([0], np.cumsum(is_pixel.sum(axis=1))))
    index = pixel_index[is_pixel].astype(np.int32)
    nobody = np.zeros(len(pixel_index))
    pixels = Candidates(frame, offsets, index, np.ones(len(index), np.float32), Seeds.from_columns(*[nobody] * 4))
    bounds, place = graph_nodes(pixels, graph.reach)
    shape = frame.rows, frame.columns
    ragged = nearest_nodes(bounds, place, shape, graph.neighbours, radius=graph.radius)
    counts = np.diff(bounds)
    found = np.full((len(counts), max(counts.max(initial=0), 1), graph.neighbours), NO_NODE, dtype=np.float32)
    found[np.arange(found.shape[1]) < counts[:, None]] = ragged
    return found
