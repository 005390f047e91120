"""How a network looks at a sparse frame. The view is made inside the network, so every bundle takes the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract import FrameSpec
from e2e.models.base import of_pixels


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


class WindowView(nn.Module):
    """Sparse pixels -> the same of a smaller window around the seed; what lies beyond it becomes padding.

    inner: the frame of that window, `size` rows and columns. size: None: all of the frame, and nothing is done.
    """

    def __init__(self, frame: FrameSpec, size: int | None) -> None:
        super().__init__()
        self.frame = self.inner = frame
        if size is None:
            return
        middle = size // 2
        self.inner = replace(frame, rows=size, columns=size, centre_row=middle, centre_column=middle)
        self.first = frame.centre_row - middle, frame.centre_column - middle
        if min(self.first) < 0 or self.first[0] + size > frame.rows or self.first[1] + size > frame.columns:
            raise ValueError(f"a window of {size} around the seed leaves {frame.rows} x {frame.columns} pixels")

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> tuple[Tensor, Tensor]:
        """pixel_index, pixel_value: float32 (batch, pixels), -1 and 0 in padding; the same of the inner frame."""
        if self.inner == self.frame:
            return pixel_index, pixel_value
        (inner,) = of_pixels(self._inner_index, (-1,), self.frame, pixel_index)
        return inner.to(pixel_index.dtype), pixel_value * (inner >= 0)

    def _inner_index(self, channel: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor]:
        inner = self.inner
        row, column = row - self.first[0], column - self.first[1]
        is_inside = (row >= 0) & (row < inner.rows) & (column >= 0) & (column < inner.columns)
        return (torch.where(is_inside, (channel * inner.rows + row) * inner.columns + column, -1),)


class Tokens(NamedTuple):
    """values: (batch, tokens, numbers). place: (batch, tokens) int64, row-major on a grid of places; in padding
    the number of places. Tokens are in the order of their places, padding last."""

    values: Tensor
    place: Tensor
    is_padding: Tensor


class PatchView(nn.Module):
    """Sparse pixels -> the occupied patches alone: what a dense image cut in patches would hold there."""

    def __init__(self, frame: FrameSpec, patch: int) -> None:
        super().__init__()
        self.frame, self.patch = frame, patch
        self.grid = ceil(frame.rows / patch), ceil(frame.columns / patch)
        self.num_places = self.grid[0] * self.grid[1]
        self.num_values = len(frame.channels) * patch**2  # of a feature

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor]) -> Tokens:
        """pixel_index: float32 (batch, pixels), -1 in padding. features: each (batch, pixels), 0 in padding.

        The numbers of a token are ordered by feature, channel, row, column. At least one token, which may be padding.
        """
        place, inside = self.places_of(pixel_index)
        slot, token_place = occupied_slots(place, self.num_places)
        size = len(features) * self.num_values
        first = slot * size + inside
        target = torch.cat([first + number * self.num_values for number in range(len(features))], dim=1)
        batch, num_tokens = token_place.shape
        empty = features[0].new_zeros(batch, num_tokens * size)
        values = empty.scatter_add(1, target, torch.cat(list(features), dim=1)).reshape(batch, num_tokens, size)
        return Tokens(values, token_place, token_place == self.num_places)

    def places_of(self, pixel_index: Tensor) -> tuple[Tensor, ...]:
        """The patch of each pixel, the number of places in padding; and which of its patch's `num_values` it is, by
        channel, row, column, 0 in padding; int64 (batch, pixels) both."""
        return of_pixels(self._place_and_inside, (self.num_places, 0), self.frame, pixel_index)

    def _place_and_inside(self, channel: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        patch = self.patch
        inside = (channel * patch + row % patch) * patch + column % patch
        return row // patch * self.grid[1] + column // patch, inside

    def cut(self, image: Tensor) -> Tensor:
        """(batch, channels, rows, columns) -> (batch, places, values of a patch), zeros beyond the frame."""
        frame, patch, (rows, columns) = self.frame, self.patch, self.grid
        whole = functional.pad(image, (0, columns * patch - frame.columns, 0, rows * patch - frame.rows))
        cut = whole.reshape(-1, len(frame.channels), rows, patch, columns, patch)
        return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, self.num_places, self.num_values)

    def join(self, patches: Tensor) -> Tensor:
        """The inverse of `cut`."""
        frame, patch, (rows, columns) = self.frame, self.patch, self.grid
        cut = patches.reshape(-1, rows, columns, len(frame.channels), patch, patch).permute(0, 3, 1, 4, 2, 5)
        whole = cut.reshape(-1, len(frame.channels), rows * patch, columns * patch)
        return whole[:, :, : frame.rows, : frame.columns]


def occupied_slots(place: Tensor, num_places: int) -> tuple[Tensor, Tensor]:
    """Number the occupied places of each candidate from 0, in their order.

    place: int64 (batch, entries), `num_places` for padding. Returns each entry's slot (batch, entries), and each slot's
    place (batch, slots), `num_places` where a candidate has fewer. Padding is in the slot after the last place. At
    least one slot.
    With 9 places, [7, 2, 7, 9] gives the slots [1, 0, 1, 2] of the places [2, 7, 9].
    """
    batch = place.shape[0]
    is_there = place.new_zeros(batch, num_places + 1).scatter(1, place, 1)
    rank = torch.cumsum(is_there, dim=1)
    counts = torch.cat((rank[:, -1], rank.new_ones(1)))  # of each candidate, and one where there is none
    num_slots = _as_size(counts.max(), num_places + 1)
    slot = rank.gather(1, place) - 1
    return slot, place.new_full((batch, num_slots), num_places).scatter(1, slot, place)


def at_places(values: Tensor, place: Tensor) -> Tensor:
    """What stands at each token's place; in padding anything. values: (batch, places, numbers). place: (batch, tokens),
    the number of places in padding."""
    somewhere = place.clamp(max=values.shape[1] - 1)
    return values.gather(1, somewhere[:, :, None].expand(-1, -1, values.shape[2]))


def occupied_places(place: Tensor, num_places: int, num_slots: Any = None) -> tuple[Tensor, Tensor]:
    """The same: each slot's place, and each place's slot (batch, places + 1), one past the last slot where nothing is
    and for padding. num_slots: where it is known."""
    batch = place.shape[0]
    ones = torch.ones_like(place, dtype=torch.float32)
    is_occupied = ones.new_zeros(batch, num_places + 1).scatter(1, place, ones)[:, :num_places]
    rank = torch.cumsum(is_occupied, dim=1)
    if num_slots is None:
        counts = torch.cat((rank[:, -1], rank.new_ones(1)))  # of each candidate, and one where there is none
        num_slots = _as_size(counts.max().to(torch.int64), num_places)
    occupied_slot = torch.where(is_occupied > 0, rank.to(torch.int64) - 1, num_slots)
    slot_at = torch.cat((occupied_slot, torch.full_like(occupied_slot[:, :1], num_slots)), dim=1)
    everywhere = torch.arange(num_places + 1, device=place.device).expand(batch, num_places + 1)
    slot_place = torch.full((batch, num_slots + 1), num_places, dtype=torch.int64, device=place.device)
    return slot_place.scatter(1, slot_at, everywhere)[:, :num_slots], slot_at


def _as_size(count: Tensor, most: int) -> Any:
    """A number for shapes, from 1 to `most`: a symbol while exporting."""
    if torch.jit.is_tracing():  # TorchScript would take what `item` gives for a constant
        return torch.arange(count).shape[0]  # type: ignore[call-overload]
    size: Any = count.item()
    torch._check(size >= 1)
    torch._check(size <= most)
    return size


class Particles(NamedTuple):
    """The brightest places as points. features: (batch, particles, numbers). row, column: (batch, particles), pixels
    from the seed's place. energy: (batch, particles), of all channels that hold energies or momenta, scaled. All zero
    in padding."""

    features: Tensor
    row: Tensor
    column: Tensor
    energy: Tensor
    is_padding: Tensor


class ParticleView(nn.Module):
    """Sparse pixels -> the `max_particles` occupied places with most energy, in this order: as if each were a particle
    with the numbers of all channels there. Places beyond are not seen; equal ones are told apart by where they are.
    """

    def __init__(self, frame: FrameSpec, num_features: int, max_particles: int) -> None:
        super().__init__()
        self.frame, self.max_particles = frame, max_particles
        self.places = PatchView(frame, patch=1)
        self.size = num_features * len(frame.channels) + 2

    def forward(self, pixel_index: Tensor, features: Sequence[Tensor], energy: Tensor) -> Particles:
        """pixel_index: float32 (batch, pixels), padding has a negative index. features: each (batch, pixels), energy as
        well."""
        frame = self.frame
        tokens = self.places(pixel_index, (*features, energy))
        shown, bright = tokens.values.split((self.size - 2, len(frame.channels)), dim=2)
        more = (0, 0, 0, self.max_particles)  # so that there are enough of them
        shown, bright = (functional.pad(numbers, more) for numbers in (shown, bright.sum(dim=2, keepdim=True)))
        place = functional.pad(tokens.place, (0, self.max_particles), value=self.places.num_places)
        key = torch.where(place < self.places.num_places, bright[:, :, 0], -1.0).double() - place.double() * 1e-12
        chosen = key.topk(self.max_particles, dim=1).indices
        place, bright = place.gather(1, chosen), bright[:, :, 0].gather(1, chosen)
        is_padding = place == self.places.num_places
        is_shown = (~is_padding).to(shown.dtype)
        row = (place // frame.columns - frame.centre_row).to(shown.dtype) * is_shown
        column = (place % frame.columns - frame.centre_column).to(shown.dtype) * is_shown
        numbers = shown.gather(1, chosen[:, :, None].expand(-1, -1, shown.shape[2]))
        where = torch.stack((row / frame.rows, column / frame.columns), dim=2) * 2
        return Particles(torch.cat((numbers, where), dim=2), row, column, bright, is_padding)
