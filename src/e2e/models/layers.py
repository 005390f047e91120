"""Blocks that the transformers share: pre-norm attention and feed-forward, over tokens some of which are padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class BlockConfig:
    """width: numbers of a token, shared by `heads`. layer_scale: where the factors of the branches begin; 0: none."""

    width: int
    heads: int
    mlp_ratio: float = 2.0
    norm: Literal["rms", "layer"] = "rms"
    mlp: Literal["gelu", "swiglu"] = "gelu"
    has_qk_norm: bool = True
    layer_scale: float = 0.0

    def make_norm(self, width: int) -> nn.Module:
        return nn.RMSNorm(width, eps=1e-6) if self.norm == "rms" else nn.LayerNorm(width, eps=1e-6)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), each with its own scale of the branch."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.attention_norm = config.make_norm(config.width)
        self.attention = Attention(config)
        self.attention_scale = LayerScale(config)
        self.mlp_norm = config.make_norm(config.width)
        self.mlp = make_mlp(config)
        self.mlp_scale = LayerScale(config)

    def forward(self, x: Tensor, mask: Tensor | None, rotation: Tensor | None = None) -> Tensor:
        """x: (batch, tokens, width). mask: see `Attention`."""
        x = x + self.attention_scale(self.attention(self.attention_norm(x), mask, rotation))
        return x + self.mlp_scale(self.mlp(self.mlp_norm(x)))


class Attention(nn.Module):
    """Scaled dot-product attention; queries and keys are normalised, so that their products stay bounded."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.heads, self.size = config.heads, config.width // config.heads
        if config.width % config.heads:
            raise ValueError(f"a width of {config.width} is not shared evenly by {config.heads} heads")
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.q_norm = config.make_norm(self.size) if config.has_qk_norm else nn.Identity()
        self.k_norm = config.make_norm(self.size) if config.has_qk_norm else nn.Identity()
        self.out = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, mask: Tensor | None, rotation: Tensor | None = None) -> Tensor:
        """x: (batch, tokens, width). mask: added to the scores, -inf for keys that are padding; any shape that spreads
        to (batch, heads, tokens, tokens). rotation: (batch, 1, tokens, size), see `rotate`."""
        batch, tokens, width = x.shape
        heads = self.qkv(x).reshape(batch, tokens, 3 * self.heads, self.size).transpose(1, 2)
        q, k, v = heads.chunk(3, dim=1)
        q, k = self.q_norm(q), self.k_norm(k)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        # a copy whatever the kernel's layout was: the exporter's decomposition gives another
        return self.out(mixed.transpose(1, 2).clone(memory_format=torch.contiguous_format).view(batch, tokens, width))


class CrossBlock(nn.Module):
    """x + attention of norm(x) to a memory, then x + mlp(norm(x)): what asks does not see what else is asked.

    Source: Fu et al., CrossMAE, arXiv:2401.14391.
    """

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.heads, self.size, width = config.heads, config.width // config.heads, config.width
        self.attention_norm = config.make_norm(width)
        self.q, self.kv = nn.Linear(width, width, bias=False), nn.Linear(width, 2 * width, bias=False)
        self.q_norm, self.k_norm = config.make_norm(self.size), config.make_norm(self.size)
        self.out = nn.Linear(width, width)
        self.mlp_norm = config.make_norm(width)
        self.mlp = make_mlp(config)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """x: (batch, queries, width). memory: (batch, tokens, width). mask: of the memory, see `Attention`."""
        (batch, queries, width), tokens = x.shape, memory.shape[1]
        q = self.q(self.attention_norm(x)).reshape(batch, queries, self.heads, self.size).transpose(1, 2)
        k, v = self.kv(memory).reshape(batch, tokens, 2, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v, attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, queries, width))
        return x + self.mlp(self.mlp_norm(x))


class LayerScale(nn.Module):
    """A learnt factor for each number of a residual branch, near zero at first, so that deep networks begin shallow."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((config.width,), config.layer_scale)) if config.layer_scale else None

    def forward(self, x: Tensor) -> Tensor:
        return x if self.factor is None else x * self.factor


class SwiGLU(nn.Module):
    """Source: Shazeer, arXiv:2002.05202; two thirds of the hidden width, so that it costs what the plain one does."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        hidden = 2 * hidden // 3
        self.gate_and_value = nn.Linear(width, 2 * hidden)
        self.out = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.gate_and_value(x).chunk(2, dim=-1)
        return self.out(functional.silu(gate) * value)


def make_mlp(config: BlockConfig) -> nn.Module:
    hidden = int(config.mlp_ratio * config.width)
    if config.mlp == "swiglu":
        return SwiGLU(config.width, hidden)
    return plain_mlp(config.width, hidden)


def plain_mlp(width: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


def padding_mask(is_padding: Tensor, num_prefix: int = 0) -> Tensor:
    """(batch, tokens) -> (batch, 1, 1, num_prefix + tokens): 0, and -inf for padding. Some must not be padding."""
    mask = torch.where(is_padding[:, None, None, :], float("-inf"), 0.0)
    return functional.pad(mask, (num_prefix, 0)) if num_prefix else mask


def rotary_angles(grid: tuple[int, int], size: int, slowest: float = 1 / 32) -> Tensor:
    """Angles of the places of a grid, and zeros for one place more: (places + 1, size / 2), half for rows and half for
    columns; attention then depends on how far two tokens are apart. Source: Heo et al., arXiv:2403.13298."""
    quarter = size // 4
    frequency = torch.pi / 2 * slowest ** (torch.arange(quarter) / max(quarter - 1, 1))
    row, column = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in grid), indexing="ij")
    angles = torch.cat([place.reshape(-1, 1) * frequency for place in (row, column)], dim=1)
    return torch.cat((angles, torch.zeros(1, angles.shape[1])))


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turn each pair of numbers by its angle. x: (..., tokens, size); angle: (..., tokens, size / 2)."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)
