"""The readable specification in NumPy, one event at a time: hits -> frames -> seeds -> candidates.

`e2e.frames.native` offers the same functions over the C++ core and must equal these bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from e2e.contract import GRIDS, MAX_HIT_ENERGY_GEV, PADDING_INDEX, FrameSpec, Grid
from e2e.detector import detid as ids
from e2e.detector import grids
from e2e.events.record import HIT_COLUMNS, Table
from e2e.frames.candidates import (
    BoolArray,
    Candidates,
    FloatArray,
    Frames,
    HitCounts,
    IntArray,
    LongArray,
    Packed,
    Seeds,
)

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


# ---- hits -> frames


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
    _check_hits(hits)
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
    return Frames(fine, _offsets(pixels), _joined(pixels, np.int32), _joined(energies, np.float32), None, frames.counts)


def _frames(grid: Grid, build: Callable[..., Frame], **tables: Table) -> Frames:
    for table in tables.values():
        _check_hits(table)
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
        _offsets([frame.pixel for frame in built]),
        _joined([frame.pixel for frame in built], np.int32),
        _joined([frame.energy for frame in built], np.float32),
        _joined([frame.time for frame in built], np.float32) if grid == BARREL else None,
        HitCounts.from_rows(counts),
    )


# ---- frames -> seeds


def seeds_near(
    hits: Table,
    event_index: ArrayLike,
    row: ArrayLike,
    column: ArrayLike,
    half_rows: int,
    half_columns: int,
    min_energy: float,
) -> tuple[Seeds, BoolArray]:
    """The highest pixel of at least `min_energy` around each given one; phi wraps, eta is clipped.

    half_rows, half_columns: pixels to either side. Of equal pixels the lower index is taken.

    Returns the seeds found, and over the queries a mask that tells which of them found one.
    Raises ValueError naming the query that lies outside the grid, and the limits.
    """
    _check_half_width(half_rows, half_columns)
    events, rows, columns = (np.asarray(values, dtype=np.int64) for values in (event_index, row, column))
    _check_pixels(hits, events, rows, columns)
    found, seeds = np.zeros(len(events), dtype=bool), []
    for i, event in enumerate(events):
        energy = _image(hits, event)[0]
        window = _window(rows[i], columns[i], half_rows, half_columns)
        inside = energy.ravel()[window]
        best = window[inside == inside.max()].min()
        found[i] = energy.ravel()[best] > 0 and energy.ravel()[best] >= np.float32(min_energy)
        if found[i]:
            seeds.append((event, *divmod(best, BARREL.columns), energy.ravel()[best]))
    return _seeds(seeds), found


def leading_seeds(hits: Table, min_energy: float) -> Seeds:
    """The highest pixel of every event that has one of at least `min_energy`; ties go to the lower index."""
    seeds = []
    for event in range(len(hits.offsets) - 1):
        frame = _barrel_frame(hits, event)
        if len(frame.energy) and frame.energy.max() >= np.float32(min_energy):
            best = frame.energy.argmax()  # the first of equals
            seeds.append((event, *divmod(frame.pixel[best], BARREL.columns), frame.energy[best]))
    return _seeds(seeds)


def isolated_seeds(hits: Table, min_energy: float, half_width: int) -> Seeds:
    """Pixels of at least `min_energy` with nothing higher within `half_width`, the highest of an event first.

    Of equal pixels, in the window as in the order, the lower index comes first.
    """
    _check_half_width(half_width, half_width)
    seeds = []
    for event in range(len(hits.offsets) - 1):
        frame = _barrel_frame(hits, event)
        image = _image(hits, event)[0].ravel()
        for i in np.argsort(-frame.energy, kind="stable"):
            pixel, energy = frame.pixel[i], frame.energy[i]
            row, column = divmod(pixel, BARREL.columns)
            window = _window(row, column, half_width, half_width)
            is_beaten = (image[window] > energy) | ((image[window] == energy) & (window < pixel))
            if energy >= np.float32(min_energy) and not is_beaten.any():
                seeds.append((event, row, column, energy))
    return _seeds(seeds)


# ---- seeds -> candidates


def build_candidates(hits: Table, spec: FrameSpec, seeds: Seeds) -> Candidates:
    """Cut the window of `spec` out of the barrel frame around each seed; phi wraps, beyond the eta edge is nothing.

    hits: EB. A pixel is occupied where the energy is above 0; a time of exactly 0 is left out.
    Raises ValueError naming the seed that lies outside the grid, and the limits.
    """
    if spec.parent != BARREL:
        raise ValueError(f"candidates are cut from the barrel grid, not from {spec.grid!r}")
    _check_pixels(hits, seeds.event_index, seeds.row, seeds.column)
    pixels, values = [], []
    for event, row, column in zip(seeds.event_index, seeds.row, seeds.column, strict=True):
        quantities = dict(zip(("ecal_energy", "ecal_time"), _image(hits, event), strict=True))
        rows = row - spec.centre_row + np.arange(spec.rows)
        columns = (column - spec.centre_column + np.arange(spec.columns)) % BARREL.columns
        is_inside = (rows >= 0) & (rows < BARREL.rows)
        crop = np.zeros(spec.shape, dtype=np.float32)
        for channel, name in enumerate(spec.channels):
            crop[channel, is_inside] = quantities[name][np.ix_(rows[is_inside], columns)]
        pixels.append(np.flatnonzero(crop).astype(np.int32))
        values.append(crop.ravel()[pixels[-1]])
    return Candidates(spec, _offsets(pixels), _joined(pixels, np.int32), _joined(values, np.float32), seeds)


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


# ---- helpers


def _barrel_frame(hits: Table, event: int) -> Frame:
    return barrel_frame(screen(hits.rows_of(event), "EB")[0])


def _image(hits: Table, event: int) -> FloatArray:
    """Energy and time of the barrel, (2, rows, columns)."""
    frame = _barrel_frame(hits, event)
    image = np.zeros((2, BARREL.rows * BARREL.columns), dtype=np.float32)
    image[:, frame.pixel] = frame.energy, frame.time
    return image.reshape(2, BARREL.rows, BARREL.columns)


def _window(row: int, column: int, half_rows: int, half_columns: int) -> LongArray:
    """Flat pixels around one: eta clipped, phi wrapped."""
    rows = row + np.arange(-half_rows, half_rows + 1)
    rows = rows[(rows >= 0) & (rows < BARREL.rows)]
    columns = (column + np.arange(-half_columns, half_columns + 1)) % BARREL.columns
    return (rows[:, None] * BARREL.columns + columns).ravel()


def _offsets(parts: list[IntArray]) -> LongArray:
    return np.cumsum([0, *map(len, parts)], dtype=np.int64)


def _joined(parts: list[Any], dtype: type) -> Any:
    return np.concatenate([np.zeros(0, dtype=dtype), *parts])


def _seeds(rows: list[tuple[Any, ...]]) -> Seeds:
    return Seeds.from_columns(*zip(*rows, strict=True)) if rows else Seeds.from_columns([], [], [], [])


def _check_hits(hits: Table) -> None:
    for column, dtype in HIT_COLUMNS.items():
        if hits[column].dtype != dtype or hits[column].ndim != 1:
            raise ValueError(f"{column} must be one-dimensional {dtype.__name__}, not {hits[column].dtype}")


def _check_half_width(half_rows: int, half_columns: int) -> None:
    limits = {"rows": (half_rows, BARREL.rows - 1), "columns": (half_columns, (BARREL.columns - 1) // 2)}
    for what, (value, limit) in limits.items():
        if not 0 <= value <= limit:
            raise ValueError(f"half width in {what} {value} is outside 0..{limit}")


def _check_pixels(hits: Table, event_index: Any, row: Any, column: Any) -> None:
    _check_hits(hits)
    limits = {"event": len(hits.offsets) - 1, "row": BARREL.rows, "column": BARREL.columns}
    for i, seed in enumerate(zip(event_index, row, column, strict=True)):
        for (what, limit), value in zip(limits.items(), seed, strict=True):
            if not 0 <= value < limit:
                raise ValueError(f"seed {i}: {what} {value} is outside 0..{limit - 1}")


def _check_range(candidates: Candidates, start: int, stop: int) -> None:
    if not 0 <= start <= stop <= len(candidates):
        raise ValueError(f"candidates {start} to {stop} are outside 0..{len(candidates)}")
