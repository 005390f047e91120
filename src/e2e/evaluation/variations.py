"""What the detector might do otherwise than in the simulation: changes of candidates that leave their truth alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, PADDING_INDEX, FrameSpec
from e2e.frames.candidates import Packed

SCALE = 0.01  # of every calorimeter energy
NOISE_GEV = 0.04  # of a barrel crystal. Source: CMS, JINST 8 (2013) P09009
DEAD = 0.01  # share of the channels of every subdetector
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
    """The same channels of the detector are dead for all candidates, whatever `rng` has given before."""
    grid = GRIDS[frame.grid]
    dead = np.random.default_rng(SEED).random((len(frame.channels), grid.rows, grid.columns)) < DEAD
    channel, pixel = np.divmod(_known(packed), frame.rows * frame.columns)
    row = pixel // frame.columns - frame.centre_row + packed.seed[:, :1].astype(np.int64)
    column = pixel % frame.columns - frame.centre_column + packed.seed[:, 1:].astype(np.int64)
    is_dead = dead[channel, np.clip(row, 0, grid.rows - 1), column % grid.columns] & (packed.pixel_index >= 0)
    index = np.where(is_dead, np.float32(PADDING_INDEX), packed.pixel_index)
    return packed._replace(pixel_index=index, pixel_value=np.where(is_dead, np.float32(0), packed.pixel_value))


VARIATIONS: dict[str, Variation] = {
    f"calorimeter energies {SCALE:+.0%}": scaled(1 + SCALE),
    f"calorimeter energies {-SCALE:+.0%}": scaled(1 - SCALE),
    f"noise of {NOISE_GEV * 1000:.0f} MeV on crystals": noisy,
    f"{DEAD:.0%} of the channels dead": with_dead_channels,
}


def _known(packed: Packed) -> NDArray[np.int64]:
    return np.maximum(packed.pixel_index, 0).astype(np.int64)


def _channel_is(packed: Packed, frame: FrameSpec, chosen: list[bool]) -> NDArray[np.bool_]:
    """Is a pixel of one of the chosen channels? Not in padding."""
    channel = _known(packed) // (frame.rows * frame.columns)
    return np.array(chosen)[channel] & (packed.pixel_index >= 0)
