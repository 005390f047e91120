"""Networks. Each takes sparse frames in raw units and is built from numbers, never from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from torch import nn

from e2e.contract import FrameSpec, GraphSpec
from e2e.models.base import ModelConfig, count_parameters
from e2e.models.conv import ConvConfig, ConvNet
from e2e.models.graph import LAYERS, GraphConfig, GraphNetwork
from e2e.models.hugging_face import BACKBONES, ImageNetwork, ImageNetworkConfig
from e2e.models.hybrid import Hybrid, HybridConfig
from e2e.models.particle_net import ParticleNet, ParticleNetConfig
from e2e.models.particle_transformer import ParticleTransformer, ParticleTransformerConfig
from e2e.models.pixel_hybrid import PixelHybrid, PixelHybridConfig
from e2e.models.resnet import ResNet15, ResNet15Config
from e2e.models.sparse_vit import SparseViT, SparseViTConfig

# family -> (configuration, network)
MODELS: dict[str, tuple[Any, Any]] = {
    "resnet15": (ResNet15Config, ResNet15),
    "sparse-vit": (SparseViTConfig, SparseViT),
    "hybrid": (HybridConfig, Hybrid),
    "pixel-hybrid": (PixelHybridConfig, PixelHybrid),
    "conv": (ConvConfig, ConvNet),
    "graph": (GraphConfig, GraphNetwork),
    "image": (ImageNetworkConfig, ImageNetwork),
    "particle-net": (ParticleNetConfig, ParticleNet),
    "particle-transformer": (ParticleTransformerConfig, ParticleTransformer),
}

# what `find_model` knows: name -> family and its numbers, sizes and frames apart
_NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in MODELS if family not in ("graph", "image")},
    **{layer: ("graph", {"layer": layer}) for layer in LAYERS},
    **{backbone: ("image", {"backbone": backbone}) for backbone in BACKBONES},
}


def model_names() -> list[str]:
    """Every network that `find_model` knows, in each of its sizes."""
    names = []
    for name, (family, _) in _NAMED.items():
        sizes = getattr(MODELS[family][0], "SIZES", {})
        names += [f"{name}-{size}" for size in sizes] or [name]
    return names


def find_model(name: str) -> tuple[str, dict[str, Any]]:
    """Family and numbers of a network such as `resnet15`, `sparse-vit-small` or `swinv2-tiny`.

    Raises ValueError for a name that is not known.
    """
    if name not in model_names():
        raise ValueError(f"unknown model {name!r}; known: {', '.join(model_names())}")
    kind, _, size = name.rpartition("-") if name not in _NAMED else (name, "", "")
    family, numbers = _NAMED[kind]
    return family, {**numbers, **(MODELS[family][0].SIZES[size] if size else {})}


def numbers_for(family: str, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `numbers` that a network of the family takes."""
    known = {field.name for field in fields(MODELS[family][0])}
    return {name: value for name, value in numbers.items() if name in known}


def build_model(family: str, frame: FrameSpec, config: dict[str, Any]) -> nn.Module:
    """A freshly initialised network; config: the family's numbers, as `describe_config` gives them.

    Raises ValueError for an unknown family or number.
    """
    if family not in MODELS:
        raise ValueError(f"unknown model family {family!r}; known: {', '.join(MODELS)}")
    config_type, network = MODELS[family]
    numbers: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in config.items()}
    try:
        return network(config_type(frame=frame, **numbers))
    except TypeError as error:
        raise ValueError(f"{family}: {error}") from None


def graph_of(network: nn.Module) -> GraphSpec | None:
    """Of a network that takes the neighbours of its nodes beside the pixels; None: of pixels alone."""
    return getattr(getattr(network, "config", None), "graph", None)


def describe_config(config: ModelConfig) -> dict[str, Any]:
    """JSON numbers that `build_model` takes; the frame travels apart."""
    return {name: value for name, value in asdict(config).items() if name != "frame"}


__all__ = [
    "MODELS",
    "ModelConfig",
    "build_model",
    "count_parameters",
    "describe_config",
    "find_model",
    "graph_of",
    "model_names",
    "numbers_for",
]
