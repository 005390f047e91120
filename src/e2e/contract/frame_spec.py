"""What a candidate's frame looks like: stored in every bundle, so that a model carries its own channel order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e.contract.channels import CHANNELS, GRID_CHANNELS
from e2e.contract.grids import GRIDS, HCAL_UPSAMPLING, Grid
from e2e.contract.limits import CROP_CENTRE, CROP_SIZE, MAX_EXACT_INDEX


@dataclass(frozen=True)
class FrameSpec:
    """A `rows` x `columns` window of `grid` with `channels`, the seed at (`centre_row`, `centre_column`)."""

    grid: str = "barrel"
    channels: tuple[str, ...] = ("ecal_energy",)
    rows: int = CROP_SIZE
    columns: int = CROP_SIZE
    centre_row: int = CROP_CENTRE
    centre_column: int = CROP_CENTRE

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise ValueError(f"unknown grid {self.grid!r}; known: {', '.join(GRIDS)}")
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels {self.channels} must be distinct names of: {', '.join(CHANNELS)}")
        carried = GRID_CHANNELS[self.grid]
        if foreign := [name for name in self.channels if name not in carried]:
            what = f"the {self.grid} grid cannot carry {', '.join(foreign)}"
            raise ValueError(f"{what}; it carries: {', '.join(carried) or 'nothing'}")
        if not (0 < self.rows <= GRIDS[self.grid].rows and 0 < self.columns <= GRIDS[self.grid].columns):
            raise ValueError(f"a {self.rows} x {self.columns} window does not fit the {self.grid} grid")
        if not (0 <= self.centre_row < self.rows and 0 <= self.centre_column < self.columns):
            raise ValueError(f"centre ({self.centre_row}, {self.centre_column}) lies outside the window")
        if self.num_pixels > MAX_EXACT_INDEX:
            raise ValueError(f"{self.num_pixels} pixels are more than a float32 index holds exactly")

    @property
    def parent(self) -> Grid:
        return GRIDS[self.grid]

    @property
    def is_whole(self) -> bool:
        """Whether the window shows all of its grid: an event, no candidate of it."""
        return (self.rows, self.columns) == (self.parent.rows, self.parent.columns)

    @property
    def is_coarse(self) -> tuple[bool, ...]:
        """Of each channel: whether its values are spread evenly over the pixels of a tower, `HCAL_UPSAMPLING` squared.

        The window must show whole towers, counted from its first row and column, as it does where the seed is a tower.
        """
        middle = HCAL_UPSAMPLING // 2
        is_aligned = self.centre_row % HCAL_UPSAMPLING == middle and self.centre_column % HCAL_UPSAMPLING == middle
        return tuple(is_aligned and name == "hcal_energy" for name in self.channels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns)"""
        return len(self.channels), self.rows, self.columns

    @property
    def num_pixels(self) -> int:
        """Length of the flat index that `pixel_index` counts: channel, then row, then column."""
        return len(self.channels) * self.rows * self.columns

    @property
    def channel_codes(self) -> tuple[int, ...]:
        return tuple(CHANNELS[name].code for name in self.channels)

    def to_json(self) -> dict[str, Any]:
        return {
            "grid": self.grid,
            "channels": [{"name": name, "unit": CHANNELS[name].unit} for name in self.channels],
            "rows": self.rows,
            "columns": self.columns,
            "centre_row": self.centre_row,
            "centre_column": self.centre_column,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FrameSpec:
        """Raises ValueError naming the channel whose unit differs from ours."""
        for channel in data["channels"]:
            ours = CHANNELS.get(channel["name"])
            if ours is None or ours.unit != channel["unit"]:
                raise ValueError(f"channel {channel['name']!r} in {channel['unit']} is not one this version knows")
        window = {key: int(data[key]) for key in ("rows", "columns", "centre_row", "centre_column")}
        return cls(grid=data["grid"], channels=tuple(c["name"] for c in data["channels"]), **window)
