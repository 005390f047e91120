"""A file of compressed candidates: written from front to back, read from any candidate on.

Sections: a header (JSON), entries of the provenance before the first block that needs them, the blocks, an index with
all but the blocks once more, and the tail. The same candidates give the same bytes, however they were split into
batches.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from e2e import __version__
from e2e.compression import container
from e2e.compression.block import COLUMNS, BlockHead, decode_block, encode_block, read_head
from e2e.compression.codec import Codec
from e2e.compression.container import BLOCK, FROM, HEAD, INDEX, MAGIC, DamagedError
from e2e.contract import COMPRESSED_VERSION, FrameSpec
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.datasets.load import concatenate
from e2e.files import reading, replacing, writing
from e2e.problems import InputError, Problems

BLOCK_CANDIDATES = 64  # what a flipped bit takes with it; larger blocks are hardly smaller, see decision 23

_AGAIN = "fetch or make the file again"


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


class Compressing:
    """Takes candidates as they come; the file appears under its name when the block ends without an exception.

    block: candidates of each. Raises InputError when `path` cannot be written.
    """

    def __init__(self, path: Path, codec: Codec, task: str | None, block: int = BLOCK_CANDIDATES) -> None:
        self._path, self._codec, self._block = path, codec, block
        self._header = Header(codec.frame, task, codec.to_json(), dict(COLUMNS), __version__)
        self._provenance: Provenance = []
        self._places: list[Place] = []
        self._pending: list[CandidateSet] = []
        self.sizes = Sizes()

    def __len__(self) -> int:
        """Candidates written so far."""
        return self._places[-1].stop if self._places else 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            hidden = stack.enter_context(replacing(self._path))
            with writing(self._path):
                self._file: BinaryIO = stack.enter_context(hidden.open("wb"))
                self._file.write(MAGIC)
            self._put_json(HEAD, self._header.to_json())
            stack.push(self._finish)
            self._on_exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_exit.__exit__(kind, error, trace)

    def write(self, candidates: CandidateSet) -> None:
        for entry in candidates.provenance:
            if entry not in self._provenance:
                self._provenance.append(entry)
                self._put_json(FROM, entry)
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
        content = encode_block(candidates, len(self), self._codec)
        head = read_head(content)
        with writing(self._path):
            offset = container.write_section(self._file, BLOCK, content)
        self._places.append(Place(offset, head.first, head.stop))
        self.sizes = self.sizes.plus(head, len(content))

    def _put_json(self, kind: bytes, content: Any) -> int:
        with writing(self._path):
            return container.write_section(self._file, kind, json.dumps(content, sort_keys=True).encode())

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        self._flush(1)
        blocks = [[place.offset, place.stop - place.first] for place in self._places]
        about = {"header": self._header.to_json(), "provenance": self._provenance, "bytes": self.sizes._asdict()}
        offset = self._put_json(INDEX, {**about, "blocks": blocks})
        with writing(self._path):
            container.write_tail(self._file, offset)
            self._file.flush()


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
