"""A batch that goes through its network in pieces: the same answers, in a cache of a processor."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from e2e.contract import PADDING_INDEX
from e2e.training.augment import Pixels

TOGETHER = 16  # candidates of a piece; a tenth faster or slower with 8 or 32 (docs/decisions/0027)


def can_go_in_pieces(network: nn.Module) -> bool:
    """Does a candidate's answer depend on no other of its batch?"""
    return not any(isinstance(module, _BatchNorm) for module in network.modules())


def by_pieces(answer: Callable[[Pixels], Tensor], pixels: Pixels, size: int = TOGETHER) -> Tensor:
    """What `answer` gives for each candidate, (batch, numbers), in their order.

    Those of like length go together, and none is padded further than the longest beside it.
    """
    return of_rows(lambda rows: answer(cut(pixels, rows)), pixels, size)


def of_rows(answer: Callable[[Tensor], Tensor], pixels: Pixels, size: int = TOGETHER) -> Tensor:
    """As `by_pieces`, of an answer that is told which candidates are asked for: (of a piece,) int64."""
    order = _lengths(pixels.pixel_index).argsort(stable=True)
    return torch.cat([answer(rows) for rows in order.split(size)])[order.argsort()]


def cut(pixels: Pixels, rows: Tensor) -> Pixels:
    """Of these candidates alone, no further padded than their longest."""
    longest = int(_lengths(pixels.pixel_index[rows]).max())
    index, value = (part[rows, :longest].contiguous() for part in pixels[:2])
    return Pixels(index, value, pixels.seed[rows])


def _lengths(pixel_index: Tensor) -> Tensor:
    """(batch, pixels) -> (batch,): up to the last pixel that is none of padding, at least 1."""
    place = torch.arange(1, pixel_index.shape[1] + 1)
    return torch.where(pixel_index != PADDING_INDEX, place, 1).amax(dim=1)
