"""A file of compressed candidates, read from any candidate on, and as far as it is whole; see `compressing`."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from e2e.compression import container
from e2e.compression.block import decode_block, read_head
from e2e.compression.codec import Codec
from e2e.compression.container import BLOCK, FROM, HEAD, MAGIC, DamagedError
from e2e.compression.header import Header, Place, Sizes
from e2e.contract import COMPRESSED_VERSION, FrameSpec
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.files import reading
from e2e.problems import InputError, Problems

_AGAIN = "fetch or make the file again"


class CompressedFile:
    """Opened for reading, in a `with` block.

    Where the index is lost, as of a truncated file, the blocks that are there are found by a search. problems: what was
    found wrong so far. Raises InputError for another file, one of a newer version, or one whose header is lost.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.problems = path, Problems()
        self.blocks: list[Place] = []
        self.provenance: Provenance = []
        self.sizes = Sizes()
        if not is_compressed(path):
            raise InputError(path, "not a file of compressed candidates", "give one that `e2e compress` wrote")
        with reading(path), path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            index = container.find_index(self._data)
            self.header = self._search() if index is None else self._take(json.loads(index.content))
        except (ValueError, TypeError, KeyError) as error:
            self.close()
            raise InputError(path, f"damaged file of compressed candidates ({error})", _AGAIN) from None
        except InputError:
            self.close()
            raise

    def __len__(self) -> int:
        """Candidates in the file, those of damaged blocks between whole ones included."""
        return self.blocks[-1].stop if self.blocks else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._data.close()

    @property
    def num_candidates(self) -> int:
        """Those of the blocks that were found."""
        return sum(place.stop - place.first for place in self.blocks)

    @property
    def num_bytes(self) -> int:
        return len(self._data)

    def read(self, codec: Codec, start: int = 0, stop: int | None = None) -> Iterator[CandidateSet]:
        """Candidates `start` to `stop`, a block at a time; those of a damaged block are left out and named."""
        stop = len(self) if stop is None else stop
        for place in self.blocks:
            low, high = max(start, place.first), min(stop, place.stop)
            if low >= high:
                continue
            try:
                content = container.read_section(self._data, place.offset, BLOCK).content
                block = decode_block(content, self.header.columns, codec, self.provenance)
            except ValueError as error:
                what = f"candidates {place.first} to {place.stop - 1} are damaged ({error})"
                self.problems.report(self.path, what, f"left out; {_AGAIN}", is_unread=True)
                continue
            yield block.select(slice(low - place.first, high - place.first))

    def _take(self, index: dict[str, Any]) -> Header:
        """All that the index says."""
        try:
            container.read_section(self._data, len(MAGIC), HEAD)
        except DamagedError as error:
            self.problems.report(self.path, f"damaged header ({error})", "its copy at the end was taken", "warning")
        self.provenance, self.sizes = index["provenance"], Sizes(**index["bytes"])
        first = 0
        for offset, candidates in index["blocks"]:
            self.blocks.append(Place(offset, first, first + candidates))
            first += candidates
        return self._header(index["header"])

    def _search(self) -> Header:
        """The same without an index: blocks whose checksums are right."""
        damaged = 0
        for kind, offset in container.find_sections(self._data):
            try:
                content = container.read_section(self._data, offset, kind).content
            except DamagedError:
                damaged += kind == BLOCK
                continue
            if kind == FROM:
                self.provenance.append(json.loads(content))
            if kind == BLOCK:
                head = read_head(content)
                self.blocks.append(Place(offset, head.first, head.stop))
                self.sizes = self.sizes.plus(head, len(content))
        found = f"{self.num_candidates} candidates were found, and {damaged} damaged blocks"
        what = f"truncated or damaged: no index; {found}"
        self.problems.report(self.path, what, f"those found are read; {_AGAIN}", is_unread=True)
        return self._header(json.loads(container.read_section(self._data, len(MAGIC), HEAD).content))

    def _header(self, said: dict[str, Any]) -> Header:
        version = said.pop("version")
        if version > COMPRESSED_VERSION:
            what = f"compressed candidates of version {version}; this e2e reads up to {COMPRESSED_VERSION}"
            raise InputError(self.path, what, "install a newer e2e")
        return Header(**{**said, "frame": FrameSpec.from_json(said["frame"]), "columns": dict(said["columns"])})


def is_compressed(path: Path) -> bool:
    """From the first bytes. Raises InputError when it cannot be read."""
    with reading(path), path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
