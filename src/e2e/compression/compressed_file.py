"""A file of compressed candidates, read from any candidate on, and as far as it is whole; see `compressed_writer`."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from e2e.compression import container
from e2e.compression.block import MAX_BLOCK_CANDIDATES, decode_block, read_head
from e2e.compression.codec import Codec
from e2e.compression.container import BLOCK, FROM, HEAD, MAGIC, DamagedError
from e2e.compression.header import Header, Place, Sizes
from e2e.contract import COMPRESSED_VERSION
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.files import reading
from e2e.parquet import READ_ERRORS
from e2e.problems import InputError, Problems

AGAIN = "fetch or make the file again"


class CompressedFile:
    """Opened for reading, in a `with` block.

    Where the index is lost, as of a truncated file, the blocks that are there are found by a search. problems: what was
    found wrong so far. Raises InputError for another file, to which damage of the first 8 bytes makes it, one of a
    newer version, or one whose header is lost.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.problems = path, Problems()
        self.blocks: list[Place] = []
        self.provenance: Provenance = []
        self.sizes = Sizes()
        with reading(path), path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise InputError(path, "not a file of compressed candidates", "give one that `e2e compress` wrote")
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            index = container.find_index(self._data)
            self.header = self._search() if index is None else self._take(json.loads(index.content))
        except READ_ERRORS as error:
            self.close()
            raise InputError(path, f"damaged file of compressed candidates ({error})", AGAIN) from None
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
        """Candidates `start` to `stop`, a block at a time; those of a damaged block are left out and named.

        Raises ValueError behind the `with` block.
        """
        stop = len(self) if stop is None else stop
        for place in self.blocks:
            low, high = max(start, place.first), min(stop, place.stop)
            if low >= high:
                continue
            if self._data.closed:
                raise ValueError(f"{self.path} was closed; read it inside the `with` block")
            try:
                block = decode_block(self._content(place), self.header.columns, codec, self.provenance)
            except READ_ERRORS as error:
                what = f"candidates {place.first} to {place.stop - 1} are damaged ({error})"
                self.problems.report(self.path, what, f"left out; {AGAIN}", is_unread=True)
                continue
            yield block.select(slice(low - place.first, high - place.first))

    def _content(self, place: Place) -> bytes:
        """Raises ValueError unless the block that was written lies there."""
        section = container.read_section(self._data, place.offset, BLOCK)
        first, candidates, _ = read_head(section.content)
        if (section.checksum, first, first + candidates) != (place.checksum, place.first, place.stop):
            raise DamagedError(f"the block at byte {place.offset} is another than the index says")
        return section.content

    def _take(self, index: dict[str, Any]) -> Header:
        """All that the index says."""
        try:
            container.read_section(self._data, len(MAGIC), HEAD)
        except DamagedError as error:
            self.problems.report(self.path, f"damaged header ({error})", "its copy at the end was taken", "warning")
        self.provenance, self.sizes = index["provenance"], Sizes(**index["bytes"])
        if not isinstance(self.provenance, list) or not all(isinstance(entry, dict) for entry in self.provenance):
            raise ValueError("provenance of the index")
        first = 0
        for offset, candidates, checksum in index["blocks"]:
            self.blocks.append(Place(offset, first, first + candidates, checksum))
            first += candidates
        is_whole = all(isinstance(number, int) and number >= 0 for row in (*self.blocks, self.sizes) for number in row)
        if not is_whole or any(place.stop - place.first > MAX_BLOCK_CANDIDATES for place in self.blocks):
            raise ValueError("blocks of the index")
        return self._header(index["header"])

    def _search(self) -> Header:
        """The same without an index: blocks whose checksums are right, in the order of their candidates."""
        for kind, offset in container.find_sections(self._data):
            with suppress(ValueError):  # what it held is missing below
                section = container.read_section(self._data, offset, kind)
                if kind == FROM and isinstance(entry := json.loads(section.content), dict):
                    self.provenance.append(entry)
                if kind == BLOCK:
                    head = read_head(section.content)
                    if head.first >= len(self):  # else one of another file
                        self.blocks.append(Place(offset, head.first, head.stop, section.checksum))
                        self.sizes = self.sizes.plus(head, len(section.content))
        before = [0, *(place.stop for place in self.blocks)]
        gaps = [(low, place.first) for low, place in zip(before, self.blocks, strict=False) if low < place.first]
        missing = [f"{low} to {high - 1}" for low, high in gaps]
        lost = ", ".join([*missing, f"anything behind {len(self) - 1}" if self.blocks else "all"])
        what = f"truncated or damaged: no index; {self.num_candidates} candidates were found; missing: {lost}"
        self.problems.report(self.path, what, f"those found are read; {AGAIN}", is_unread=True)
        return self._header(json.loads(container.read_section(self._data, len(MAGIC), HEAD).content))

    def _header(self, said: Any) -> Header:
        if not isinstance(said, dict):
            raise ValueError("no header")
        version = said["version"]
        if version > COMPRESSED_VERSION:
            what = f"compressed candidates of version {version}; this e2e reads up to {COMPRESSED_VERSION}"
            raise InputError(self.path, what, "install a newer e2e")
        return Header.from_json(said)


def is_compressed(path: Path) -> bool:
    """From the first bytes; False where they cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
