"""Feature vectors as whole numbers of steps, and those as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import e, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.compression.zstd import compress_bytes, decompress_bytes, from_planes, to_planes

FloatArray = NDArray[np.float32]

MAX_RATE = 10.0
_LEVEL = 19  # of zstd: a block of vectors is small, and gains 2 to 17 %
_MOST = (1 << 15) - 1


@dataclass(frozen=True)
class Quantiser:
    """mean, scale: of each feature over candidates; scale is its standard deviation. rate: bits that a feature costs
    if it is Gaussian: the steps are as wide as that takes (an entropy of `rate`), and the same in units of the scale.
    """

    mean: FloatArray
    scale: FloatArray
    rate: float

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MAX_RATE:
            raise ValueError(f"a rate of {self.rate} bits; give one above 0 and up to {MAX_RATE:g}")

    @property
    def step(self) -> FloatArray:
        return np.maximum(self.scale, np.float32(1e-6)) * np.float32(sqrt(2 * pi * e) / 2**self.rate)

    def encode(self, vectors: FloatArray) -> bytes:
        """vectors: (candidates, features)."""
        steps = np.rint((vectors - self.mean) / self.step)
        whole = np.clip(np.nan_to_num(steps), -_MOST, _MOST).astype(np.int32).T  # a feature of all candidates, the next
        zigzag = np.where(whole < 0, -2 * whole - 1, 2 * whole).astype(np.uint16)
        return compress_bytes(to_planes(zigzag.reshape(-1)), _LEVEL)

    def decode(self, code: bytes, count: int) -> FloatArray:
        """(count, features), half a step off at most within 2^15 steps of the mean, else that far from it, and the mean
        for NaN. Raises ValueError for bytes that are no such code."""
        features = len(self.mean)
        zigzag = from_planes(decompress_bytes(code, 2 * count * features), np.uint16).astype(np.int32)
        whole = np.where(zigzag % 2, -(zigzag + 1) // 2, zigzag // 2).reshape(features, count).T
        return (whole * self.step + self.mean).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"rate": self.rate, "mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Quantiser:
        mean, scale = (np.array(said[name], dtype=np.float32) for name in ("mean", "scale"))
        return cls(mean, scale, said["rate"])
