"""What the detector might do otherwise than in the simulation: changes of candidates that leave their truth alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, PADDING_INDEX, FrameSpec, Grid
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.frames.candidates import Packed, places_on_grid

SCALE = 0.01  # of every calorimeter energy
NOISE_GEV = 0.04  # of a barrel crystal. Source: CMS, JINST 8 (2013) P09009
DEAD = 0.01  # share of crystals, of towers, and of the modules of each tracker layer, taken as single pixels
SEED = 0

Variation = Callable[[Packed, FrameSpec, np.random.Generator], Packed]


def scaled(factor: float) -> Variation:
    """Calorimeter energies times a factor; tracks have their own scale."""

    def vary(packed: Packed, frame: FrameSpec, rng: np.random.Generator) -> Packed:
        is_energy = _channel_is(packed, frame, [name.endswith("_energy") for name in frame.channels])
        value = np.where(is_energy, packed.pixel_value * np.float32(factor), packed.pixel_value)
        return packed._replace(pixel_value=value.astype(np.float32))

    return vary


def noisy(packed: Packed, frame: FrameSpec, rng: np.random.Generator) -> Packed:
    """Noise of a crystal on every crystal that is seen, none of which falls below zero."""
    is_ecal = _channel_is(packed, frame, [name == "ecal_energy" for name in frame.channels])
    noise = rng.normal(0.0, NOISE_GEV, packed.pixel_value.shape)
    value = np.where(is_ecal, np.maximum(packed.pixel_value + noise, 0.0), packed.pixel_value)
    return packed._replace(pixel_value=value.astype(np.float32))


def with_dead_channels(packed: Packed, frame: FrameSpec, rng: np.random.Generator) -> Packed:
    """The same channels of the detector are dead for all candidates, whatever `rng` has given before: crystals with
    their energy and time, whole towers, pixels of tracker layers; not tracks, which are no channels. Candidates whose
    seed is not known stay as they are."""
    channel, row, column = places_on_grid(packed, frame)
    grid = GRIDS[frame.grid]
    is_dead = np.zeros(packed.pixel_index.shape, dtype=bool)
    for number, name in enumerate(frame.channels):
        if (dead := _dead_pixels(name, grid)) is not None:
            is_dead |= (channel == number) & dead[np.clip(row, 0, grid.rows - 1), column % grid.columns]
    is_dead &= (packed.pixel_index >= 0) & (packed.seed[:, :1] >= 0)
    index = np.where(is_dead, np.float32(PADDING_INDEX), packed.pixel_index)
    return packed._replace(pixel_index=index, pixel_value=np.where(is_dead, np.float32(0), packed.pixel_value))


@cache
def _dead_pixels(channel: str, grid: Grid) -> NDArray[np.bool_] | None:
    """(rows, columns) of the grid; None for what is no channel of a detector."""
    if channel.startswith("track_"):
        return None
    subdetector = channel.split("_")[0]  # a crystal's energy and time die together
    rng = np.random.default_rng((SEED, crc32(subdetector.encode())))
    if subdetector != "hcal":
        return rng.random((grid.rows, grid.columns)) < DEAD
    side = HCAL_UPSAMPLING
    towers = rng.random((grid.rows // side, grid.columns // side)) < DEAD
    return towers.repeat(side, axis=0).repeat(side, axis=1)


VARIATIONS: dict[str, Variation] = {
    f"calorimeter energies {SCALE:+.0%}": scaled(1 + SCALE),
    f"calorimeter energies {-SCALE:+.0%}": scaled(1 - SCALE),
    f"noise of {NOISE_GEV * 1000:.0f} MeV on crystals": noisy,
    f"{DEAD:.0%} of the channels dead": with_dead_channels,
}


def _channel_is(packed: Packed, frame: FrameSpec, chosen: list[bool]) -> NDArray[np.bool_]:
    """Is a pixel of one of the chosen channels? Not in padding."""
    return np.array(chosen)[places_on_grid(packed, frame).channel] & (packed.pixel_index >= 0)
