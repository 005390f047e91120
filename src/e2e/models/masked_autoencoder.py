"""A transformer of patches that learns without labels: from what it sees of a candidate, what is where.

The encoder is a network of `MODELS` and takes its input, so that hiding pixels hides whole tokens from it, which then
cost nothing. The decoder answers for any places, each apart from the others: from the encoder's tokens (pre-training;
He et al., arXiv:2111.06377) or from the feature vector alone (a codec).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from e2e.contract import FrameSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.models import build_model
from e2e.models.base import LOG_SCALE, PixelFeatures, signed_exp
from e2e.models.layers import BlockConfig, CrossBlock, padding_mask
from e2e.models.sparse_vit import TokenNetwork
from e2e.models.views import PatchView, occupied_places

ENCODERS = ("sparse-vit", "hybrid")  # families whose networks give tokens

LARGEST_LOGARITHM = 12.0  # of a scaled value: 1,600 times what is of order one
_RARE = -3.0  # where the logits of occupancies begin: 5 %


@dataclass(frozen=True)
class DecoderConfig:
    """features: length of the vector, which is then all that the decoder sees; 0: it sees the encoder's tokens.
    memory: tokens that the vector becomes."""

    features: int = 0
    width: int = 64
    depth: int = 2
    heads: int = 4
    memory: int = 8

    def __post_init__(self) -> None:
        if self.features < 0 or min(self.width, self.depth, self.heads, self.memory) < 1:
            raise ValueError(f"{self} must be positive, features may be 0")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Patches(NamedTuple):
    """What is in patches: (batch, places asked, numbers of a patch) twice, ordered by channel, row, column.

    occupancy: as predicted a logit, as truth 0 or 1. logarithm: `signed_log` of the scaled value where there is one.
    """

    occupancy: Tensor
    logarithm: Tensor


class MaskedAutoencoder(nn.Module):
    """backbone: its head gives the feature vector; without one (`features` 0) it is not used."""

    scale: Tensor

    def __init__(self, backbone: TokenNetwork, decoder: DecoderConfig) -> None:
        super().__init__()
        config = backbone.config
        self.backbone, self.features, frame = backbone, decoder.features, config.frame
        self.view = PatchView(frame, backbone.token_pixels)
        self.truth_of_pixels = PixelFeatures(replace(config, features=("occupied", "log")))
        self.decoder = Decoder(decoder, config.width, frame, self.view)
        self.register_buffer("scale", torch.tensor(config.input_scale), persistent=False)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor, place: Tensor) -> Patches:
        """The patches at `place` (batch, places asked), from visible pixels and the seed, see `TokenNetwork`."""
        if self.features:
            return self.decoder(self.vector(pixel_index, pixel_value, seed), None, place)
        tokens = self.backbone.tokens(pixel_index, pixel_value)
        memory = self.backbone.encoder.attend(*tokens)
        return self.decoder(memory, padding_mask(tokens.is_padding, self.backbone.encoder.num_prefix), place)

    def vector(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, features); of a network that has a feature vector."""
        return self.backbone(pixel_index, pixel_value, seed)

    def truth(self, pixel_index: Tensor, pixel_value: Tensor, place: Tensor) -> Patches:
        """What is at `place`; nothing where `place` is padding."""
        tokens = self.view(pixel_index, self.truth_of_pixels(pixel_index, pixel_value))
        _, slot_at = occupied_places(tokens.place, self.view.num_places, tokens.place.shape[1])
        slot = slot_at.gather(1, place)[:, :, None].expand(-1, -1, tokens.values.shape[2])
        nothing = tokens.values.new_zeros(len(place), 1, tokens.values.shape[2])
        found = torch.cat((tokens.values, nothing), dim=1).gather(1, slot)
        occupancy, logarithm = found.chunk(2, dim=2)
        return Patches(occupancy, LOG_SCALE * logarithm)

    def image(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Probability that a pixel is occupied and the value it then has, in raw units: (batch, channels, rows,
        columns) both. vector: (batch, features)."""
        place = torch.arange(self.view.num_places, device=vector.device).expand(len(vector), -1)
        patches = self.decoder(vector, None, place)
        value = signed_exp(patches.logarithm.clamp(-LARGEST_LOGARITHM, LARGEST_LOGARITHM))
        images = (self._to_image(torch.sigmoid(patches.occupancy)), self._to_image(value))
        return images[0], images[1] / self.scale[:, None, None]

    def _to_image(self, patches: Tensor) -> Tensor:
        frame, patch, (rows, columns) = self.view.frame, self.view.patch, self.view.grid
        cut = patches.reshape(-1, rows, columns, len(frame.channels), patch, patch).permute(0, 3, 1, 4, 2, 5)
        whole = cut.reshape(-1, len(frame.channels), rows * patch, columns * patch)
        return whole[:, :, : frame.rows, : frame.columns]


class Decoder(nn.Module):
    """Asked for places, looks at a memory alone: the encoder's tokens, or those made of the feature vector."""

    output_of: Tensor

    def __init__(self, config: DecoderConfig, width_in: int, frame: FrameSpec, view: PatchView) -> None:
        super().__init__()
        width = config.width
        self.features, self.memory = config.features, config.memory
        self.embed = nn.Linear(self.features, self.memory * width) if self.features else nn.Linear(width_in, width)
        self.position = nn.Embedding(view.num_places + 1, width)
        nn.init.normal_(self.position.weight, std=0.02)
        block = BlockConfig(width, config.heads)
        self.blocks = nn.ModuleList(CrossBlock(block) for _ in range(config.depth))
        self.norm = block.make_norm(width)
        output_of = one_for_each_tower(frame, view.patch)
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


def build_autoencoder(
    family: str, frame: FrameSpec, config: dict[str, Any], decoder: DecoderConfig
) -> MaskedAutoencoder:
    """family, of ENCODERS, and config: of the encoder, see `e2e.models.build_model`; its outputs are the features.

    Raises ValueError for another family, an unknown number, or outputs that are not the decoder's features.
    """
    if family not in ENCODERS:
        raise ValueError(f"no encoder {family!r}; known: {', '.join(ENCODERS)}")
    backbone: Any = build_model(family, frame, config)
    if decoder.features and backbone.config.num_outputs != decoder.features:
        raise ValueError(f"{backbone.config.num_outputs} outputs of the encoder for {decoder.features} features")
    return MaskedAutoencoder(backbone, decoder)


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
