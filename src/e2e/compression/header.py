"""What a file of compressed candidates says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from e2e.compression.block import COLUMNS, BlockHead
from e2e.contract import COMPRESSED_VERSION, FrameSpec
from e2e.datasets.labels import SEED_COLUMNS


@dataclass(frozen=True)
class Header:
    """What a file says of all its candidates. codec: see `Codec.to_json`. columns: name and type of each label, in the
    order in which a block holds them."""

    frame: FrameSpec
    task: str | None
    codec: dict[str, Any]
    columns: dict[str, str]
    e2e: str

    def to_json(self) -> dict[str, Any]:
        columns = list(self.columns.items())  # a JSON object has no order
        return {"version": COMPRESSED_VERSION, **vars(self), "frame": self.frame.to_json(), "columns": columns}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Header:
        """Raises ValueError, TypeError or KeyError for what is no header."""
        task, codec, e2e, columns = said["task"], said["codec"], said["e2e"], dict(said["columns"])
        is_named = isinstance(task, str | None) and isinstance(e2e, str) and isinstance(codec, dict)
        if not is_named or not isinstance(codec["name"], str):
            raise ValueError("task, codec or version of the header")
        if not SEED_COLUMNS.keys() <= columns.keys() <= COLUMNS.keys():
            raise ValueError(f"columns {', '.join(map(str, columns))}")
        if any(np.dtype(str(kind)).kind not in "iuf" for kind in columns.values()):
            raise ValueError(f"columns of types {', '.join(map(str, columns.values()))}")
        return cls(FrameSpec.from_json(said["frame"]), task, codec, columns, e2e)


class Sizes(NamedTuple):
    """Bytes of all blocks together."""

    labels: int = 0
    pixels: int = 0

    def plus(self, head: BlockHead, length: int) -> Sizes:
        return Sizes(self.labels + head.label_bytes, self.pixels + length - head.label_bytes)


class Place(NamedTuple):
    """Where a block lies, which candidates it holds, and its CRC-32: without it a block of an older file, of which a
    copy was broken off, would pass for one of this file."""

    offset: int
    first: int
    stop: int
    checksum: int
