"""Convolutions that halve the image until little is left of it, then matrices: the encoder of a dense autoencoder.

The layout of the published autoencoders of jet images (Farina, Nakai and Shih, arXiv:1808.08992; Finke et al.,
arXiv:2104.09051), with strides in place of pooling.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract import FrameSpec
from e2e.models.base import ModelConfig, PixelFeatures, SeedFeatures
from e2e.models.views import ImageView

_SMALLEST = 4  # rows or columns that are not halved any more
_MOST_DOUBLINGS = 2  # of the maps


@dataclass(frozen=True, kw_only=True)
class ConvConfig(ModelConfig):
    """width: maps at full size; twice as many after the first halving, four times after the others. hidden: numbers
    between the last maps and the head. patch: rows and columns that a decoder is asked for together."""

    features: tuple[str, ...] = ("value", "log", "occupied")
    width: int = 10
    hidden: int = 64
    patch: int = 5

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"width": 8, "hidden": 32},
        "tiny": {"width": 10, "hidden": 64},
        "small": {"width": 16, "hidden": 128},
        "base": {"width": 32, "hidden": 256},
    }


class ConvNet(nn.Module):
    def __init__(self, config: ConvConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels, self.view, self.seed = PixelFeatures(config), ImageView(config.frame), SeedFeatures(config)
        sizes = map_sizes(config.frame)
        widths = map_widths(config.width, len(sizes))
        self.stem = nn.Conv2d(config.num_planes, widths[0], 3, padding=1)
        steps = (nn.Conv2d(narrow, wide, 3, stride=2, padding=1) for narrow, wide in pairwise(widths))
        self.steps = nn.ModuleList(steps)
        self.hidden = nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], config.hidden)
        self.head = nn.Linear(config.hidden + self.seed.size, config.num_outputs)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        x = functional.gelu(self.stem(self.view(pixel_index, self.pixels(pixel_index, pixel_value))))
        for step in self.steps:
            x = functional.gelu(step(x))
        x = functional.gelu(self.hidden(x.flatten(1)))
        return self.head(torch.cat((x, self.seed(seed)), dim=1))

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [self.stem, *self.steps, self.hidden]


def map_sizes(frame: FrameSpec) -> list[tuple[int, int]]:
    """Rows and columns before each halving and after the last."""
    sizes = [(frame.rows, frame.columns)]
    while max(sizes[-1]) > _SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def map_widths(width: int, count: int) -> list[int]:
    """Maps of each size."""
    return [width << min(step, _MOST_DOUBLINGS) for step in range(count)]
