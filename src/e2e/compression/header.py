"""What a file of compressed candidates says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from e2e.compression.block import BlockHead
from e2e.contract import COMPRESSED_VERSION, FrameSpec


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


class Sizes(NamedTuple):
    """Bytes of all blocks together."""

    labels: int = 0
    pixels: int = 0

    def plus(self, head: BlockHead, length: int) -> Sizes:
        return Sizes(self.labels + head.label_bytes, self.pixels + length - head.label_bytes)


class Place(NamedTuple):
    """Where a block lies, and which candidates it holds."""

    offset: int
    first: int
    stop: int
