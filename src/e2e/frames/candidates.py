"""What the frames room hands on: whole-grid frames, seeds, and candidates cut around them. All ragged, never dense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import FrameSpec, Grid

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
LongArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
LONGEST_RUN = 255  # pixels of one value


@dataclass(frozen=True)
class HitCounts:
    """Hits dropped (or, for `bad_time`, repaired) while a frame was built; one number per event each.

    undecodable: no channel of the subdetector. bad_energy: not finite or beyond `MAX_HIT_ENERGY_GEV`. bad_time: time of
    an occupied channel not finite, taken as 0. duplicates, conflicts: channel seen before with the same bits of
    energy, or with others; the first hit wins.
    """

    undecodable: IntArray
    bad_energy: IntArray
    bad_time: IntArray
    duplicates: IntArray
    conflicts: IntArray

    @classmethod
    def from_rows(cls, rows: ArrayLike) -> HitCounts:
        """rows: (events, 5) in the order of the fields."""
        table = np.asarray(rows, dtype=np.int32).reshape(-1, len(fields(cls)))
        return cls(*table.T)


@dataclass(frozen=True)
class Frames:
    """One whole-grid frame per event: pixels `offsets[i]` to `offsets[i + 1]`, ascending flat index, energy > 0.

    time: ns, None on grids where several channels share a pixel.
    """

    grid: Grid
    offsets: LongArray
    pixel_index: IntArray
    energy: FloatArray
    time: FloatArray | None
    counts: HitCounts

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class ChannelFrames:
    """One quantity of whole-grid frames: pixels `offsets[i]` to `offsets[i + 1]` of event i, ascending flat index.

    Channels of the same pixels share their arrays. A value of 0 is as good as no pixel.
    """

    grid: Grid
    offsets: LongArray
    pixel_index: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Seeds:
    """Pixels of a grid to cut around, each in its event; energy in GeV of the crystal or tower that was found there."""

    event_index: LongArray
    row: IntArray
    column: IntArray
    energy: FloatArray

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns of the seeds differ in length: {lengths}")

    def __len__(self) -> int:
        return len(self.event_index)

    def select(self, indices: Any) -> Seeds:
        """indices: whatever indexes an array: integers, a mask, a slice."""
        return Seeds(self.event_index[indices], self.row[indices], self.column[indices], self.energy[indices])

    @classmethod
    def from_columns(cls, event_index: ArrayLike, row: ArrayLike, column: ArrayLike, energy: ArrayLike) -> Seeds:
        return cls(
            np.asarray(event_index, dtype=np.int64),
            np.asarray(row, dtype=np.int32),
            np.asarray(column, dtype=np.int32),
            np.asarray(energy, dtype=np.float32),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Seeds]) -> Seeds:
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def check_channels(channels: Sequence[ChannelFrames], spec: FrameSpec) -> None:
    """Raises ValueError unless there is one channel for each of `spec`, on its grid and of the same events.

    HCAL towers have their place on the stitched grid too.
    """
    if len(channels) != len(spec.channels):
        raise ValueError(f"{len(channels)} channels given, the frame holds {len(spec.channels)}")
    for name, channel in zip(spec.channels, channels, strict=True):
        if channel.grid != spec.parent and (channel.grid.name, spec.grid) != ("hcal", "stitched"):
            raise ValueError(f"{name} lies on the {channel.grid.name} grid, the candidates on the {spec.grid} grid")
        if len(channel) != len(channels[0]):
            raise ValueError(f"{name} has {len(channel)} events, {spec.channels[0]} {len(channels[0])}")


class Places(NamedTuple):
    """Of pixels, (batch, pixels) each, int64: the channel of the frame, row and column of the grid."""

    channel: LongArray
    row: LongArray
    column: LongArray


class Packed(NamedTuple):
    """What every bundle takes; float32 throughout. Padding: `PADDING_INDEX` and value 0."""

    pixel_index: FloatArray  # (batch, pixels)
    pixel_value: FloatArray  # (batch, pixels)
    seed: FloatArray  # (batch, 2): row, column


class PixelRuns(NamedTuple):
    """Candidates as pixels side by side with the same bits of value, candidate by candidate.

    step: the index of a run's first pixel less that of the run before in its candidate, the first as it is. length: in
    pixels, 1 to `LONGEST_RUN`; a longer one comes in parts. num_runs: of each candidate.
    """

    step: IntArray
    length: NDArray[np.uint8]
    value: FloatArray
    num_runs: IntArray


@dataclass(frozen=True)
class Candidates:
    """Crops as rows of occupied pixels: `offsets[i]` to `offsets[i + 1]` belong to candidate i.

    pixel_index: flat (channel, row, column) of `spec`, ascending within a candidate. pixel_value: raw units, never 0.
    """

    spec: FrameSpec
    offsets: LongArray
    pixel_index: IntArray
    pixel_value: FloatArray
    seeds: Seeds

    def __post_init__(self) -> None:
        pixels = int(self.offsets[-1])
        if not (len(self.seeds) == len(self) and len(self.pixel_index) == len(self.pixel_value) == pixels):
            raise ValueError(
                f"{len(self)} candidates of {pixels} pixels have {len(self.seeds)} seeds, "
                f"{len(self.pixel_index)} indices and {len(self.pixel_value)} values"
            )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, indices: Any) -> Candidates:
        """indices: integers, a mask or a slice over candidates."""
        chosen = np.arange(len(self))[indices]
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        pixels = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], lengths)
        return Candidates(
            self.spec, offsets, self.pixel_index[pixels], self.pixel_value[pixels], self.seeds.select(chosen)
        )

    @property
    def group(self) -> LongArray:
        """(candidates,) what is stored together: all, in memory."""
        return np.zeros(len(self), dtype=np.int64)

    def load(self) -> Candidates:
        return self

    def stream(self, rows: LongArray, cuts: LongArray, bounds: LongArray) -> Iterator[Candidates]:
        """Those of `rows` in pieces that end at `bounds`."""
        for low, high in pairwise(bounds):
            yield self.select(rows[low:high])

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """The seeds' event indices stay those of their part. Raises ValueError when the specs differ."""
        specs = {part.spec for part in parts}
        if len(specs) != 1:
            raise ValueError(f"{len(parts)} sets of candidates with {len(specs)} specs cannot be joined")
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(
            parts[0].spec,
            np.concatenate(([0], np.cumsum(lengths))),
            np.concatenate([part.pixel_index for part in parts]),
            np.concatenate([part.pixel_value for part in parts]),
            Seeds.concatenate([part.seeds for part in parts]),
        )

    def share_outside(self, half_rows: int = 2) -> FloatArray:
        """Share of each candidate's ECAL energy more than `half_rows` rows from the seed's; NaN without energy.

        A single shower spreads along phi: what lies beyond its five rows comes from other particles.
        """
        channel, pixel = np.divmod(self.pixel_index, self.spec.rows * self.spec.columns)
        is_energy = channel == self.spec.channels.index("ecal_energy")
        is_far = np.abs(pixel // self.spec.columns - self.spec.centre_row) > half_rows
        candidate = np.repeat(np.arange(len(self)), np.diff(self.offsets))

        def total(chosen: BoolArray) -> NDArray[np.float64]:
            return np.bincount(candidate[chosen], self.pixel_value[chosen], minlength=len(self)).astype(np.float64)

        with np.errstate(invalid="ignore"):
            return (total(is_energy & is_far) / total(is_energy)).astype(np.float32)

    def to_dense(self, out: FloatArray | None = None) -> FloatArray:
        """Images (candidates, channels, rows, columns); `out`, float32 and contiguous, is overwritten and returned."""
        from e2e.frames import native

        return native.to_dense(self, out)

    @classmethod
    def from_dense(cls, spec: FrameSpec, images: ArrayLike, seeds: Seeds) -> Candidates:
        """images: (candidates, channels, rows, columns); what is not 0 becomes a pixel."""
        flat = np.asarray(images, dtype=np.float32).reshape(-1, spec.num_pixels)
        candidate, pixel = np.nonzero(flat)
        lengths = np.bincount(candidate, minlength=len(flat))
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        return cls(spec, offsets, pixel.astype(np.int32), flat[candidate, pixel], seeds)

    def pack(self, start: int = 0, stop: int | None = None) -> Packed:
        """Pad candidates `start` to `stop` to the longest among them, at least 1 pixel."""
        from e2e.frames import native

        return native.pack(self, start, len(self) if stop is None else stop)


def places_on_grid(packed: Packed, frame: FrameSpec) -> Places:
    """Where pixels lie; a column may lie beyond the end of the grid, whose phi wraps. Padding lies anywhere; where the
    seed is not known only the channel means something."""
    channel, pixel = np.divmod(np.maximum(packed.pixel_index, 0).astype(np.int64), frame.rows * frame.columns)
    seed = packed.seed.astype(np.int64)
    row = pixel // frame.columns - frame.centre_row + seed[:, :1]
    return Places(channel, row, pixel % frame.columns - frame.centre_column + seed[:, 1:])
