"""ParticleNet on pixels: each learns from its nearest neighbours what its surroundings look like.

Source: Qu and Gouskos, arXiv:1902.08570. Two differences, both so that an exported network gives what PyTorch gives:
the neighbours are those on the detector in every layer (in the space of features a rounding error changes who is
near), and layer norms take the place of batch norms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from e2e.models.base import ModelConfig, PixelEnergies, PixelFeatures, SeedFeatures
from e2e.models.views import Particles, ParticleView

_TIE = 1 / 512  # a slot's share of a square distance, which is a whole number: who comes first is nearer


@dataclass(frozen=True, kw_only=True)
class ParticleNetConfig(ModelConfig):
    """max_particles: places looked at, those with most energy first. widths: of the layers."""

    features: tuple[str, ...] = ("value", "log", "occupied")
    max_particles: int = 128
    neighbours: int = 12
    widths: tuple[int, ...] = (48, 96)

    SIZES: ClassVar[dict[str, dict[str, Any]]] = {
        "nano": {"max_particles": 64, "neighbours": 8, "widths": (32,)},
        "tiny": {"widths": (32, 64)},
        "small": {"widths": (48, 96, 96)},
    }


class ParticleNet(nn.Module):
    def __init__(self, config: ParticleNetConfig) -> None:
        super().__init__()
        if not config.neighbours < config.max_particles <= 1 / (2 * _TIE):
            raise ValueError(
                f"{config.neighbours} neighbours of {config.max_particles} particles; at most 256 particles"
            )
        self.config = config
        self.pixels, self.energies, self.seed = PixelFeatures(config), PixelEnergies(config), SeedFeatures(config)
        self.view = ParticleView(config.frame, len(config.features), config.max_particles)
        sizes = (self.view.size, *config.widths)
        self.convolutions = nn.ModuleList(EdgeConvolution(low, high) for low, high in pairwise(sizes))
        width = config.widths[-1]
        self.head = nn.Sequential(
            nn.Linear(2 * width + self.seed.size, width), nn.GELU(), nn.Linear(width, config.num_outputs)
        )

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        features, energies = self.pixels(pixel_index, pixel_value), self.energies(pixel_index, pixel_value)
        particles = self.view(pixel_index, features, energies)
        neighbour = nearest(particles, self.config.neighbours)
        shown = (~particles.is_padding).to(pixel_value.dtype)[:, :, None]
        x = particles.features
        for convolution in self.convolutions:
            x = convolution(x, neighbour, shown)
        mean = (x * shown).sum(dim=1) / shown.sum(dim=1).clamp(min=1)
        return self.head(torch.cat((mean, (x * shown).amax(dim=1), self.seed(seed)), dim=1))


class EdgeConvolution(nn.Module):
    """Mean over the neighbours of an MLP of (own numbers, the neighbour's minus own), beside a shortcut."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.own, self.other = nn.Linear(width_in, width), nn.Linear(width_in, width, bias=False)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.LayerNorm(width), nn.GELU()
        )
        self.shortcut = nn.Linear(width_in, width)

    def forward(self, x: Tensor, neighbour: Tensor, shown: Tensor) -> Tensor:
        """x: (batch, particles, width_in). neighbour: (batch, particles, neighbours). shown: 0 for padding."""
        batch, particles, neighbours = neighbour.shape
        flat = neighbour.reshape(batch, particles * neighbours, 1)
        other = self.other(x)
        width = other.shape[2]
        gathered = other.gather(1, flat.expand(-1, -1, width)).reshape(batch, particles, neighbours, width)
        edge = self.mlp(self.own(x)[:, :, None] + gathered - other[:, :, None])
        weight = shown.gather(1, flat).reshape(batch, particles, neighbours, 1)
        mean = (edge * weight).sum(dim=2) / weight.sum(dim=2).clamp(min=1)
        return nn.functional.gelu(self.shortcut(x) + mean)


def nearest(particles: Particles, neighbours: int) -> Tensor:
    """Each particle's nearest others on the detector, (batch, particles, neighbours); padding is nobody's neighbour
    while there are others."""
    row, column = particles.row, particles.column
    distance = (row[:, :, None] - row[:, None]) ** 2 + (column[:, :, None] - column[:, None]) ** 2
    slot = torch.arange(row.shape[1], device=row.device)
    distance = distance + (slot * _TIE).to(distance.dtype)
    is_self = torch.eye(row.shape[1], dtype=distance.dtype, device=row.device)
    far = 1e6 * is_self + 1e7 * particles.is_padding[:, None].to(distance.dtype) * (1 + slot / 512)
    return (-(distance + far)).topk(neighbours, dim=2).indices
