"""An encoder, a feature vector or tokens, a decoder: learns without labels what of a candidate is where.

The encoder is a network of `MODELS` and takes its input. One of patches is pre-trained by hiding pixels, and so whole
tokens, which then cost nothing (He et al., arXiv:2111.06377): the decoder sees its tokens. With a feature vector in the
middle, of any encoder, it is a codec.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from e2e.contract import FrameSpec
from e2e.models import build_model, find_model, model_names
from e2e.models.base import LOG_SCALE, PixelFeatures, signed_exp
from e2e.models.conv import ConvConfig
from e2e.models.decoders import DecoderConfig, Patches, make_decoder
from e2e.models.layers import padding_mask
from e2e.models.views import PatchView, occupied_places

_DENSE_FAMILY = "conv"
TOKEN_ENCODERS = ("sparse-vit", "hybrid")  # families of tokens that can be pre-trained by hiding some
ENCODERS = (*TOKEN_ENCODERS, _DENSE_FAMILY)
# dense autoencoders and what is particular of their decoders
_DENSE: dict[str, dict[str, Any]] = {"conv-autoencoder": {}, "conv-vae": {"variational": True}}

LARGEST_LOGARITHM = 12.0  # of a scaled value: 1,600 times what is of order one
_WIDEST = 10.0  # logarithm of a variance


class Autoencoder(nn.Module):
    """backbone: its head gives the feature vector; without one (`features` 0) it is not used."""

    scale: Tensor

    def __init__(self, backbone: Any, decoder: DecoderConfig) -> None:
        super().__init__()
        config = backbone.config
        self.backbone, self.features, frame = backbone, decoder.features, config.frame
        self.is_variational = decoder.variational
        self.view = PatchView(frame, getattr(backbone, "token_pixels", None) or config.patch)
        self.truth_of_pixels = PixelFeatures(replace(config, features=("occupied", "log")))
        self.decoder = make_decoder(decoder, config.width, self.view)
        self.register_buffer("scale", torch.tensor(config.input_scale), persistent=False)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor, place: Tensor) -> Patches:
        """The patches at `place` (batch, places asked), from visible pixels and the seed, see `TokenNetwork`."""
        if self.is_variational:
            vector, divergence = drawn(self.backbone(pixel_index, pixel_value, seed), is_random=self.training)
            return self.decoder(vector, None, place)._replace(divergence=divergence)
        if self.features:
            return self.decoder(self.vector(pixel_index, pixel_value, seed), None, place)
        tokens = self.backbone.tokens(pixel_index, pixel_value)
        memory = self.backbone.encoder.attend(*tokens)
        return self.decoder(memory, padding_mask(tokens.is_padding, self.backbone.encoder.num_prefix), place)

    def vector(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, features); of a network that has a feature vector. Of a variational one the mean."""
        return self.backbone(pixel_index, pixel_value, seed)[:, : self.features]

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
        images = (self.view.join(torch.sigmoid(patches.occupancy)), self.view.join(value))
        return images[0], images[1] / self.scale[:, None, None]


def drawn(numbers: Tensor, *, is_random: bool) -> tuple[Tensor, Tensor]:
    """A vector of each candidate's normal distribution, its mean unless random, and the divergence of that from the
    standard one (batch,), nats. numbers: (batch, 2 features), means and logarithms of variances.

    Source: Kingma and Welling, arXiv:1312.6114.
    """
    mean, log_variance = numbers.chunk(2, dim=1)
    log_variance = log_variance.clamp(-_WIDEST, _WIDEST)
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
    if is_random:
        mean = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    return mean, divergence


def build_autoencoder(family: str, frame: FrameSpec, config: dict[str, Any], decoder: DecoderConfig) -> Autoencoder:
    """family and config: of the encoder, see `e2e.models.build_model`; its outputs are the features.

    Raises ValueError for a family that is no encoder, or gives no tokens where the decoder wants them; an unknown
    number; or outputs that are not the decoder's.
    """
    known = ENCODERS if decoder.features else TOKEN_ENCODERS
    if family not in known:
        raise ValueError(f"no encoder {family!r}; known: {', '.join(known)}")
    backbone: Any = build_model(family, frame, config)
    if decoder.features and backbone.config.num_outputs != decoder.num_outputs:
        raise ValueError(f"{backbone.config.num_outputs} outputs of the encoder for {decoder.features} features")
    return Autoencoder(backbone, decoder)


def autoencoder_names() -> list[str]:
    """Every one that `find_autoencoder` knows."""
    names = [name for name in model_names() if find_model(name)[0] in TOKEN_ENCODERS]
    return names + [f"{kind}-{size}" for kind in _DENSE for size in ConvConfig.SIZES]


def find_autoencoder(name: str, features: int) -> tuple[str, dict[str, Any], DecoderConfig]:
    """Family and numbers of the encoder, and the decoder. Raises ValueError for a name that is not known, or a number
    of features that it cannot have."""
    kind, _, size = name.rpartition("-")
    if kind not in _DENSE:
        family, config = find_model(name)
        return family, config, DecoderConfig(features)
    family, config = find_model(f"{_DENSE_FAMILY}-{size}")
    numbers = {"kind": "convolution", "width": config["width"], "hidden": config["hidden"], **_DENSE[kind]}
    return family, config, DecoderConfig(features, **numbers)
