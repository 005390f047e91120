"""The functions of `e2e.frames.reference` over the C++ core, bit for bit the same, for many events at once.

Builds and packs frames in training, in inference and, through the same headers, in CMSSW.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from e2e import _core
from e2e.contract import GRIDS, FrameSpec, GraphSpec, Grid
from e2e.detector.grids import Pixel
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, Events, Table
from e2e.frames.candidates import (
    BoolArray,
    Candidates,
    ChannelFrames,
    FloatArray,
    Frames,
    HitCounts,
    IntArray,
    LongArray,
    Packed,
    PixelRuns,
    Seeds,
    check_channels,
)
from e2e.frames.tracking import POINT, HitPixels, TrackPixels, objects_of, primary_vertices


def barrel_frames(hits: Table) -> Frames:
    (offsets, pixel, energy, time), counts = _core.barrel_frames(_columns(hits))
    return Frames(GRIDS["barrel"], offsets, pixel, energy, time, HitCounts.from_rows(counts))


def stitched_frames(eb: Table, ee: Table) -> Frames:
    (offsets, pixel, energy, _), counts = _core.stitched_frames(_columns(eb), _columns(ee))
    return Frames(GRIDS["stitched"], offsets, pixel, energy, None, HitCounts.from_rows(counts))


def hcal_frames(hb: Table, he: Table) -> Frames:
    (offsets, pixel, energy, _), counts = _core.hcal_frames(_columns(hb), _columns(he))
    return Frames(GRIDS["hcal"], offsets, pixel, energy, None, HitCounts.from_rows(counts))


def upsample_hcal(frames: Frames) -> Frames:
    offsets, pixel, energy, _ = _core.upsample_hcal(frames.offsets, frames.pixel_index, frames.energy)
    return Frames(GRIDS["stitched"], offsets, pixel, energy, None, frames.counts)


def sum_pixels(grid: Grid, offsets: ArrayLike, pixel: ArrayLike, value: ArrayLike) -> ChannelFrames:
    bounds, pixel_index, total, _ = _core.sum_pixels(_channel(offsets, pixel, value), grid.name)
    return ChannelFrames(grid, bounds, pixel_index, total)


def leading_rows(
    grid: Grid, offsets: ArrayLike, pixel: ArrayLike, value: ArrayLike
) -> tuple[LongArray, IntArray, LongArray]:
    return _core.leading_rows(_channel(offsets, pixel, value), grid.name)


def track_pixels(events: Events) -> TrackPixels:
    return TrackPixels(*_core.track_pixels(*_objects(events, "tracks")))


def hit_pixels(events: Events, layer: int) -> HitPixels:
    return HitPixels(*_core.hit_pixels(*_objects(events, "tracker_hits"), layer))


def expected_pixel(particles: Mapping[str, Any]) -> tuple[IntArray, IntArray, BoolArray]:
    return _core.expected_pixel(_particles(particles))


def tower_at(eta: ArrayLike, phi: ArrayLike) -> Pixel:
    return Pixel(*_core.tower_at(*_doubles(eta, phi)))


def count_hits(hits: Table, name: str) -> HitCounts:
    return HitCounts.from_rows(_core.count_hits(_columns(hits), name))


def seeds_near(
    hits: Table,
    event_index: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    half_rows: int,
    half_columns: int,
    min_energy: float,
) -> tuple[Seeds, BoolArray]:
    places = _places(event_index, row, column)
    seeds, found = _core.seeds_near(_columns(hits), *places, half_rows, half_columns, float(min_energy))
    return Seeds(*seeds), found


def seeds_of_objects(hits: Table, event_index: ArrayLike, particles: Mapping[str, Any]) -> tuple[Seeds, BoolArray]:
    seeds, found = _core.seeds_of_objects(_columns(hits), *_places(event_index), _particles(particles))
    return Seeds(*seeds), found


def seeds_of_jets(
    towers: Frames, event_index: ArrayLike, eta: ArrayLike, phi: ArrayLike, spec: FrameSpec
) -> tuple[Seeds, BoolArray]:
    energy = _channel(towers.offsets, towers.pixel_index, towers.energy)
    seeds, found = _core.seeds_of_jets(energy, *_places(event_index), *_doubles(eta, phi), _window(spec))
    return Seeds(*seeds), found


def leading_seeds(hits: Table, min_energy: float) -> Seeds:
    return Seeds(*_core.leading_seeds(_columns(hits), float(min_energy)))


def isolated_seeds(hits: Table, min_energy: float, half_width: int) -> Seeds:
    return Seeds(*_core.isolated_seeds(_columns(hits), float(min_energy), half_width))


def build_candidates(hits: Table, spec: FrameSpec, seeds: Seeds) -> Candidates:
    """Fastest when the seeds of one event follow each other: its frame is then built once."""
    if spec.grid != "barrel":
        raise ValueError(f"candidates are cut from the barrel grid, not from {spec.grid!r}")
    places = _places(seeds.event_index, seeds.row, seeds.column)
    offsets, index, value = _core.build_candidates(_columns(hits), *places, list(spec.channel_codes), _window(spec))
    return Candidates(spec, offsets, index, value, seeds)


def cut_candidates(channels: Sequence[ChannelFrames], spec: FrameSpec, seeds: Seeds) -> Candidates:
    check_channels(channels, spec)
    columns = [(_channel(c.offsets, c.pixel_index, c.value), c.grid.name) for c in channels]
    places = _places(seeds.event_index, seeds.row, seeds.column)
    offsets, index, value = _core.cut_candidates(columns, spec.grid, *places, _window(spec))
    return Candidates(spec, offsets, index, value, seeds)


def graph_nodes(candidates: Candidates, reach: int = 0) -> tuple[LongArray, IntArray]:
    return _core.graph_nodes(candidates.offsets, candidates.pixel_index, *_node_window(candidates.spec, reach))


def nearest_nodes(
    offsets: ArrayLike,
    place: ArrayLike,
    shape: tuple[int, int],
    count: int,
    *,
    radius: float | None = None,
    wraps: bool = False,
) -> IntArray:
    bounds, places = np.ascontiguousarray(offsets, np.int64), np.ascontiguousarray(place, np.int32)
    return _core.nearest_nodes(bounds, places, *shape, count, np.inf if radius is None else radius, wraps)


def packed_neighbours(pixel_index: FloatArray, frame: FrameSpec, graph: GraphSpec) -> FloatArray:
    index = np.ascontiguousarray(pixel_index, np.float32)
    return _core.packed_neighbours(index, *_node_window(frame, graph.reach), graph.neighbours, float(graph.radius))


def pack(candidates: Candidates, start: int, stop: int) -> Packed:
    if not 0 <= start <= stop <= len(candidates):
        raise ValueError(f"candidates {start} to {stop} are outside 0..{len(candidates)}")
    seeds = candidates.seeds
    seed = np.stack((seeds.row[start:stop], seeds.column[start:stop]), axis=-1).astype(np.float32)
    index, value = _core.pack(*_pixels(candidates), start, stop)
    return Packed(index, value, seed)


def pixel_runs(offsets: LongArray, pixel_index: IntArray, pixel_value: FloatArray) -> PixelRuns:
    return PixelRuns(*_core.pixel_runs(offsets, pixel_index, pixel_value))


def to_dense(candidates: Candidates, out: FloatArray | None = None) -> FloatArray:
    shape = (len(candidates), *candidates.spec.shape)
    if out is None:
        out = np.empty(shape, dtype=np.float32)
    if out.shape != shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise ValueError(f"out is {out.dtype} of {out.shape}; needed: contiguous float32 of {shape}")
    _core.to_dense(*_pixels(candidates), out.reshape(len(candidates), candidates.spec.num_pixels))
    return out


def _node_window(frame: FrameSpec, reach: int) -> tuple[Any, ...]:
    centre = (frame.centre_row, frame.centre_column)
    return frame.rows, frame.columns, *centre, reach, frame.is_coarse


def _columns(hits: Table) -> tuple[Any, ...]:
    return np.ascontiguousarray(hits.offsets), *(np.ascontiguousarray(hits[name]) for name in HIT_COLUMNS)


def _objects(events: Events, name: str) -> tuple[Any, ...]:
    """offsets, columns and the primary vertices."""
    table = objects_of(events, name)
    columns = [np.ascontiguousarray(table[column]) for column in OBJECT_COLUMNS[name]]
    return np.ascontiguousarray(table.offsets), columns, primary_vertices(events).ravel()


def _particles(columns: Mapping[str, Any]) -> list[Any]:
    """pt, eta, phi, charge and the point they come from."""
    charge = columns.get("charge", np.zeros(len(columns["pt"])))
    return list(_doubles(columns["pt"], columns["eta"], columns["phi"], charge, *(columns[axis] for axis in POINT)))


def _doubles(*columns: ArrayLike) -> tuple[Any, ...]:
    return tuple(np.ascontiguousarray(column, dtype=np.float64) for column in columns)


def _channel(offsets: ArrayLike, pixel: ArrayLike, value: ArrayLike) -> tuple[Any, ...]:
    kinds = (np.int64, np.int32, np.float32)
    return tuple(np.ascontiguousarray(a, dtype=kind) for a, kind in zip((offsets, pixel, value), kinds, strict=True))


def _window(spec: FrameSpec) -> tuple[int, int, int, int]:
    return spec.rows, spec.columns, spec.centre_row, spec.centre_column


def _places(*columns: ArrayLike) -> tuple[Any, ...]:
    return tuple(np.ascontiguousarray(column, dtype=np.int64) for column in columns)


def _pixels(candidates: Candidates) -> tuple[Any, ...]:
    arrays = (candidates.offsets, candidates.pixel_index, candidates.pixel_value)
    return tuple(np.ascontiguousarray(array) for array in arrays)
