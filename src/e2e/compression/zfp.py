"""Dense images under zfp, a compressor of scientific arrays with bounded errors: what is possible without learning.

Source: Lindstrom, IEEE TVCG 20 (2014) 2674; the package zfpy, which `pip install 'cms-e2e[compression]'` brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, prod
from struct import Struct
from typing import Any

import numpy as np

from e2e.contract import FrameSpec
from e2e.frames.candidates import Candidates, Seeds
from e2e.problems import optional_packages

_LENGTH = Struct("<I")
_MOST_CELL_BYTES = 300  # of 64 values: their bits, exponent and tests of planes


@dataclass(frozen=True)
class Zfp:
    """A block is the stream of each candidate's image after its length. scale: factor of each channel, so that values
    are of order one. tolerance: what a scaled value may be off; what is no larger comes back as no pixel."""

    frame: FrameSpec
    scale: tuple[float, ...]
    tolerance: float

    NAME = "zfp"

    def __post_init__(self) -> None:
        if not (isfinite(self.tolerance) and self.tolerance > 0):
            raise ValueError(f"a tolerance of {self.tolerance}; give one above 0")
        with optional_packages("compression"):
            import zfpy  # noqa: F401 - now, rather than after the inputs were read

    @property
    def _most_bytes(self) -> int:
        """Of an image: so far would zfp read, past the end of a stream that is too short."""
        return _MOST_CELL_BYTES * prod(-(-size // 4) for size in self.frame.shape)

    def _check(self, stream: bytes) -> None:
        """Raises ValueError unless the stream says that it is an image of this frame: it is believed."""
        import zfpy

        try:
            said = zfpy.header(stream)
        except IndexError:
            raise ValueError("an image of no bytes") from None
        shape = tuple(said[axis] for axis in ("nw", "nz", "ny", "nx"))
        if shape != (0, *self.frame.shape) or said["type"] is not np.float32 or said["mode"] != "tolerance":
            raise ValueError(f"an image of {shape[1:]} in {said['type'].__name__} by {said['mode']}")

    def to_json(self) -> dict[str, Any]:
        return {"name": self.NAME, "is_lossless": False, "scale": list(self.scale), "tolerance": self.tolerance}

    def encode(self, candidates: Candidates) -> bytes:
        import zfpy

        images = candidates.to_dense() * np.array(self.scale, dtype=np.float32)[:, None, None]
        streams = [zfpy.compress_numpy(image, tolerance=self.tolerance) for image in images]
        return b"".join(_LENGTH.pack(len(stream)) + stream for stream in streams)

    def decode(self, code: bytes, seeds: Seeds) -> Candidates:
        import zfpy

        images = np.zeros((len(seeds), *self.frame.shape), dtype=np.float32)
        place = 0
        for image in images:
            if place + _LENGTH.size > len(code):
                raise ValueError(f"a block without all of its {len(seeds)} images")
            (length,) = _LENGTH.unpack_from(code, place)
            place += _LENGTH.size + length
            if place > len(code):
                raise ValueError(f"an image that is cut off, of {len(seeds)}")
            stream = code[place - length : place]
            self._check(stream)
            found = zfpy.decompress_numpy(stream + bytes(self._most_bytes))
            image[:] = np.where(np.abs(found) > self.tolerance, found, 0)
        return Candidates.from_dense(self.frame, images / np.array(self.scale, dtype=np.float32)[:, None, None], seeds)
