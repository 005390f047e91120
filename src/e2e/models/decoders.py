"""What turns a memory, or a feature vector, back into patches of an image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract import FrameSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.models.conv import map_sizes, map_widths
from e2e.models.layers import BlockConfig, CrossBlock
from e2e.models.views import PatchView

DecoderKind = Literal["cross", "convolution"]
DECODERS: tuple[DecoderKind, ...] = get_args(DecoderKind)

_RARE = -3.0  # where the logits of occupancies begin: 5 %


@dataclass(frozen=True)
class DecoderConfig:
    """features: length of the vector, which is then all that the decoder sees; 0: it sees the encoder's tokens.

    kind: `cross`, each place asked for looks at a memory; `convolution`, of a vector alone, the image grows from a few
    pixels. width, depth, heads: of `cross`; memory: tokens that the vector becomes. width, hidden: of `convolution`,
    maps at full size and numbers of its first layer. variational: the encoder says a mean and a width for each feature.
    """

    features: int = 0
    width: int = 64
    depth: int = 2
    heads: int = 4
    memory: int = 8
    kind: DecoderKind = "cross"
    hidden: int = 256
    variational: bool = False

    def __post_init__(self) -> None:
        if self.features < 0 or min(self.width, self.depth, self.heads, self.memory, self.hidden) < 1:
            raise ValueError(f"{self} must be positive, features may be 0")
        if self.kind not in DECODERS:
            raise ValueError(f"unknown decoder {self.kind!r}; known: {', '.join(DECODERS)}")
        if not self.features and (self.variational or self.kind != "cross"):
            raise ValueError("a decoder of tokens is of the kind cross and not variational; give features")

    @property
    def num_outputs(self) -> int:
        """Of the encoder's head."""
        return max(self.features, 1) * (2 if self.variational else 1)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Patches(NamedTuple):
    """What is in patches: (batch, places asked, numbers of a patch) twice, ordered by channel, row, column.

    occupancy: as predicted a logit, as truth 0 or 1. logarithm: `signed_log` of the scaled value where there is one.
    divergence: (batch,) of the distribution of a variational vector that they were predicted from to its prior, nats.
    """

    occupancy: Tensor
    logarithm: Tensor
    divergence: Tensor | None = None


class CrossDecoder(nn.Module):
    """Asked for places, each looks at a memory alone: the encoder's tokens, or those made of the feature vector."""

    output_of: Tensor

    def __init__(self, config: DecoderConfig, width_in: int, view: PatchView) -> None:
        super().__init__()
        width = config.width
        self.features, self.memory = config.features, config.memory
        self.embed = nn.Linear(self.features, self.memory * width) if self.features else nn.Linear(width_in, width)
        self.position = nn.Embedding(view.num_places + 1, width)
        nn.init.normal_(self.position.weight, std=0.02)
        block = BlockConfig(width, config.heads)
        self.blocks = nn.ModuleList(CrossBlock(block) for _ in range(config.depth))
        self.norm = block.make_norm(width)
        output_of = one_for_each_tower(view.frame, view.patch)
        self.register_buffer("output_of", output_of, persistent=False)
        num_outputs = int(output_of.max()) + 1
        self.occupancy, self.logarithm = nn.Linear(width, num_outputs), nn.Linear(width, num_outputs)
        nn.init.constant_(self.occupancy.bias, _RARE)

    def forward(self, seen: Tensor, mask: Tensor | None, place: Tensor) -> Patches:
        """seen: tokens (batch, tokens, width in), or the vector (batch, features). mask: of the tokens."""
        memory = self.embed(seen)
        if self.features:
            memory = memory.reshape(len(seen), self.memory, -1)
        x = self.position(place)
        for block in self.blocks:
            x = block(x, memory, mask)
        x = self.norm(x)
        return Patches(self.occupancy(x)[:, :, self.output_of], self.logarithm(x)[:, :, self.output_of])


class ConvDecoder(nn.Module):
    """The feature vector becomes a few pixels of many maps, and these an image, twice as large at each step.

    The mirror image of `ConvNet`; steps by sub-pixel convolutions (Shi et al., arXiv:1609.05158).
    """

    output_of: Tensor
    share: Tensor

    def __init__(self, config: DecoderConfig, view: PatchView) -> None:
        super().__init__()
        self.view, self.num_channels = view, len(view.frame.channels)
        self.sizes = map_sizes(view.frame)
        widths = map_widths(config.width, len(self.sizes))
        self.first_shape = widths[-1], *self.sizes[-1]
        self.hidden = nn.Linear(config.features, config.hidden)
        self.spread = nn.Linear(config.hidden, widths[-1] * self.sizes[-1][0] * self.sizes[-1][1])
        steps = (nn.Conv2d(wide, 4 * narrow, 3, padding=1) for wide, narrow in pairwise(widths[::-1]))
        self.steps = nn.ModuleList(steps)
        self.out = nn.Conv2d(widths[0], 2 * self.num_channels, 3, padding=1)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias[: self.num_channels] = _RARE
        output_of = one_for_each_tower(view.frame, view.patch)
        self.register_buffer("output_of", output_of, persistent=False)
        self.register_buffer("share", 1 / torch.bincount(output_of), persistent=False)

    def forward(self, seen: Tensor, mask: Tensor | None, place: Tensor) -> Patches:
        """seen: the vector (batch, features). mask: None."""
        x = functional.gelu(self.spread(functional.gelu(self.hidden(seen)))).reshape(-1, *self.first_shape)
        for step, (rows, columns) in zip(self.steps, self.sizes[-2::-1], strict=True):
            x = functional.gelu(functional.pixel_shuffle(step(x), 2)[:, :, :rows, :columns])
        patches = (self._asked(image, place) for image in self.out(x).chunk(2, dim=1))
        return Patches(*patches)

    def _asked(self, image: Tensor, place: Tensor) -> Tensor:
        """(batch, channels, rows, columns) -> (batch, places asked, numbers of a patch), the mean of each tower."""
        patches = functional.pad(self.view.cut(image), (0, 0, 0, 1))
        asked = patches.gather(1, place[:, :, None].expand(-1, -1, patches.shape[2]))
        summed = asked.new_zeros(*place.shape, len(self.share)).index_add(2, self.output_of, asked)
        return (summed * self.share)[:, :, self.output_of]


def make_decoder(config: DecoderConfig, width_in: int, view: PatchView) -> nn.Module:
    """width_in: of the encoder's tokens."""
    return ConvDecoder(config, view) if config.kind == "convolution" else CrossDecoder(config, width_in, view)


def one_for_each_tower(frame: FrameSpec, patch: int) -> Tensor:
    """Which output each number of a patch takes: its own, but one for all pixels over which a tower is spread."""
    own = torch.arange(patch**2)
    row, column = own // patch // HCAL_UPSAMPLING, own % patch // HCAL_UPSAMPLING
    tower = row * (patch // HCAL_UPSAMPLING) + column
    outputs, first = [], 0
    for is_coarse in frame.is_coarse:
        one = tower if is_coarse and patch % HCAL_UPSAMPLING == 0 else own
        outputs.append(first + one)
        first += int(one.max()) + 1
    return torch.cat(outputs)
