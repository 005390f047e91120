"""Hits -> sparse frames, one event at a time; part of `e2e.frames.reference`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from e2e.contract import GRIDS, MAX_HIT_ENERGY_GEV, Grid
from e2e.detector import detid as ids
from e2e.detector import grids
from e2e.events.record import HIT_COLUMNS, Table
from e2e.frames.candidates import BoolArray, ChannelFrames, FloatArray, Frames, HitCounts, IntArray, LongArray

BARREL = GRIDS["barrel"]


class Hits(NamedTuple):
    """Hits of one event that survived the screen: distinct channels, 0 < energy, finite time."""

    detid: Any
    energy: FloatArray
    time: FloatArray


class Frame(NamedTuple):
    """One event's occupied pixels, ascending."""

    pixel: IntArray
    energy: FloatArray
    time: FloatArray


def screen(hits: dict[str, Any], name: str) -> tuple[Hits, list[int]]:
    """Drop what cannot be used, and count it in the order of `HitCounts`. Any bytes are allowed."""
    detid, energy, time = (hits[column] for column in HIT_COLUMNS)
    is_channel = ids.is_valid(detid, name)
    is_good = is_channel & (np.abs(energy) <= MAX_HIT_ENERGY_GEV)  # False for NaN
    good = np.flatnonzero(is_good)

    _, first, channel = np.unique(detid[good], return_index=True, return_inverse=True)
    is_first = first[channel] == np.arange(len(good))
    bits = energy[good].view(np.uint32)
    is_same = bits == bits[first[channel]]

    kept = good[is_first]
    kept = kept[energy[kept] > 0]  # zero suppression
    is_timed = np.isfinite(time[kept])
    counts = [~is_channel, is_channel & ~is_good, ~is_timed, ~is_first & is_same, ~is_same]
    clean = Hits(detid[kept], energy[kept], np.where(is_timed, time[kept], np.float32(0)))
    return clean, [int(np.count_nonzero(which)) for which in counts]


def barrel_frame(eb: Hits) -> Frame:
    row, column = grids.barrel_pixel(*ids.unpack_eb(eb.detid))
    pixel = row * np.int32(BARREL.columns) + column
    order = np.argsort(pixel)
    return Frame(pixel[order], eb.energy[order], eb.time[order])


def _summed(grid: Grid, row: IntArray, column: IntArray, energy: FloatArray) -> Frame:
    """Energies added one after the other in float32; `np.add.at` keeps the order."""
    image = np.zeros(grid.rows * grid.columns, dtype=np.float32)
    np.add.at(image, row * grid.columns + column, energy)
    pixel = np.flatnonzero(image).astype(np.int32)
    return Frame(pixel, image[pixel], np.zeros(0, dtype=np.float32))


def stitched_frame(eb: Hits, ee: Hits) -> Frame:
    """EB and EE on one grid; crystals that share a pixel are added, EB before EE, in the order of the hits."""
    barrel = grids.stitched_barrel_pixel(*ids.unpack_eb(eb.detid))
    endcap = grids.stitched_endcap_pixel(*ids.unpack_ee(ee.detid))
    row, column = (np.concatenate(pair) for pair in zip(barrel, endcap, strict=True))
    return _summed(GRIDS["stitched"], row, column, np.concatenate((eb.energy, ee.energy)))


def hcal_frame(hb: Hits, he: Hits) -> Frame:
    """HB and HE towers, depths added; a 10-degree tower is shared by two columns. HB goes before HE."""
    towers = [ids.unpack_hcal(hits.detid) for hits in (hb, he)]
    ieta, iphi = (np.concatenate([tower[field] for tower in towers]) for field in (0, 1))
    share = grids.hcal_pixels(ieta, iphi)
    energy = np.concatenate((hb.energy, he.energy))[share.hit] * share.fraction
    return _summed(GRIDS["hcal"], share.row, share.column, energy)


def barrel_frames(hits: Table) -> Frames:
    return _frames(BARREL, barrel_frame, EB=hits)


def stitched_frames(eb: Table, ee: Table) -> Frames:
    return _frames(GRIDS["stitched"], stitched_frame, EB=eb, EE=ee)


def hcal_frames(hb: Table, he: Table) -> Frames:
    return _frames(GRIDS["hcal"], hcal_frame, HB=hb, HE=he)


def count_hits(hits: Table, name: str) -> HitCounts:
    """name: EB, EE, HB, HE, HO or HF."""
    check_hits(hits)
    return HitCounts.from_rows([screen(hits.rows_of(event), name)[1] for event in range(len(hits.offsets) - 1)])


