"""Image networks of the `transformers` library on the dense image: the field that ours is measured against.

The library is imported when one of them is built. Weights begin at random: nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from e2e.models.base import TRANSFORMER_SIZES, ModelConfig, PixelFeatures, SeedFeatures
from e2e.models.views import ImageView


class Backbone(NamedTuple):
    """prefix: of the library's classes. numbers: of its configuration. reading: what becomes the summary of an image.
    has_pooler: a layer that it would add, which nothing here reads."""

    prefix: str
    numbers: Callable[[ImageNetworkConfig], dict[str, Any]]
    reading: Literal["class token", "mean", "pooled"] = "mean"
    has_pooler: bool = False


def _vit(config: ImageNetworkConfig) -> dict[str, Any]:
    return {
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "intermediate_size": 2 * config.width,
        "patch_size": config.patch,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }


def _dinov3(config: ImageNetworkConfig) -> dict[str, Any]:
    return {
        **_vit(config),
        "num_register_tokens": 2,
        "use_gated_mlp": True,
        "drop_path_rate": 0.0,
        "pos_embed_rescale": None,
    }


def _swin(config: ImageNetworkConfig) -> dict[str, Any]:
    stages = 2 if config.patch < 5 else 3
    return {
        "embed_dim": config.width // 2 ** (stages - 1),
        "depths": [2] * stages,
        "num_heads": [max(config.heads // 2**stage, 1) for stage in reversed(range(stages))],
        "window_size": 4 if config.patch < 5 else 5,
        "mlp_ratio": 2.0,
        "patch_size": config.patch,
        "drop_path_rate": 0.0,
    }


def _convnext(config: ImageNetworkConfig) -> dict[str, Any]:
    widths = [config.width // 4, config.width // 2, config.width]
    return {
        "hidden_sizes": widths,
        "depths": [2] * len(widths),
        "num_stages": len(widths),
        "patch_size": max(config.patch // 2, 1),
        "drop_path_rate": 0.0,
    }


def _pvt(config: ImageNetworkConfig) -> dict[str, Any]:
    first = max(config.patch, 2)
    return {
        "num_encoder_blocks": 3,
        "depths": [1, 2, 2],
        "sr_ratios": [4, 2, 1],
        "hidden_sizes": [config.width // 4, config.width // 2, config.width],
        "patch_sizes": [2 * first - 1, 3, 3],
        "strides": [first, 2, 2],
        "num_attention_heads": [1, 2, config.heads],
        "mlp_ratios": [2, 2, 2],
        "drop_path_rate": 0.0,
    }


def _cvt(config: ImageNetworkConfig) -> dict[str, Any]:
    return {
        "patch_sizes": [2 * config.patch - 1, 3, 3],
        "patch_stride": [config.patch, 2, 2],
        "patch_padding": [config.patch - 1, 1, 1],
        "embed_dim": [config.width // 4, config.width // 2, config.width],
        "num_heads": [1, 2, config.heads],
        "depth": [1, 2, 3],
        "mlp_ratio": [2.0, 2.0, 2.0],
        "drop_path_rate": [0.0, 0.0, 0.0],
        "drop_rate": [0.0, 0.0, 0.0],
        "attention_drop_rate": [0.0, 0.0, 0.0],
    }


BACKBONES: dict[str, Backbone] = {
    "vit": Backbone("ViT", _vit, "class token", has_pooler=True),
    "deit": Backbone("DeiT", _vit, "class token", has_pooler=True),
    "dinov3": Backbone("DINOv3ViT", _dinov3, "class token"),
    "swinv2": Backbone("Swinv2", _swin, has_pooler=True),
    "convnextv2": Backbone("ConvNextV2", _convnext, "pooled"),
    "pvtv2": Backbone("PvtV2", _pvt),
    "cvt": Backbone("Cvt", _cvt),
}


@dataclass(frozen=True, kw_only=True)
class ImageNetworkConfig(ModelConfig):
    """backbone: of BACKBONES. patch: rows and columns of a patch, or the stride of the first convolution. width: of the
    last stage."""

    features: tuple[str, ...] = ("value", "log", "occupied")
    backbone: str = "vit"
    patch: int = 5
    width: int = 128
    depth: int = 4
    heads: int = 4

    SIZES: ClassVar[dict[str, dict[str, Any]]] = TRANSFORMER_SIZES


class ImageNetwork(nn.Module):
    """Dense image -> backbone -> class token, or the mean over its places -> the answers."""

    def __init__(self, config: ImageNetworkConfig) -> None:
        super().__init__()
        import transformers

        if config.backbone not in BACKBONES:
            raise ValueError(f"unknown backbone {config.backbone!r}; known: {', '.join(BACKBONES)}")
        backbone = BACKBONES[config.backbone]
        self.config = config
        self.pixels, self.view, self.seed = PixelFeatures(config), ImageView(config.frame), SeedFeatures(config)
        size = (config.frame.rows, config.frame.columns)
        numbers = {**backbone.numbers(config), "image_size": size, "num_channels": config.num_planes}
        described = getattr(transformers, f"{backbone.prefix}Config")(**numbers)
        without = {"add_pooling_layer": False} if backbone.has_pooler else {}
        self.backbone = getattr(transformers, f"{backbone.prefix}Model")(described, **without)
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(not name.endswith("mask_token"))  # for pre-training alone
            if config.backbone == "swinv2" and "layernorm_" in name:
                nn.init.zeros_(parameter)  # of residual branches, as published (arXiv:2111.09883); the library has ones
        self.reading = backbone.reading
        self.head = nn.Linear(config.width + self.seed.size, config.num_outputs)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and the seed's (row, column) (batch, 2) -> (batch, outputs), before any activation."""
        image = self.view(pixel_index, self.pixels(pixel_index, pixel_value))  # (batch, planes, rows, columns)
        found = self.backbone(image)
        if self.reading == "pooled":
            summary = found.pooler_output
        elif self.reading == "class token":
            summary = found.last_hidden_state[:, 0]
        else:  # (batch, places, width) or (batch, width, rows, columns)
            places = found.last_hidden_state
            summary = places.mean(dim=1 if places.ndim == 3 else (2, 3))
        return self.head(torch.cat((summary, self.seed(seed)), dim=1))
