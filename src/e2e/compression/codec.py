"""What turns the pixels of candidates into bytes and back."""

from __future__ import annotations

from typing import Any, Protocol

from e2e.contract import FrameSpec
from e2e.frames.candidates import Candidates, Seeds

FEATURES = "features"  # name of the codec whose module brings PyTorch


class Codec(Protocol):
    """frame: of the candidates that it takes and gives. to_json: what a file says of it, `name` and all that is needed
    to tell it from another. encode: a block of candidates, whose seeds are stored apart. decode: the same block from
    its code and seeds; raises ValueError for bytes that are no code.
    """

    @property
    def frame(self) -> FrameSpec: ...

    def to_json(self) -> dict[str, Any]: ...

    def encode(self, candidates: Candidates) -> bytes: ...

    def decode(self, code: bytes, seeds: Seeds) -> Candidates: ...
