"""Networks. Each takes sparse frames in raw units and is built from numbers, never from a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from torch import nn

from e2e.contract import FrameSpec
from e2e.models.resnet import ResNet15, ResNet15Config
from e2e.models.views import ImageView

# family -> (configuration, network)
MODELS: dict[str, tuple[type[ResNet15Config], type[ResNet15]]] = {"resnet15": (ResNet15Config, ResNet15)}


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


def describe_config(config: ResNet15Config) -> dict[str, Any]:
    """JSON numbers that `build_model` takes; the frame travels apart."""
    return {name: value for name, value in asdict(config).items() if name != "frame"}


__all__ = ["MODELS", "ImageView", "ResNet15", "ResNet15Config", "build_model", "describe_config"]
