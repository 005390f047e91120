"""What every network has: a frame, numbers for its pixels, the seed beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from e2e.contract import CHANNELS, FrameSpec

FEATURES = ("value", "log", "occupied")
# of every transformer of patches; the pyramids take the width of their last stage and a depth of their own
TRANSFORMER_SIZES: dict[str, dict[str, Any]] = {
    "nano": {"width": 32, "depth": 2, "heads": 2},
    "tiny": {"width": 64, "depth": 3, "heads": 4},
    "small": {"width": 128, "depth": 4, "heads": 4},
    "base": {"width": 256, "depth": 6, "heads": 8},
}

LOG_GAIN = 100.0  # the logarithm bends at a hundredth of the value that the scale makes 1
LOG_SCALE = 4.0  # of the feature "log", which is then of order one


@dataclass(frozen=True)
class ModelConfig:
    """Numbers that every family takes.

    input_scale: factor for each channel of the frame, so that values are of order one; inside the exported graph.
    log_channels: those of the frame whose value goes on as log(1 + |x|) of the scaled value, for long tails whose sign
    says little: what adds pixels up before anything else happens would cancel signs.
    features: of FEATURES, what is told of each pixel: its scaled value; a logarithm of it, which shows the faint beside
    the bright; and that it is occupied.
    sees_phi: the seed's column is told as well as its row, as in the published networks; else turning an event
    about the beam leaves the answer alone.
    """

    frame: FrameSpec
    input_scale: tuple[float, ...]
    num_outputs: int = 1
    log_channels: tuple[str, ...] = ()
    features: tuple[str, ...] = ("value",)
    sees_phi: bool = False

    def __post_init__(self) -> None:
        if len(self.input_scale) != len(self.frame.channels):
            raise ValueError(f"{len(self.input_scale)} input scales for channels {self.frame.channels}")
        if not self.features or not set(self.features) <= set(FEATURES):
            raise ValueError(f"features {self.features} must be some of {', '.join(FEATURES)}")

    @property
    def num_planes(self) -> int:
        """Numbers told of a pixel's place, over all channels."""
        return len(self.features) * len(self.frame.channels)


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


class PixelFeatures(nn.Module):
    """Raw pixels -> numbers of order one, on the occupied pixels alone."""

    scale: Tensor
    is_log: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.frame, self.features = config.frame, config.features
        self.has_logs = bool(config.log_channels)
        self.register_buffer("scale", torch.tensor(config.input_scale), persistent=False)
        is_log = torch.tensor([channel in config.log_channels for channel in self.frame.channels])
        self.register_buffer("is_log", is_log, persistent=False)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> tuple[Tensor, ...]:
        """pixel_index, pixel_value: float32 (batch, pixels), -1 and 0 in padding.

        Returns a tensor (batch, pixels) for each feature, 0 in padding.
        """
        value = scaled = pixel_value * of_channel(self.scale, self.frame, pixel_index)
        if self.has_logs:
            is_log = of_channel(self.is_log, self.frame, pixel_index)
            value = torch.where(is_log, torch.log1p(scaled.abs()), scaled)
        known = {
            "value": lambda: value,
            "log": lambda: signed_log(scaled) / LOG_SCALE,
            "occupied": lambda: (pixel_index >= 0).to(scaled.dtype),
        }
        return tuple(known[name]() for name in self.features)


def signed_log(scaled: Tensor) -> Tensor:
    """A logarithm of the size, with the sign: log(1 + 100 |x|)."""
    return torch.log1p(LOG_GAIN * scaled.abs()) * torch.sign(scaled)


def signed_exp(logarithm: Tensor) -> Tensor:
    """The inverse of `signed_log`."""
    return torch.expm1(logarithm.abs()) * torch.sign(logarithm) / LOG_GAIN


def of_channel(numbers: Tensor, frame: FrameSpec, pixel_index: Tensor) -> Tensor:
    """That of each pixel's channel, in padding any. numbers: (channels,). pixel_index: float32 (batch, pixels)."""
    if len(numbers) == 1:
        return numbers
    return of_pixels(lambda channel, row, column: (numbers[channel],), (0,), frame, pixel_index)[0]


def of_pixels(
    function: Callable[[Tensor, Tensor, Tensor], Sequence[Tensor]],
    of_padding: Sequence[int],
    frame: FrameSpec,
    pixel_index: Tensor,
) -> tuple[Tensor, ...]:
    """Each of the results of `function`, (batch, pixels), and what stands in padding.

    function: of channels, rows and columns, int64, one by one. pixel_index: float32 (batch, pixels), -1 in padding.
    In an ONNX file each is a table of all pixels and one more, the last, which -1 finds: as a recipe, for the table
    would outweigh the parameters. A runtime makes it once.
    """
    index = pixel_index.to(torch.int64)
    if not torch.onnx.is_in_onnx_export():
        pixel = index.clamp(min=0)
        row = pixel // frame.columns
        found = function(row // frame.rows, row % frame.rows, pixel % frame.columns)
        return tuple(each.masked_fill(index < 0, other) for each, other in zip(found, of_padding, strict=True))
    channel, row, column = (torch.arange(count, device=index.device) for count in frame.shape)
    tables = []
    for each, other in zip(function(channel[:, None, None], row[:, None], column), of_padding, strict=True):
        tables.append(torch.cat((each.expand(frame.shape).flatten(), each.new_full((1,), other))))
    return tuple(torch.take(table, index) for table in tables)


class PixelEnergies(nn.Module):
    """The size of what is an energy or a momentum, scaled; 0 for pixels of other channels."""

    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.frame = config.frame
        scales = zip(self.frame.channels, config.input_scale, strict=True)
        scale = [scale if CHANNELS[name].unit == "GeV" else 0.0 for name, scale in scales]
        self.register_buffer("scale", torch.tensor(scale), persistent=False)

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> Tensor:
        """(batch, pixels) twice, -1 and 0 in padding -> (batch, pixels)."""
        return (pixel_value * of_channel(self.scale, self.frame, pixel_index)).abs()


class SeedFeatures(nn.Module):
    """The seed's place on the grid, each coordinate from 0 to 1."""

    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        grid = config.frame.parent
        self.size = 2 if config.sees_phi else 1
        self.register_buffer("scale", torch.tensor([1 / grid.rows, 1 / grid.columns])[: self.size], persistent=False)

    def forward(self, seed: Tensor) -> Tensor:
        """seed: (batch, 2), row and column -> (batch, size)."""
        return seed[:, : self.size] * self.scale
