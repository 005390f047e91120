"""One way in for events of every source: find the reader by content, read in bounded batches, screen the hits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from e2e.events.edm import EdmReader
from e2e.events.ig import IgReader
from e2e.events.record import Events
from e2e.events.screen import screen_events
from e2e.events.store import StoreReader
from e2e.files import reading
from e2e.problems import InputError, Problems

EVENT_FILE_SUFFIXES = (
    ".ig",
    ".parquet",
    ".root",
    ".h5",
    ".hdf5",
)  # what a folder is searched for; a file given by name may have any


class Reader(Protocol):
    """Reads one format.

    name: for messages. recognises: from the content, not from the name; never raises on strange bytes. count: events in
    the file. read: those from `start` to `stop` in batches of bounded size, faithful to the file; what is wrong with
    one event goes to `problems`, what is wrong with the whole file raises InputError.
    """

    @property
    def name(self) -> str: ...

    def recognises(self, path: Path) -> bool: ...

    def count(self, path: Path) -> int: ...

    def read(self, path: Path, problems: Problems, start: int = 0, stop: int | None = None) -> Iterator[Events]: ...


READERS: tuple[Reader, ...] = (IgReader(), EdmReader(), StoreReader())


def find_reader(path: Path) -> Reader:
    """Raises InputError when no reader recognises the file."""
    with reading(path):
        reader = next((reader for reader in READERS if reader.recognises(path)), None)
    if reader is None:
        accepted = ", ".join(reader.name for reader in READERS)
        remedy = f"accepted: {accepted}; images and ntuples go through `e2e convert`"
        raise InputError(path, "not a file of events", remedy)
    return reader


def read_events(
    path: Path, problems: Problems, keep_bad_hits: bool = False, *, start: int = 0, stop: int | None = None
) -> Iterator[Events]:
    """Events `start` to `stop` of one file, in batches. Bad hits are reported and left out, unless `keep_bad_hits`,
    which is for `e2e check`.

    Raises InputError when the file as a whole cannot be read.
    """
    for batch in find_reader(path).read(path, problems, start, stop):
        screened = screen_events(batch, path, problems, keep_bad_hits)
        if len(screened):
            yield screened


def read_inputs(
    paths: Iterable[Path], problems: Problems, keep_bad_hits: bool = False
) -> Iterator[tuple[Path, Events]]:
    """Batches of all files and folders, in order, with their file; a bad one becomes a problem and the next is read."""
    for given in paths:
        with problems.collected():
            for path in expand_inputs([given]):
                with problems.collected():
                    for events in read_events(path, problems, keep_bad_hits):
                        yield path, events


def expand_inputs(paths: Iterable[Path]) -> list[Path]:
    """Files as they are; of a folder its event files in name order. Raises InputError naming a path that is missing."""
    files: list[Path] = []
    for path in paths:
        with reading(path):
            files += _files_at(path)
    return files


def _files_at(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(path, "no such file or folder", "check the path")
    if not path.is_dir():
        return [path]
    _check_finished(path)
    inside = sorted(entry for entry in path.iterdir() if entry.suffix in EVENT_FILE_SUFFIXES and entry.is_file())
    if not inside:
        raise InputError(path, "a folder without event files", f"accepted: {', '.join(EVENT_FILE_SUFFIXES)}")
    return inside


def _check_finished(folder: Path) -> None:
    """Raises InputError for a folder whose `plan.json` says that it is not whole yet, or that lost a part."""
    try:
        plan = json.loads((folder / "plan.json").read_text())
    except (OSError, ValueError):
        return  # not a folder of that kind
    if not isinstance(plan, dict):
        return
    remedy = "give the command that makes it again: it goes on where it was"
    if plan.get("state") == "running":
        raise InputError(folder, "is not finished", remedy)
    there, planned = len(list(folder.glob("part-*.parquet"))), plan.get("shards")
    if isinstance(planned, int) and there < planned:
        raise InputError(folder, f"lacks {planned - there} of {planned} event stores", remedy)
