"""Read iSpy event-display files (`.ig`): a zip of JSON events, written by CMS's own framework from AOD or RECO."""

from __future__ import annotations

import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from e2e.detector.detid import SUBDETECTORS
from e2e.events import ig_collections as collections
from e2e.events.ig_collections import Columns, MalformedError
from e2e.events.record import Events, Table
from e2e.problems import InputError, Problems

BATCH_EVENTS, BATCH_HITS = 64, 1_000_000  # about 30 MB; a batch ends at the event that reaches either
MAX_EVENT_BYTES = 1 << 26  # of one event's JSON; the largest real one seen, full RECO, has 7 MB

_ZIP_MAGIC = b"PK"
# What the zip and JSON libraries raise on damaged bytes; RuntimeError: encrypted, and too deeply nested JSON.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)

# Older files hold Python literals: tuples, single quotes, nan. Strings are matched first so that they stay as they are;
# one that never ends is matched too, so that damaged text of any length is read through only once.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|\'(?:[^\'\\]|\\.)*+\'?|[()]|\b(?:nan|inf|None|True|False)\b', re.DOTALL)
_JSON_FOR = {"(": "[", ")": "]", "nan": "NaN", "inf": "Infinity", "None": "null", "True": "true", "False": "false"}


def _to_json_token(match: re.Match[str]) -> str:
    token = match.group()
    return json.dumps(token[1:-1]) if token[0] == "'" else _JSON_FOR.get(token, token)


def _event_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if info.filename.startswith("Events/") and not info.is_dir()]


def member_names(path: Path) -> list[str]:
    """Names of the events inside the file, in the file's order: `Events/Run_R/Event_E`."""
    with zipfile.ZipFile(path) as archive:
        return [info.filename for info in _event_members(archive)]


def parse_event_json(text: str) -> dict[str, Any]:
    """The event's `Types`, `Collections` and `Associations`; accepts JSON and the older Python-like dialect."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(_TOKEN.sub(_to_json_token, text))


def load_event_json(path: Path, member: str) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return parse_event_json(archive.read(member).decode())


class _Event(NamedTuple):
    number: tuple[int, int, int]  # run, luminosity block, event
    hits: dict[str, Columns | None]  # None: the event has no such collection
    objects: dict[str, Columns | None]


class IgReader:
    """Events in the file's order, every version of the collections; positions in cm."""

    name = "iSpy .ig (zip of JSON events)"

    def recognises(self, path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC

    def count(self, path: Path) -> int:
        with _opened(path) as archive:
            return len(_event_members(archive))

    def read(self, path: Path, problems: Problems, start: int = 0, stop: int | None = None) -> Iterator[Events]:
        with _opened(path) as archive:
            members = _event_members(archive)
            if not members:
                raise InputError(path, "a zip without Events/Run_*/Event_* inside", "is it an .ig file?")
            events = (event for info in members[start:stop] if (event := _read_event(archive, info, path, problems)))
            for batch in _batches(events):
                yield _to_record(batch, path)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        raise InputError(path, f"truncated or damaged zip ({error})", "fetch the file again") from None


def _read_event(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, problems: Problems) -> _Event | None:
    where = f"{path}: {info.filename}"
    try:
        data = parse_event_json(_read_text(archive, info))
        number = collections.event_number(data, info.filename)
    except RecursionError:
        problems.report(where, "JSON nested too deeply", "event skipped")
    except (json.JSONDecodeError, MalformedError) as error:
        what = f"broken JSON, {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        problems.report(where, what, "event skipped")
    except UnicodeDecodeError:
        problems.report(where, "not UTF-8 text", "event skipped")
    except _ZIP_ERRORS as error:
        problems.report(where, f"cannot be read ({error or type(error).__name__})", "event skipped", is_unread=True)
    else:
        hits = {name: collections.hit_columns(data, name, where, problems) for name in SUBDETECTORS}
        objects = {name: collections.object_columns(data, name, where, problems) for name in collections.LAYOUTS}
        return _Event(number, hits, objects)
    return None


def _read_text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    with archive.open(info) as file:
        text = file.read(MAX_EVENT_BYTES + 1)  # not all: a few kB of zip may claim to be terabytes
    if len(text) > MAX_EVENT_BYTES:
        raise MalformedError(f"more than {MAX_EVENT_BYTES >> 20} MiB of JSON in one event")
    return text.decode()


def _batches(events: Iterable[_Event]) -> Iterator[list[_Event]]:
    batch: list[_Event] = []
    num_hits = 0
    for event in events:
        batch.append(event)
        num_hits += sum(_num_rows(part) for part in event.hits.values())
        if len(batch) >= BATCH_EVENTS or num_hits >= BATCH_HITS:
            yield batch
            batch, num_hits = [], 0
    if batch:
        yield batch


def _num_rows(columns: Columns | None) -> int:
    return 0 if columns is None else len(next(iter(columns.values())))


def _to_record(events: Sequence[_Event], path: Path) -> Events:
    run, block, event = zip(*(event.number for event in events), strict=True)
    return Events(
        np.array(run, dtype=np.uint32),
        np.array(block, dtype=np.uint32),
        np.array(event, dtype=np.uint64),
        _tables([event.hits for event in events]),
        _tables([event.objects for event in events]),
        {"reader": "ig", "input": path.name},
    )


def _tables(events: Sequence[dict[str, Columns | None]]) -> dict[str, Table]:
    """One table for each name that some event has."""
    tables = {}
    for name in events[0]:
        parts = [event[name] for event in events]
        present = [part for part in parts if part is not None]
        if present:
            joined = {column: np.concatenate([part[column] for part in present]) for column in present[0]}
            presence = np.array([part is not None for part in parts])
            tables[name] = Table.from_counts([_num_rows(part) for part in parts], joined, presence)
    return tables
