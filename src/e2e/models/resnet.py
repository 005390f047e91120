"""ResNet-15: the network of the published E2E results, kept as the baseline.

Source: torch_resnet_concat.py of mbandrews/a2gg-regression and bhbam/MLAnalyzer; arXiv:1902.08276, 2204.12313.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from e2e.models.base import ModelConfig, PixelFeatures, SeedFeatures
from e2e.models.views import ImageView


@dataclass(frozen=True)
class ResNet15Config(ModelConfig):
    """maps: of the first half; the second has twice as many."""

    maps: int = 16
    blocks: int = 3
    has_pool: bool = False  # a 2 x 2 max-pool after the first convolution, for 125 x 125 frames
    sees_phi: bool = True


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, no normalisation."""

    def __init__(self, maps_in: int, maps_out: int) -> None:
        super().__init__()
        stride = 1 if maps_in == maps_out else 2
        self.first = nn.Conv2d(maps_in, maps_out, 3, stride=stride, padding=1)
        self.second = nn.Conv2d(maps_out, maps_out, 3, padding=1)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(maps_in, maps_out, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


class ResNet15(nn.Module):
    """15 convolutions, a global maximum, the seed's position beside it, one linear layer."""

    CHANNEL_WEIGHT = "stem.weight"  # the parameter with an axis of channels, its second

    def __init__(self, config: ResNet15Config) -> None:
        super().__init__()
        self.config = config
        maps = config.maps
        self.pixels, self.view, self.seed = PixelFeatures(config), ImageView(config.frame), SeedFeatures(config)
        self.stem = nn.Conv2d(config.num_planes, maps, 7, padding=1)
        self.pool = nn.MaxPool2d(2) if config.has_pool else nn.Identity()
        narrow = [ResidualBlock(maps, maps) for _ in range(config.blocks)]
        wide = [ResidualBlock(2 * maps, 2 * maps) for _ in range(config.blocks)]
        self.body = nn.Sequential(*narrow, ResidualBlock(maps, 2 * maps), *wide)
        self.head = nn.Linear(2 * maps + self.seed.size, config.num_outputs)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        image = self.view(pixel_index, self.pixels(pixel_index, pixel_value))  # (batch, planes, rows, columns)
        features = self.body(self.pool(torch.relu(self.stem(image)))).amax(dim=(2, 3))  # (batch, 2 * maps)
        return self.head(torch.cat((features, self.seed(seed)), dim=1))
