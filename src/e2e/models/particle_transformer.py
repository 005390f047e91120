"""Particle Transformer on pixels: attention that knows how two places lie to each other and share their energy.

Source: Qu, Li and Qian, arXiv:2202.03772; the scaled energy at a place takes that of the transverse momentum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from e2e.models.base import ModelConfig, PixelEnergies, PixelFeatures, SeedFeatures
from e2e.models.layers import Block, BlockConfig, padding_mask
from e2e.models.views import Particles, ParticleView

_LEAST = 1e-4  # below it a logarithm says nothing any more


@dataclass(frozen=True, kw_only=True)
class ParticleTransformerConfig(ModelConfig):
    """max_particles: places looked at, those with most energy first. pair_width: of the network of two pixels."""

    features: tuple[str, ...] = ("value", "log", "occupied")
    max_particles: int = 128
    width: int = 64
    depth: int = 3
    heads: int = 4
    pair_width: int = 16

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"max_particles": 64, "width": 32, "depth": 2, "heads": 2},
        "tiny": {"width": 64, "depth": 3, "heads": 4},
        "small": {"width": 128, "depth": 4, "heads": 8},
    }


class ParticleTransformer(nn.Module):
    def __init__(self, config: ParticleTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels, self.energies, self.seed = PixelFeatures(config), PixelEnergies(config), SeedFeatures(config)
        self.view = ParticleView(config.frame, len(config.features), config.max_particles)
        width, block = config.width, BlockConfig(config.width, config.heads, norm="layer", has_qk_norm=False)
        self.embed = nn.Sequential(nn.Linear(self.view.size, width), nn.GELU(), nn.Linear(width, width))
        self.pair = nn.Sequential(
            nn.Linear(4, config.pair_width), nn.GELU(), nn.Linear(config.pair_width, config.heads)
        )
        self.blocks = nn.ModuleList(Block(block) for _ in range(config.depth))
        self.class_token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.class_block = Block(block)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width + self.seed.size, config.num_outputs)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        features, energies = self.pixels(pixel_index, pixel_value), self.energies(pixel_index, pixel_value)
        particles = self.view(pixel_index, features, energies)
        batch = pixel_index.shape[0]
        hides = torch.where(particles.is_padding, -1e4, 0.0)[:, None, None]  # finite: there may be padding alone
        mask = self.pair(pair_features(particles)).permute(0, 3, 1, 2) + hides
        x = self.embed(particles.features)
        for block in self.blocks:
            x = block(x, mask)
        is_padding = torch.cat((particles.is_padding.new_zeros(batch, 1), particles.is_padding), dim=1)
        x = torch.cat((self.class_token.expand(batch, -1, -1), x), dim=1)
        summary = self.norm(self.class_block(x, padding_mask(is_padding))[:, 0])
        return self.head(torch.cat((summary, self.seed(seed)), dim=1))

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [self.embed, *self.blocks, self.class_block]


def pair_features(particles: Particles) -> Tensor:
    """Logarithms of distance, kT, momentum share and mass of two places: (batch, particles, particles, 4)."""
    energy, row, column = particles.energy, particles.row, particles.column
    distance = ((row[:, :, None] - row[:, None]) ** 2 + (column[:, :, None] - column[:, None]) ** 2).sqrt()
    low = torch.minimum(energy[:, :, None], energy[:, None])
    share = low / (energy[:, :, None] + energy[:, None]).clamp(min=_LEAST)
    mass = energy[:, :, None] * energy[:, None] * distance**2
    numbers = (distance, low * distance, share, mass)
    return torch.stack([torch.log(number.clamp(min=_LEAST)) for number in numbers], dim=3) / 4.0
