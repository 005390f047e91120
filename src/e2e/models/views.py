"""How a network looks at a sparse frame. The view is made inside the network, so every bundle takes the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor, nn

from e2e.contract import FrameSpec


class ImageView(nn.Module):
    """Sparse pixels -> dense image: a scatter of the occupied pixels into zeros."""

    def __init__(self, frame: FrameSpec) -> None:
        super().__init__()
        self.shape = frame.shape
        self.num_pixels = frame.num_pixels

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor]) -> Tensor:
        """pixel_index: float32 (batch, pixels), padding has a negative index. features: each (batch, pixels).

        Returns (batch, features * channels, rows, columns).
        """
        is_padding = pixel_index < 0
        index = torch.where(is_padding, self.num_pixels, pixel_index).to(torch.int64)  # padding: one pixel past the end
        empty = features[0].new_zeros(pixel_index.shape[0], self.num_pixels + 1)
        flat = [empty.scatter_add(1, index, feature)[:, : self.num_pixels] for feature in features]
        return torch.cat([plane.reshape(-1, *self.shape) for plane in flat], dim=1)


class Tokens(NamedTuple):
    """values: (batch, tokens, numbers). place: (batch, tokens) int64, row-major on a grid of places; in padding
    the number of places. Tokens are in the order of their places, padding last."""

    values: Tensor
    place: Tensor
    is_padding: Tensor


class PatchView(nn.Module):
    """Sparse pixels -> the occupied patches alone: what a dense image cut in patches would hold there."""

    def __init__(self, frame: FrameSpec, patch: int, num_features: int = 1) -> None:
        super().__init__()
        self.frame, self.patch = frame, patch
        self.grid = ceil(frame.rows / patch), ceil(frame.columns / patch)
        self.num_places = self.grid[0] * self.grid[1]
        self.num_values = len(frame.channels) * patch**2  # of a feature
        self.num_features = num_features

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor]) -> Tokens:
        """pixel_index: float32 (batch, pixels), padding has a negative index. features: each (batch, pixels).

        The numbers of a token are ordered by feature, channel, row, column. At least one token, which may be padding.
        """
        frame, patch = self.frame, self.patch
        is_padding = pixel_index < 0
        index = torch.where(is_padding, 0.0, pixel_index).to(torch.int64)
        column, row = index % frame.columns, index // frame.columns % frame.rows
        channel = index // (frame.rows * frame.columns)
        place = row // patch * self.grid[1] + column // patch
        place = torch.where(is_padding, self.num_places, place)
        inside = (channel * patch + row % patch) * patch + column % patch
        slot, token_place = occupied_slots(place, self.num_places)
        num_tokens = token_place.shape[1]
        target = slot * self.num_values + inside
        empty = features[0].new_zeros(index.shape[0], (num_tokens + 1) * self.num_values)
        values = [
            empty.scatter_add(1, target, feature).reshape(-1, num_tokens + 1, self.num_values)[:, :num_tokens]
            for feature in features
        ]
        return Tokens(torch.cat(values, dim=2), token_place, token_place == self.num_places)


def occupied_slots(place: Tensor, num_places: int) -> tuple[Tensor, Tensor]:
    """Number the occupied places of each candidate from 0, in their order.

    place: int64 (batch, entries), `num_places` for padding. Returns each entry's slot (batch, entries), for padding one
    past the last, and each slot's place (batch, slots), `num_places` where a candidate has fewer. At least one slot.
    """
    batch = place.shape[0]
    ones = torch.ones_like(place, dtype=torch.float32)
    is_occupied = ones.new_zeros(batch, num_places + 1).scatter(1, place, ones)[:, :num_places]
    rank = torch.cumsum(is_occupied, dim=1)
    num_slots = int(rank[:, -1].max().clamp(min=1).to(torch.int64).item())
    torch._check(num_slots >= 1)
    torch._check(num_slots <= num_places)
    past = ones.new_full((batch, 1), float(num_slots + 1))
    slot = torch.cat((rank, past), dim=1).gather(1, place).to(torch.int64) - 1
    slot_place = torch.full((batch, num_slots + 1), num_places, dtype=torch.int64, device=place.device)
    return slot, slot_place.scatter(1, slot, place)[:, :num_slots]


class Particles(NamedTuple):
    """The brightest pixels as points. features: (batch, particles, numbers). row, column: (batch, particles), pixels
    from the seed's place. brightness: (batch, particles), above zero. All zero in padding."""

    features: Tensor
    row: Tensor
    column: Tensor
    brightness: Tensor
    is_padding: Tensor


class ParticleView(nn.Module):
    """Sparse pixels -> the `max_particles` brightest, brightest first: as if each were a particle.

    A pixel's brightness is the size of its last feature; equal ones are told apart by their index, so that neither the
    order of the pixels nor the runtime decides. Pixels beyond are not seen.
    """

    def __init__(self, frame: FrameSpec, num_features: int, max_particles: int) -> None:
        super().__init__()
        self.frame, self.max_particles = frame, max_particles
        self.size = num_features + len(frame.channels) + 2

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor]) -> Particles:
        """pixel_index: float32 (batch, pixels), padding has a negative index. features: each (batch, pixels)."""
        frame, batch = self.frame, pixel_index.shape[0]
        filler = pixel_index.new_zeros(batch, self.max_particles)
        index = torch.cat((pixel_index, filler - 1), dim=1)
        feature = torch.stack([torch.cat((feature, filler), dim=1) for feature in features], dim=2)
        brightness = torch.where(index < 0, -1.0, feature[:, :, -1].abs())
        key = brightness.double() - index.double() * 1e-12
        chosen = key.topk(self.max_particles, dim=1).indices
        index, brightness = index.gather(1, chosen), brightness.gather(1, chosen)
        feature = feature.gather(1, chosen[:, :, None].expand(-1, -1, feature.shape[2]))
        is_padding = index < 0
        flat = torch.where(is_padding, 0.0, index).to(torch.int64)
        channel = flat // (frame.rows * frame.columns)
        shown = (~is_padding).to(feature.dtype)
        row = (flat // frame.columns % frame.rows - frame.centre_row).to(feature.dtype) * shown
        column = (flat % frame.columns - frame.centre_column).to(feature.dtype) * shown
        kinds = torch.arange(len(frame.channels), device=channel.device)
        is_kind = (channel[:, :, None] == kinds).to(feature.dtype)
        place = torch.stack((row / frame.rows, column / frame.columns), dim=2) * 2
        numbers = torch.cat((feature, is_kind, place), dim=2) * shown[:, :, None]
        return Particles(numbers, row, column, brightness * shown, is_padding)
