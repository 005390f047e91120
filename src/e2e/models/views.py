"""How a network looks at a sparse frame. The view is made inside the network, so every bundle takes the same inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from e2e.contract import FrameSpec


class ImageView(nn.Module):
    """Sparse pixels -> dense image: a scatter of the occupied pixels into zeros."""

    def __init__(self, frame: FrameSpec) -> None:
        super().__init__()
        self.shape = frame.shape
        self.num_pixels = frame.num_pixels

    def forward(self, pixel_index: Tensor, pixel_value: Tensor) -> Tensor:
        """pixel_index, pixel_value: float32 (batch, pixels), padding has a negative index.

        Returns (batch, channels, rows, columns) in the units of the frame.
        """
        is_padding = pixel_index < 0
        index = torch.where(is_padding, self.num_pixels, pixel_index).to(torch.int64)  # padding: one pixel past the end
        empty = pixel_value.new_zeros(pixel_index.shape[0], self.num_pixels + 1)
        flat = empty.scatter_add(1, index, torch.where(is_padding, 0.0, pixel_value))
        return flat[:, : self.num_pixels].reshape(-1, *self.shape)
