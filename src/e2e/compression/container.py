"""Sections of bytes one after the other, each with its own checksums: what is damaged is known, the rest is readable.

A file is `MAGIC` and sections. A section is its head (kind, length, CRC-32 of what it holds, CRC-32 of the head so far;
16 bytes, little-endian) and what it holds. The last one is the tail, which says where the index begins. Where the tail
is lost, as of a truncated file, sections are found one after the other from the front; where a head is damaged or bytes
are missing, by the next head whose checksum is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from mmap import mmap
from struct import Struct
from typing import BinaryIO, NamedTuple
from zlib import crc32

# As PNG's: damaged by whatever takes the file for text.
MAGIC = b"\x89e2e\r\n\x1a\n"
HEAD, FROM, BLOCK, INDEX, TAIL = b"HEAD", b"FROM", b"BLCK", b"INDX", b"TAIL"
KINDS = (HEAD, FROM, BLOCK, INDEX, TAIL)
_ANY_KIND = re.compile(b"|".join(KINDS))

_HEAD = Struct("<4sIII")
_TAIL_LENGTH = 8
MAX_LENGTH = (1 << 32) - 1


Data = bytes | mmap


class DamagedError(ValueError):
    """Bytes that are not what was written."""


class Section(NamedTuple):
    """offset: of its head in the file. checksum: CRC-32 of what it holds."""

    kind: bytes
    offset: int
    checksum: int
    content: bytes

    @property
    def end(self) -> int:
        return self.offset + _HEAD.size + len(self.content)


def write_section(file: BinaryIO, kind: bytes, content: bytes) -> int:
    """Returns its offset. Raises ValueError for more than 4 GiB."""
    if len(content) > MAX_LENGTH:
        raise ValueError(f"a section of {len(content)} bytes; at most {MAX_LENGTH} fit, take smaller blocks")
    offset = file.tell()
    named = kind + len(content).to_bytes(4, "little") + crc32(content).to_bytes(4, "little")
    file.write(named + crc32(named).to_bytes(4, "little") + content)
    return offset


def write_tail(file: BinaryIO, index_offset: int) -> None:
    write_section(file, TAIL, index_offset.to_bytes(_TAIL_LENGTH, "little"))


def read_section(data: Data, offset: int, kind: bytes) -> Section:
    """Raises DamagedError unless a whole section of that kind begins at `offset`."""
    head = _read_head(data, offset)
    if head is None or head[0] != kind:
        raise DamagedError(f"no {kind.decode()} section at byte {offset}")
    _, length, checksum = head
    content = bytes(data[offset + _HEAD.size : offset + _HEAD.size + length])
    if len(content) < length:
        raise DamagedError(f"{kind.decode()} section at byte {offset} is cut off")
    if crc32(content) != checksum:
        raise DamagedError(f"checksum of the {kind.decode()} section at byte {offset}")
    return Section(kind, offset, checksum, content)


def find_index(data: Data) -> Section | None:
    """The index, by the tail; None where either is missing or damaged."""
    try:
        tail = read_section(data, len(data) - _HEAD.size - _TAIL_LENGTH, TAIL)
        return read_section(data, int.from_bytes(tail.content, "little"), INDEX)
    except DamagedError:
        return None


def find_sections(data: Data) -> Iterator[tuple[bytes, int]]:
    """(kind, offset) of every section whose head is whole, from the front; what it holds is not looked at.

    Where no other section follows one, bytes of it may be missing: the next may begin inside.
    """
    offset = reach = len(MAGIC)
    while offset + _HEAD.size <= len(data):
        head = _read_head(data, offset)
        if head is not None:
            end = offset + _HEAD.size + head[1]
            is_followed = end == len(data) or _read_head(data, end) is not None
            # inside another only if followed: else who reads them all might read the same bytes again and again
            if is_followed or offset >= reach:
                yield head[0], offset
            if is_followed:
                offset = end
                continue
            reach = max(reach, end)
        found = _ANY_KIND.search(data, offset + 1)
        offset = found.start() if found else len(data)


def _read_head(data: Data, offset: int) -> tuple[bytes, int, int] | None:
    """Kind, length and checksum; None where there is no head."""
    written = bytes(data[offset : offset + _HEAD.size]) if offset >= 0 else b""
    if len(written) < _HEAD.size:
        return None
    kind, length, checksum, own = _HEAD.unpack(written)
    is_head = kind in KINDS and crc32(written[:-4]) == own
    return (kind, length, checksum) if is_head else None
