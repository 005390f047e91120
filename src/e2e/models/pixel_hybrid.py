"""Convolutions on pixels first, attention after: what lies a few pixels apart is told apart before squares of pixels
attend to each other. Only the squares in which the detector saw something do.

Convolutions of stride two in place of one matrix on patches: Xiao et al., arXiv:2106.14881; LeViT, arXiv:2104.01136.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from e2e.models.base import TRANSFORMER_SIZES, PixelFeatures, SeedFeatures
from e2e.models.resnet import ResidualBlock
from e2e.models.sparse_vit import Encoder, EncoderConfig, TokenNetwork
from e2e.models.views import ImageView, PatchView, Tokens, WindowView, at_places, occupied_slots


@dataclass(frozen=True, kw_only=True)
class PixelHybridConfig(EncoderConfig):
    """maps: of each stage, which halves the image and ends in a residual block. stages: how many of them are used, from
    the first. A last halving makes the tokens, so each stands for 2^(stages + 1) pixels a side. window: rows and
    columns around the seed, beyond which nothing is seen; None: all of the frame. A task may say both."""

    maps: tuple[int, ...] = (16, 32, 48)
    stages: int = 3
    window: int | None = None

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"maps": (8, 16, 32), **TRANSFORMER_SIZES["nano"]},
        "tiny": {"maps": (16, 32, 48), **TRANSFORMER_SIZES["tiny"]},
        "small": {"maps": (32, 64, 96), **TRANSFORMER_SIZES["small"]},
        "base": {"maps": (48, 96, 192), **TRANSFORMER_SIZES["base"]},
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.stages <= len(self.maps):
            raise ValueError(f"{self.stages} stages of maps {self.maps}")


class PixelHybrid(TokenNetwork):
    """Halve the image by convolutions, let the squares with pixels attend to each other, read the answer from them."""

    def __init__(self, config: PixelHybridConfig) -> None:
        super().__init__()
        self.config, self.seed = config, SeedFeatures(config)
        self.window = WindowView(config.frame, config.window)
        frame = self.window.inner
        self.pixels, self.view = PixelFeatures(replace(config, frame=frame)), ImageView(frame)
        widths = (config.num_planes, *config.maps[: config.stages])
        self.stages = nn.ModuleList(_stage(narrow, wide) for narrow, wide in pairwise(widths))
        self.embed = _halving(widths[-1], config.width)
        self.token_pixels = 2 ** (config.stages + 1)
        self.squares = PatchView(frame, self.token_pixels)
        self.encoder = Encoder(config, self.squares.grid)
        self.head = nn.Linear(config.summary_width + self.seed.size, config.num_outputs)

    def tokens(self, pixel_index: Tensor, pixel_value: Tensor) -> Tokens:
        pixel_index, pixel_value = self.window(pixel_index, pixel_value)
        x = self.view(pixel_index, self.pixels(pixel_index, pixel_value))
        for stage in self.stages:
            x = stage(x)
        squares = self.embed(x).flatten(2).transpose(1, 2)  # (batch, places, width)
        num_places = self.squares.num_places
        _, place = occupied_slots(self.squares.places_of(pixel_index)[0], num_places)
        return Tokens(at_places(squares, place), place, place == num_places)

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [*self.stages, self.embed, *self.encoder.blocks]


def _stage(maps_in: int, maps_out: int) -> nn.Module:
    return nn.Sequential(_halving(maps_in, maps_out), nn.ReLU(), ResidualBlock(maps_out, maps_out))


def _halving(maps_in: int, maps_out: int) -> nn.Conv2d:
    """Rows and columns of 2 n or 2 n - 1 become n; what it gives at (i, j) sees no further than 2 i + 1, 2 j + 1."""
    return nn.Conv2d(maps_in, maps_out, 3, stride=2, padding=1)
