"""Changes of a batch that physics allows: reflections, turns about the beam, lost pixels, miscalibration.

All on sparse pixels, on the batch's device and without state: what is drawn depends on the generator alone, and that
on seed, epoch, batch and rank (`batch_seed`), so that a resumed training meets the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from e2e.contract import CHANNELS, PADDING_INDEX, FrameSpec
from e2e.contract.grids import HCAL_UPSAMPLING


@dataclass(frozen=True)
class Augmentation:
    """The default changes nothing, to the bit.

    phi_reflection, eta_reflection: of every second candidate, about its seed. phi_rotation: by any whole number of
    columns; of towers where the frame has HCAL towers. pixel_drop: probability that a pixel is lost. smearing: relative
    width of a normal factor on each energy and momentum.
    """

    phi_reflection: bool = False
    eta_reflection: bool = False
    phi_rotation: bool = False
    pixel_drop: float = 0.0
    smearing: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.pixel_drop < 1 and 0 <= self.smearing < 1):
            raise ValueError(f"pixel_drop {self.pixel_drop} and smearing {self.smearing} must be in [0, 1)")

    @property
    def moves(self) -> bool:
        return self.phi_reflection or self.eta_reflection or self.phi_rotation


class Pixels(NamedTuple):
    """What a network takes: float32 (batch, pixels) twice, (batch, 2)."""

    pixel_index: Tensor
    pixel_value: Tensor
    seed: Tensor


class Motion(NamedTuple):
    """Of each candidate, (batch,): bool, bool, and a whole number of columns (int64), applied last."""

    eta_flip: Tensor
    phi_flip: Tensor
    turn: Tensor


def batch_seed(*numbers: int) -> int:
    """A seed for whole numbers such as (seed, epoch, batch, rank), unlike that of any others."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def augment(pixels: Pixels, frame: FrameSpec, augmentation: Augmentation, generator: torch.Generator) -> Pixels:
    """generator: on the batch's device; what is switched off draws nothing."""
    if augmentation.moves:
        pixels = move(pixels, frame, _draw_motion(len(pixels.seed), frame, augmentation, generator))
    if augmentation.smearing:
        noise = torch.randn(pixels.pixel_value.shape, generator=generator, device=generator.device)
        pixels = smear(pixels, frame, augmentation.smearing * noise)
    if augmentation.pixel_drop:
        chance = torch.rand(pixels.pixel_index.shape, generator=generator, device=generator.device)
        pixels = lose(pixels, chance < augmentation.pixel_drop)
    return pixels


def _draw_motion(batch: int, frame: FrameSpec, augmentation: Augmentation, generator: torch.Generator) -> Motion:
    step = HCAL_UPSAMPLING if "hcal_energy" in frame.channels else 1  # turned towers must lie on towers

    def draw(wanted: bool, choices: int) -> Tensor:
        return torch.randint(choices if wanted else 1, (batch,), generator=generator, device=generator.device)

    return Motion(
        draw(augmentation.eta_reflection, 2) > 0,
        draw(augmentation.phi_reflection, 2) > 0,
        step * draw(augmentation.phi_rotation, frame.parent.columns // step),
    )


def move(pixels: Pixels, frame: FrameSpec, motion: Motion) -> Pixels:
    """Move the event on its grid; a window goes with its seed, one that spans the grid stays. What leaves it is lost.

    The signed distances of tracks change sign with the axis they are measured along: dz in eta, d0 in phi.
    """
    grid, is_padding = frame.parent, pixels.pixel_index < 0
    index = torch.where(is_padding, 0.0, pixels.pixel_index).to(torch.int64)
    column, row = index % frame.columns, index // frame.columns % frame.rows
    channel = index // (frame.rows * frame.columns)
    seed_row, seed_column = pixels.seed.to(torch.int64)[:, :, None].unbind(dim=1)  # each (batch, 1)
    eta_flip, phi_flip, turn = (part[:, None] for part in motion)

    row, seed_row = _move_along(row, seed_row, frame.centre_row, frame.rows, grid.rows, eta_flip, 0)
    column, seed_column = _move_along(
        column, seed_column, frame.centre_column, frame.columns, grid.columns, phi_flip, turn
    )
    if frame.columns == grid.columns:
        column = column % grid.columns
    is_outside = (row < 0) | (row >= frame.rows) | (column < 0) | (column >= frame.columns)
    moved = ((channel * frame.rows + row) * frame.columns + column).to(pixels.pixel_index.dtype)
    is_turned = (eta_flip & _are(frame, "track_dz", channel)) ^ (phi_flip & _are(frame, "track_d0", channel))
    value = torch.where(is_turned, -pixels.pixel_value, pixels.pixel_value)
    seed_column = torch.where(seed_column < 0, seed_column, seed_column % grid.columns)
    seed = torch.cat((seed_row, seed_column), dim=1).to(pixels.seed.dtype)
    return lose(Pixels(moved, value, seed), is_padding | is_outside)


def _move_along(
    place: Tensor, seed: Tensor, centre: int, size: int, length: int, flip: Tensor, turn: Tensor | int
) -> tuple[Tensor, Tensor]:
    """Places in a window of `size` on an axis of `length`, and its seed: both moved; one that is not known (-1) stays
    so. place: (batch, pixels)."""
    on_grid = place - centre + seed
    on_grid = torch.where(flip, length - 1 - on_grid, on_grid) + turn
    if size < length:
        moved = torch.where(flip, length - 1 - seed, seed) + turn
        return on_grid + centre - moved, torch.where(seed < 0, seed, moved)
    return on_grid + centre - seed, seed


def smear(pixels: Pixels, frame: FrameSpec, noise: Tensor) -> Pixels:
    """Multiply what is in GeV by 1 + noise, at least 0. noise: (batch, pixels)."""
    index, value, _ = pixels
    channel = torch.where(index < 0, 0.0, index).to(torch.int64) // (frame.rows * frame.columns)
    in_gev = torch.tensor([CHANNELS[name].unit == "GeV" for name in frame.channels], device=channel.device)
    return pixels._replace(pixel_value=torch.where(in_gev[channel], value * (1 + noise).clamp(min=0), value))


def _are(frame: FrameSpec, quantity: str, channel: Tensor) -> Tensor:
    """True for a quantity and its significance."""
    names = (quantity, f"{quantity}_significance")
    return torch.tensor([name in names for name in frame.channels], device=channel.device)[channel]


def lose(pixels: Pixels, is_lost: Tensor) -> Pixels:
    """Make padding of some. is_lost: (batch, pixels)."""
    index = pixels.pixel_index.masked_fill(is_lost, PADDING_INDEX)
    return pixels._replace(pixel_index=index, pixel_value=pixels.pixel_value.masked_fill(is_lost, 0.0))
