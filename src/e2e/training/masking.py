"""What is hidden of a candidate, and which places are asked for: on sparse pixels, by a generator alone.

What is hidden is taken out of the pixels, so that a network of occupied patches has fewer tokens and costs less. A
network that is asked for hidden patches alone knows that something is there; so it is asked for empty ones as well,
fewer than there are, each of which counts for several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from e2e.contract import PADDING_INDEX
from e2e.models.views import PatchView
from e2e.training.augment import Pixels, lose
from e2e.training.pieces import cut

Kind = Literal["random", "block", "channel"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Masking:
    """kind: which of the occupied patches are hidden: any; those next to one of them; or of any of them any channels,
    occupied or not, each apart. ratio: of them. empties: empty patches asked for, per other one that is.
    """

    kind: Kind = "random"
    ratio: float = 0.75
    empties: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown masking {self.kind!r}; known: {', '.join(KINDS)}")
        if not 0 <= self.ratio < 1:
            raise ValueError(f"a masking ratio of {self.ratio}; give one from 0 to less than 1")
        if not self.empties > 0:
            raise ValueError(f"{self.empties} empty patches for each; give more than 0")


class Asked(NamedTuple):
    """visible: pixels that are left. place: (batch, places asked) int64, the number of places in padding. weight:
    (batch, places asked, channels), how much each counts; 0 for what was visible, unless all is asked, and padding,
    which comes last."""

    visible: Pixels
    place: Tensor
    weight: Tensor

    def of(self, rows: Tensor) -> Asked:
        """Of these candidates alone, no further padded than that of which most is asked."""
        weight = self.weight[rows]
        most = max(int(weight.any(dim=2).sum(dim=1).max()), 1)
        return Asked(cut(self.visible, rows), self.place[rows, :most], weight[:, :most])


def hide(
    pixels: Pixels, view: PatchView, masking: Masking, generator: torch.Generator, *, asks_all: bool = False
) -> Asked:
    """generator: on the pixels' device. asks_all: for what is visible as well, as a codec must give it."""
    place, inside = view.places_of(pixels.pixel_index)
    channel = inside // view.patch**2
    batch, num_channels = len(place), len(view.frame.channels)
    is_occupied = place.new_zeros(batch, view.num_places + 1, dtype=torch.bool).scatter(1, place, True)[:, :-1]
    is_hidden = _hidden(is_occupied, num_channels, view.grid, masking, generator)
    lost = torch.cat((is_hidden, is_hidden.new_ones(batch, 1, num_channels)), dim=1).flatten(1)
    visible = _without_padding(lose(pixels, lost.gather(1, place * num_channels + channel)))

    counts = (is_occupied[:, :, None].expand_as(is_hidden) if asks_all else is_hidden).float()
    num_asked = (counts.sum(dim=2) > 0).sum(dim=1)
    num_empty = (~is_occupied).sum(dim=1)
    num_taken = torch.minimum((masking.empties * num_asked).round().long().clamp(min=1), num_empty)
    is_taken = _first(_random(is_occupied, generator).masked_fill(is_occupied, torch.inf), num_taken)
    share = 1.0 if asks_all else masking.ratio  # as if empty patches were hidden like the others
    stands_for = share * num_empty / num_taken.clamp(min=1)
    counts = counts + is_taken[:, :, None] * stands_for[:, None, None]
    return Asked(visible, *_asked_first(counts))


def _hidden(
    is_occupied: Tensor, num_channels: int, grid: tuple[int, int], masking: Masking, generator: torch.Generator
) -> Tensor:
    """(batch, places) -> (batch, places, channels)."""
    key = _random(is_occupied, generator)
    if masking.kind == "channel":
        is_there = is_occupied[:, :, None].expand(-1, -1, num_channels).flatten(1)
        key = _random(is_there, generator)
    else:
        is_there = is_occupied
    if masking.kind == "block":
        centre = key.masked_fill(~is_there, -1.0).argmax(dim=1, keepdim=True)
        number = torch.arange(is_there.shape[1], device=key.device)
        row, column = number // grid[1], number % grid[1]
        away = (row - centre // grid[1]) ** 2 + (column - centre % grid[1]) ** 2
        key = key + away  # those at the same distance at random
    count = is_there.sum(dim=1)
    number = torch.minimum((masking.ratio * count).long(), (count - 1).clamp(min=0))  # something is left
    is_hidden = _first(key.masked_fill(~is_there, torch.inf), number)
    return is_hidden.reshape(*is_occupied.shape, -1).expand(-1, -1, num_channels)


def _without_padding(pixels: Pixels) -> Pixels:
    """The same pixels, as many columns as the longest candidate has, at least one."""
    is_there = pixels.pixel_index >= 0
    rank = is_there.long().cumsum(dim=1)
    longest = max(int(rank[:, -1].max()), 1) if rank.numel() else rank.shape[1]
    slot = torch.where(is_there, rank - 1, longest)

    def moved(values: Tensor, nothing: int) -> Tensor:
        empty = values.new_full((len(values), longest + 1), nothing)
        return empty.scatter(1, slot, values)[:, :longest]

    return Pixels(moved(pixels.pixel_index, PADDING_INDEX), moved(pixels.pixel_value, 0), pixels.seed)


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=generator.device)


def _first(key: Tensor, number: Tensor) -> Tensor:
    """True for the `number` (batch,) entries of each row with the smallest keys (batch, entries)."""
    rank = key.argsort(dim=1, stable=True).argsort(dim=1)
    return rank < number[:, None]


def _asked_first(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Places that count, and how much, without the others: (batch, places asked), (batch, places asked, channels)."""
    is_asked = (counts > 0).any(dim=2)
    most = max(int(is_asked.sum(dim=1).max()), 1) if len(counts) else 1
    place = (~is_asked).to(torch.int8).argsort(dim=1, stable=True)[:, :most]
    weight = counts.gather(1, place[:, :, None].expand(-1, -1, counts.shape[2]))
    return torch.where(is_asked.gather(1, place), place, counts.shape[1]), weight
