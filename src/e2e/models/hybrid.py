"""Convolutions first, attention after: neighbouring patches are mixed and merged before they attend to each other.

The convolutions run over the grid of patches, and only occupied patches keep what they gave; the costly products of
each patch's numbers are made for occupied patches alone. Source of the plan: Dai et al., CoAtNet, arXiv:2106.04803.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from e2e.models.base import TRANSFORMER_SIZES, PixelFeatures, SeedFeatures
from e2e.models.layers import plain_mlp
from e2e.models.sparse_vit import Encoder, EncoderConfig, TokenNetwork
from e2e.models.views import PatchView, Tokens, at_places, occupied_slots


@dataclass(frozen=True, kw_only=True)
class HybridConfig(EncoderConfig):
    """stem_patch, stem_width, stem_blocks: of the convolutional stage. merge: `merge` x `merge` of its patches become
    one token of the `width` of the attention stage; 1 keeps them apart."""

    stem_patch: int = 5
    stem_width: int = 32
    stem_blocks: int = 2
    merge: int = 2

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"stem_width": 16, "stem_blocks": 1, **TRANSFORMER_SIZES["nano"]},
        "tiny": {"stem_width": 32, "stem_blocks": 2, **TRANSFORMER_SIZES["tiny"]},
        "small": {"stem_width": 64, "stem_blocks": 2, **TRANSFORMER_SIZES["small"]},
        "base": {"stem_width": 96, "stem_blocks": 3, **TRANSFORMER_SIZES["base"]},
    }


class Hybrid(TokenNetwork):
    def __init__(self, config: HybridConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels, self.seed = PixelFeatures(config), SeedFeatures(config)
        self.view = PatchView(config.frame, config.stem_patch)
        self.embed = nn.Linear(len(config.features) * self.view.num_values, config.stem_width)
        self.stem = nn.ModuleList(SparseConvBlock(config, self.view.grid) for _ in range(config.stem_blocks))
        self.merge = Merge(self.view.grid, config.merge, config.stem_width, config.width)
        self.token_pixels = config.stem_patch * config.merge
        self.encoder = Encoder(config, self.merge.grid)
        self.head = nn.Linear(config.summary_width + self.seed.size, config.num_outputs)

    def tokens(self, pixel_index: Tensor, pixel_value: Tensor) -> Tokens:
        tokens = self.view(pixel_index, self.pixels(pixel_index, pixel_value))
        x = self.embed(tokens.values)
        for block in self.stem:
            x = block(x, tokens.place)
        return self.merge(x, tokens.place)

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [self.embed, *self.stem, self.merge, *self.encoder.blocks]


class SparseConvBlock(nn.Module):
    """A depthwise 5 x 5 convolution over the grid of patches, then the feed-forward part on occupied patches alone.

    Source: Liu et al., ConvNeXt, arXiv:2201.03545; what empty patches would give is never kept, as in submanifold
    sparse convolutions (arXiv:1706.01307).
    """

    def __init__(self, config: HybridConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid, width = grid, config.stem_width
        self.convolution = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = config.block.make_norm(width)
        self.mlp = plain_mlp(width, int(config.mlp_ratio * width))

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        """x: (batch, tokens, width). place: (batch, tokens), one past the grid for padding."""
        batch, tokens, width = x.shape
        num_places = self.grid[0] * self.grid[1]
        target = place[:, :, None].expand(batch, tokens, width)
        image = x.new_zeros(batch, num_places + 1, width).scatter(1, target, x)[:, :num_places]
        image = self.convolution(image.transpose(1, 2).reshape(batch, width, *self.grid))
        mixed = image.flatten(2).transpose(1, 2)  # (batch, places, width)
        return x + self.mlp(self.norm(at_places(mixed, place)))


class Merge(nn.Module):
    """Patches of a square become one token: their numbers side by side, zeros for the empty, through one matrix."""

    def __init__(self, grid: tuple[int, int], merge: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.fine_grid, self.merge = grid, merge
        self.grid = -(-grid[0] // merge), -(-grid[1] // merge)
        self.num_places = self.grid[0] * self.grid[1]
        self.project = nn.Linear(merge**2 * width_in, width_out)

    def forward(self, x: Tensor, place: Tensor) -> Tokens:
        """x: (batch, tokens, width), place: (batch, tokens). Returns merged tokens."""
        batch, tokens, width = x.shape
        columns = self.fine_grid[1]
        is_padding = place == self.fine_grid[0] * columns
        row, column = place // columns, place % columns
        coarse = row // self.merge * self.grid[1] + column // self.merge
        inside = row % self.merge * self.merge + column % self.merge
        slot, coarse_place = occupied_slots(torch.where(is_padding, self.num_places, coarse), self.num_places)
        num_tokens, children = coarse_place.shape[1], self.merge**2
        target = torch.where(is_padding, num_tokens * children, slot * children + inside)
        target = target[:, :, None].expand(batch, tokens, width)
        side_by_side = x.new_zeros(batch, num_tokens * children + 1, width).scatter(1, target, x)[:, :-1]
        merged = self.project(side_by_side.reshape(batch, num_tokens, children * width))
        return Tokens(merged, coarse_place, coarse_place == self.num_places)