def upsample_hcal(frames: Frames) -> Frames:
    """HCAL frames on the stitched grid: each tower over 25 pixels, 1/25 of the energy each."""
    coarse, fine = GRIDS["hcal"], GRIDS["stitched"]
    pixels, energies = [], []
    for event in range(len(frames)):
        of_event = slice(frames.offsets[event], frames.offsets[event + 1])
        image = np.zeros(coarse.rows * coarse.columns, dtype=np.float32)
        image[frames.pixel_index[of_event]] = frames.energy[of_event]
        dense = grids.upsample_hcal(image.reshape(coarse.rows, coarse.columns)).ravel()
        pixels.append(np.flatnonzero(dense).astype(np.int32))
        energies.append(dense[pixels[-1]])
    return Frames(fine, offsets_of(pixels), joined(pixels, np.int32), joined(energies, np.float32), None, frames.counts)


def sum_pixels(grid: Grid, offsets: ArrayLike, pixel: ArrayLike, value: ArrayLike) -> ChannelFrames:
    """Add values pixel by pixel in float32, in their order; rows `offsets[i]` to `offsets[i + 1]` are of event i.

    pixel: flat; outside the grid is nowhere.
    """
    offsets, pixel, value = np.asarray(offsets), np.asarray(pixel), np.asarray(value, dtype=np.float32)
    pixels, sums = [], []
    for low, high in pairwise(offsets):
        rows = low + np.flatnonzero(_is_on(grid, pixel[low:high]))
        image = np.zeros(grid.rows * grid.columns, dtype=np.float32)
        np.add.at(image, pixel[rows], value[rows])
        pixels.append(np.unique(pixel[rows]).astype(np.int32))
        sums.append(image[pixels[-1]])
    return ChannelFrames(grid, offsets_of(pixels), joined(pixels, np.int32), joined(sums, np.float32))


def leading_rows(
    grid: Grid, offsets: ArrayLike, pixel: ArrayLike, value: ArrayLike
) -> tuple[LongArray, IntArray, LongArray]:
    """The row of the highest value in each pixel, the first of equals: what to show where a sum means nothing.

    As `sum_pixels`; NaN leads nowhere. Returns offsets of the events, ascending pixels and the leading rows.
    """
    offsets, pixel, value = np.asarray(offsets), np.asarray(pixel), np.asarray(value, dtype=np.float32)
    pixels, leaders = [], []
    for low, high in pairwise(offsets):
        rows = low + np.flatnonzero(_is_on(grid, pixel[low:high]) & ~np.isnan(value[low:high]))
        rows = rows[np.argsort(-value[rows], kind="stable")]
        occupied, first = np.unique(pixel[rows], return_index=True)
        pixels.append(occupied.astype(np.int32))
        leaders.append(rows[first])
    return offsets_of(pixels), joined(pixels, np.int32), joined(leaders, np.int64)


def _is_on(grid: Grid, pixel: Any) -> BoolArray:
    return (pixel >= 0) & (pixel < grid.rows * grid.columns)


def _frames(grid: Grid, build: Callable[..., Frame], **tables: Table) -> Frames:
    for table in tables.values():
        check_hits(table)
    num_events = {len(table.offsets) - 1 for table in tables.values()}
    if len(num_events) != 1:
        raise ValueError(f"{' and '.join(tables)} hold different numbers of events: {sorted(num_events)}")

    built, counts = [], []
    for event in range(*num_events):
        screened = [screen(table.rows_of(event), name) for name, table in tables.items()]
        built.append(build(*(hits for hits, _ in screened)))
        counts.append(np.sum([count for _, count in screened], axis=0))
    return Frames(
        grid,
        offsets_of([frame.pixel for frame in built]),
        joined([frame.pixel for frame in built], np.int32),
        joined([frame.energy for frame in built], np.float32),
        joined([frame.time for frame in built], np.float32) if grid == BARREL else None,
        HitCounts.from_rows(counts),
    )


def barrel_frame_of(hits: Table, event: int) -> Frame:
    return barrel_frame(screen(hits.rows_of(event), "EB")[0])


def barrel_image(hits: Table, event: int) -> FloatArray:
    """Energy and time of the barrel, (2, rows, columns)."""
    frame = barrel_frame_of(hits, event)
    image = np.zeros((2, BARREL.rows * BARREL.columns), dtype=np.float32)
    image[:, frame.pixel] = frame.energy, frame.time
    return image.reshape(2, BARREL.rows, BARREL.columns)


def offsets_of(parts: list[IntArray]) -> LongArray:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)


def joined(parts: list[Any], dtype: type) -> Any:
    return np.concatenate([np.zeros(0, dtype=dtype), *parts])


def check_hits(hits: Table) -> None:
    for column, dtype in HIT_COLUMNS.items():
        if hits[column].dtype != dtype or hits[column].ndim != 1:
            raise ValueError(f"{column} must be one-dimensional {dtype.__name__}, not {hits[column].dtype}")
