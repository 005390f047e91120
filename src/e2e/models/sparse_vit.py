"""A vision transformer whose tokens are the patches in which the detector saw something, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from e2e.models.base import TRANSFORMER_SIZES, ModelConfig, PixelFeatures, SeedFeatures
from e2e.models.layers import Block, BlockConfig, padding_mask, rotary_angles
from e2e.models.views import PatchView, Tokens

_BELOW_ALL = 1e4  # of what a norm gives; finite in half precision


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ModelConfig):
    """registers: tokens that belong to no place, where the network can put what concerns the whole. positions: learnt
    for each place, or rotary, which tells distances. has_maximum: the answer is read from the tokens' maximum beside
    their mean; a task may say. For norm, mlp, qk_norm and layer_scale see `BlockConfig`.
    """

    features: tuple[str, ...] = ("value", "log", "occupied")
    width: int = 64
    depth: int = 4
    heads: int = 4
    registers: int = 2
    positions: Literal["learnt", "rotary", "both"] = "learnt"
    mlp_ratio: float = 2.0
    norm: Literal["rms", "layer"] = "rms"
    mlp: Literal["gelu", "swiglu"] = "gelu"
    has_qk_norm: bool = True
    layer_scale: float = 0.0
    has_maximum: bool = False

    @property
    def summary_width(self) -> int:
        """Numbers of a candidate that the answer is read from."""
        return (3 if self.has_maximum else 2) * self.width

    @property
    def block(self) -> BlockConfig:
        return BlockConfig(
            self.width, self.heads, self.mlp_ratio, self.norm, self.mlp, self.has_qk_norm, self.layer_scale
        )


@dataclass(frozen=True, kw_only=True)
class SparseViTConfig(EncoderConfig):
    """patch: rows and columns of a patch; the default suits jets, whose HCAL towers are 5 x 5 pixels, aligned."""

    patch: int = 5

    SIZES: ClassVar[dict[str, dict[str, Any]]] = TRANSFORMER_SIZES


class TokenNetwork(nn.Module):
    """Tokens with places -> an encoder of them -> an answer. A subclass makes the tokens, and has `head` and `seed`.

    token_pixels: rows and columns that a token stands for.
    """

    config: EncoderConfig
    token_pixels: int
    seed: SeedFeatures
    encoder: Encoder
    head: nn.Linear

    def tokens(self, pixel_index: Tensor, pixel_value: Tensor) -> Tokens:
        """(batch, pixels) twice -> tokens of the encoder's width."""
        raise NotImplementedError

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        tokens = self.tokens(pixel_index, pixel_value)
        return self.head(torch.cat((self.encoder(*tokens), self.seed(seed)), dim=1))


class SparseViT(TokenNetwork):
    """Embed the occupied patches, let them attend to each other, read the answer from the class token and the mean."""

    def __init__(self, config: SparseViTConfig) -> None:
        super().__init__()
        self.config = config
        self.pixels, self.seed = PixelFeatures(config), SeedFeatures(config)
        self.view = PatchView(config.frame, config.patch)
        self.token_pixels = config.patch
        self.embed = nn.Linear(len(config.features) * self.view.num_values, config.width)
        self.encoder = Encoder(config, self.view.grid)
        self.head = nn.Linear(config.summary_width + self.seed.size, config.num_outputs)

    def tokens(self, pixel_index: Tensor, pixel_value: Tensor) -> Tokens:
        tokens = self.view(pixel_index, self.pixels(pixel_index, pixel_value))
        return tokens._replace(values=self.embed(tokens.values))

    def layers(self) -> list[nn.Module]:
        """From input to output, the head left out."""
        return [self.embed, *self.encoder.blocks]


class Encoder(nn.Module):
    """Tokens with places -> one vector: the class token beside the mean of the others, and their maximum where that is
    asked for."""

    angles: Tensor

    def __init__(self, config: EncoderConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.num_prefix, self.has_maximum = 1 + config.registers, config.has_maximum
        num_places = grid[0] * grid[1]
        self.prefix = nn.Parameter(torch.randn(1, self.num_prefix, config.width) * 0.02)
        learns = config.positions in ("learnt", "both")
        self.position = nn.Embedding(num_places + 1, config.width) if learns else None
        if self.position is not None:
            nn.init.normal_(self.position.weight, std=0.02)
        self.is_rotary = config.positions in ("rotary", "both")
        if self.is_rotary:
            self.register_buffer("angles", rotary_angles(grid, config.width // config.heads), persistent=False)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.depth))
        self.norm = config.block.make_norm(config.width)

    def forward(self, x: Tensor, place: Tensor, is_padding: Tensor) -> Tensor:
        """x: (batch, tokens, width). place: (batch, tokens), the number of places in padding."""
        return self.summary(self.attend(x, place, is_padding), is_padding)

    def attend(self, x: Tensor, place: Tensor, is_padding: Tensor) -> Tensor:
        """What each token has become, after the class token and the registers: (batch, num_prefix + tokens, width)."""
        batch = x.shape[0]
        if self.position is not None:
            x = x + self.position(place)
        x = torch.cat((self.prefix.expand(batch, -1, -1), x), dim=1)
        mask = padding_mask(is_padding, self.num_prefix)
        rotation = self._rotation(place) if self.is_rotary else None
        for block in self.blocks:
            x = block(x, mask, rotation)
        return self.norm(x)

    def summary(self, x: Tensor, is_padding: Tensor) -> Tensor:
        """Of what `attend` gave: (batch, summary_width). Mean and maximum of no token at all are zero."""
        is_token, tokens = (~is_padding).to(x.dtype)[:, :, None], x[:, self.num_prefix :]
        mean = (tokens * is_token).sum(dim=1) / is_token.sum(dim=1).clamp(min=1)
        if not self.has_maximum:
            return torch.cat((x[:, 0], mean), dim=1)
        maximum = (tokens - _BELOW_ALL * (1 - is_token)).amax(dim=1) * is_token.amax(dim=1)
        return torch.cat((x[:, 0], mean, maximum), dim=1)

    def _rotation(self, place: Tensor) -> Tensor:
        """(batch, 1, prefix and tokens, size / 2); the prefix is not turned."""
        angles = self.angles[place]
        none = angles.new_zeros(place.shape[0], self.num_prefix, angles.shape[2])
        return torch.cat((none, angles), dim=1)[:, None]
