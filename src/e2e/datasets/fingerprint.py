"""What tells one file from another of the same name and size, without reading all of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

from e2e.datasets.candidate_set import Provenance
from e2e.files import reading

WHOLE = 8 << 20  # files up to this many bytes are read from end to end
ENDS = 1 << 20  # of larger ones the head and the tail, where formats keep their tables of contents,
BLOCK, NUM_BLOCKS = 1 << 16, 64  # and blocks evenly in between


def fingerprint(path: Path) -> str:
    """Size and checksum. Raises InputError when the file cannot be read."""
    crc = 0
    with reading(path), path.open("rb") as file:
        size = path.stat().st_size
        for start, length in _parts(size):
            file.seek(start)
            crc = crc32(file.read(length), crc)
    return f"{size}-{crc:08x}"


def _parts(size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of what is read."""
    if size <= WHOLE:
        yield from ((start, ENDS) for start in range(0, size, ENDS))
        return
    yield 0, ENDS
    yield from (((size - BLOCK) * number // (NUM_BLOCKS - 1), BLOCK) for number in range(NUM_BLOCKS))
    yield size - ENDS, ENDS


def with_fingerprint(provenance: Provenance, mark: str) -> Provenance:
    """Entries that no process and seed tell apart get the mark of the file they come from, unless they have one."""
    return [entry if is_simulated(entry) else {"fingerprint": mark, **entry} for entry in provenance]


def is_simulated(entry: dict[str, object]) -> bool:
    """Whether a process and a seed say which events these are."""
    return entry.get("process") is not None and entry.get("seed") is not None
