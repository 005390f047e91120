"""A file of compressed candidates, written from front to back.

Sections: a header (JSON), entries of the provenance before the first block that needs them, the blocks, an index with
all but the blocks once more, and the tail. The same candidates of the same provenance give the same bytes, however they
were split into batches.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

from e2e import __version__
from e2e.compression import container
from e2e.compression.block import COLUMNS, encode_block, read_head
from e2e.compression.codec import Codec
from e2e.compression.container import BLOCK, FROM, HEAD, INDEX, MAGIC
from e2e.compression.header import Header, Place, Sizes
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.datasets.load import concatenate
from e2e.files import GrowingFile, writing

BLOCK_CANDIDATES = 64  # what a flipped bit takes with it; larger blocks are hardly smaller, see decision 23


class CompressedWriter(GrowingFile):
    """Takes candidates as they come; the file appears under its name when the block ends without an exception.

    block: candidates of each. Raises InputError when `path` cannot be written.
    """

    def __init__(self, path: Path, codec: Codec, task: str | None, block: int = BLOCK_CANDIDATES) -> None:
        super().__init__(path)
        self._codec, self._block = codec, block
        self._header = Header(codec.frame, task, codec.to_json(), dict(COLUMNS), __version__)
        self._provenance: Provenance = []
        self._places: list[Place] = []
        self._pending: list[CandidateSet] = []
        self.sizes = Sizes()

    def __len__(self) -> int:
        """Candidates written so far."""
        return self._places[-1].stop if self._places else 0

    def _begin_file(self) -> None:
        with writing(self._path):
            self._file.write(MAGIC)
        self._put_json(HEAD, self._header.to_json())

    def write(self, candidates: CandidateSet) -> None:
        if len(candidates):
            self._pending.append(candidates)
            self._flush(self._block)

    def _flush(self, least: int) -> None:
        """Write blocks while there are `least` candidates."""
        if sum(map(len, self._pending)) < least:
            return
        rest = concatenate(self._pending)
        whole = len(rest) if least == 1 else len(rest) // self._block * self._block
        for start in range(0, whole, self._block):
            self._put_block(rest.select(slice(start, min(start + self._block, whole))))
        self._pending = [rest.select(slice(whole, None))]

    def _put_block(self, candidates: CandidateSet) -> None:
        for entry in candidates.provenance:
            if entry not in self._provenance:
                self._provenance.append(entry)
                self._put_json(FROM, entry)
        content = encode_block(candidates, len(self), self._codec)
        head = read_head(content)
        with writing(self._path):
            offset = container.write_section(self._file, BLOCK, content)
        self._places.append(Place(offset, head.first, head.stop, crc32(content)))
        self.sizes = self.sizes.plus(head, len(content))

    def _put_json(self, kind: bytes, content: Any) -> int:
        with writing(self._path):
            return container.write_section(self._file, kind, json.dumps(content, sort_keys=True).encode())

    def _finish(self) -> None:
        self._flush(1)
        blocks = [[place.offset, place.stop - place.first, place.checksum] for place in self._places]
        about = {"header": self._header.to_json(), "provenance": self._provenance, "bytes": self.sizes._asdict()}
        offset = self._put_json(INDEX, {**about, "blocks": blocks})
        with writing(self._path):
            container.write_tail(self._file, offset)
