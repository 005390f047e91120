"""Bad input: one line that says what, where and what became of it; every other good event and file still comes out."""

from __future__ import annotations

import re
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ig_files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_samples import good_events, random_events
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.checking.check import check
from e2e.contract import EVENT_STORE_VERSION
from e2e.events import ig
from e2e.events.reader import expand_inputs, read_events, read_inputs
from e2e.events.record import Events
from e2e.events.store import write_events
from e2e.problems import InputError, Problem, Problems

Spoil = Callable[[dict[str, Any]], None]

NEW_VERSION = str(EVENT_STORE_VERSION + 1).encode()


def read(*paths: Path, keep_bad_hits: bool = False) -> tuple[Events, Problems]:
    problems = Problems()
    return Events.concatenate(events for _, events in read_inputs(paths, problems, keep_bad_hits)), problems


def hit(row: int, **values: Any) -> Spoil:
    """Overwrite fields of one EB hit."""

    def spoil(data: dict[str, Any]) -> None:
        for name, value in values.items():
            ig_files.hits(data)[row][ig_files.HIT_FIELDS.index(name)] = value

    return spoil


def collections(**rows: Any) -> Spoil:
    return lambda data: data["Collections"].update(rows)


def copied(*rows: int, energy: float | None = None) -> Spoil:
    def spoil(data: dict[str, Any]) -> None:
        for row in rows:
            again = list(ig_files.hits(data)[row])
            again[0] = again[0] if energy is None else energy
            ig_files.hits(data).append(again)

    return spoil


A, B, C, D = ig_files.CRYSTALS

# spoil the event, the message after "FILE: run 7 event 1: ", energies of the EB hits that remain
HIT_FAULTS = {
    "unknown DetId": (hit(1, detid=12345), "error", "unknown DetId 12345 in EB; dropped", [1, 3, 4]),
    "of another subdetector": (
        hit(1, detid=ig_files.TOWER), "error", f"unknown DetId {ig_files.TOWER} in EB; dropped", [1, 3, 4],
    ),
    "negative DetId": (hit(1, detid=-1), "error", "unknown DetId 4294967295 in EB; dropped", [1, 3, 4]),
    "DetId beyond 32 bits": (hit(1, detid=2**40), "error", "unknown DetId 0 in EB; dropped", [1, 3, 4]),
    "NaN": (hit(1, energy=float("nan")), "error", f"energy nan in EB hit {B}; dropped", [1, 3, 4]),
    "infinite": (hit(2, energy=float("-inf")), "error", f"energy -inf in EB hit {C}; dropped", [1, 2, 4]),
    "absurd": (hit(0, energy=-2e4), "error", f"energy -20000 GeV in EB hit {A}; dropped", [2, 3, 4]),
    "twice the same": (copied(3), "warning", f"EB hit {D} twice with the same energy; one is used", [1, 2, 3, 4]),
    "several twice": (
        copied(3, 0), "warning", f"EB hit {D} twice with the same energy (1 more like it); one is used", [1, 2, 3, 4],
    ),
    "twice, different": (
        copied(3, energy=9.0), "error", f"EB hit {D} twice with different energies; the first one is used",
        [1, 2, 3, 4],
    ),
    "bad, then good": (
        lambda data: (copied(0)(data), hit(0, energy=float("nan"))(data)),
        "error", f"energy nan in EB hit {A}; dropped", [2, 3, 4, 1],
    ),
    "no time": (hit(0, time=float("inf")), "warning", f"time inf in EB hit {A}; taken as 0", [1, 2, 3, 4]),
}  # fmt: skip


@pytest.mark.parametrize("spell", [ig_files.as_json, ig_files.as_python])
@pytest.mark.parametrize("spoil, severity, message, energies", HIT_FAULTS.values(), ids=HIT_FAULTS)
def test_bad_hits_are_reported_and_dropped(tmp_path, spell, spoil, severity, message, energies):
    bad, good = ig_files.event(1), ig_files.event(2)
    spoil(bad)
    path = ig_files.write_ig(tmp_path / "a.ig", bad, good)
    events, problems = read(path)
    assert [str(problem) for problem in problems] == [f"{severity}: {path}: run 7 event 1: {message}"]
    assert problems.has_errors == (severity == "error")
    assert events.event.tolist() == [1, 2]
    assert events.hits["EB"].rows_of(0)["energy"].tolist() == energies
    assert events.hits["EB"].rows_of(1)["energy"].tolist() == [1, 2, 3, 4]
    assert np.isfinite(events.hits["EB"]["time"]).all()


def test_each_event_is_reported_with_its_own_hit(tmp_path):
    events = [ig_files.event(number) for number in (1, 2)]
    for row, data in enumerate(events):
        hit(row, energy=float("nan"))(data)
    path = ig_files.write_ig(tmp_path / "a.ig", *events)
    assert [str(problem) for problem in read(path)[1]] == [
        f"error: {path}: run 7 event 1: energy nan in EB hit {A}; dropped",
        f"error: {path}: run 7 event 2: energy nan in EB hit {B}; dropped",
    ]


def test_the_check_keeps_bad_hits_and_still_reports_them(tmp_path):
    bad = ig_files.event(1)
    hit(0, detid=5)(bad)
    copied(1, 1)(bad)
    path = ig_files.write_ig(tmp_path / "a.ig", bad, ig_files.event(2))
    events, problems = read(path, keep_bad_hits=True)
    assert events.hits["EB"].counts.tolist() == [6, 4]
    assert [problem.remedy for problem in problems] == ["kept for the check"] * 2
    result = check([path])
    eb = result.to_json()["subdetectors"]["EB"]
    assert (eb["hits"], eb["undecodable"], eb["duplicates"]) == (10, 1, 2)
    assert not result.passed


# spoil the event, the message after "error: FILE: Events/Run_7/Event_1: ", is the event lost?
EVENT_FAULTS: dict[str, tuple[Spoil, str, bool]] = {
    "no Types": (lambda data: data.pop("Types"), "no Types; event skipped", True),
    "no Collections": (lambda data: data.pop("Collections"), "no Collections; event skipped", True),
    "Collections a list": (lambda data: data.update(Collections=[1]), "no Collections; event skipped", True),
    "no field names": (
        lambda data: data["Types"].pop("EBRecHits_V2"),
        "no field names for EBRecHits_V2 in Types; collection skipped",
        False,
    ),
    "field names of numbers": (
        lambda data: data["Types"].update(EBRecHits_V2=[[1, 2]]),
        "no field names for EBRecHits_V2 in Types; collection skipped",
        False,
    ),
    "field missing": (
        lambda data: data["Types"].update(EBRecHits_V2=[["eta", "double"]] * 5),
        "EBRecHits_V2 has no field detid; collection skipped",
        False,
    ),
    "rows not a list": (collections(EBRecHits_V2=3), "EBRecHits_V2 is not a list; collection skipped", False),
    "rows too short": (
        collections(EBRecHits_V2=[[1.0]] * 3), "EBRecHits_V2: malformed row 0 (2 more like it); dropped", False,
    ),
    "row too long": (lambda data: ig_files.hits(data)[2].append(0), "EBRecHits_V2: malformed row 2; dropped", False),
    "row not a list": (collections(EBRecHits_V2=["abc"]), "EBRecHits_V2: malformed row 0; dropped", False),
    "text for a number": (hit(1, energy="1.0"), "EBRecHits_V2: malformed row 1; dropped", False),
    "null for a number": (hit(1, energy=None), "EBRecHits_V2: malformed row 1; dropped", False),
    "truth for a number": (hit(1, detid=True), "EBRecHits_V2: malformed row 1; dropped", False),
    "a number of 400 digits": (hit(1, detid=10**400), "EBRecHits_V2: malformed row 1; dropped", False),
    "a point of two": (
        collections(Vertices_V1=[[1, 0, [0.0, 0.0], 0, 0, 0]]), "Vertices_V1: malformed row 0; dropped", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("spoil, message, is_lost", EVENT_FAULTS.values(), ids=EVENT_FAULTS)
def test_garbage_in_an_event_spoils_that_collection_or_event_only(tmp_path, spoil, message, is_lost):
    bad = ig_files.event(1)
    spoil(bad)
    path = ig_files.write_ig(tmp_path / "a.ig", bad, ig_files.event(2))
    events, problems = read(path)
    assert [str(problem) for problem in problems] == [f"error: {path}: Events/Run_7/Event_1: {message}"]
    assert events.event.tolist() == ([2] if is_lost else [1, 2])
    assert len(events.hits["HB"]) == len(events), "the other collections of the event are read"


TEXT_FAULTS = {
    "empty": (b"", "broken JSON, Expecting value"),
    "broken": (b'{"Types": {', "broken JSON, Expecting property name"),
    "cut": (ig_files.as_json(ig_files.event())[:300], "broken JSON, "),
    "not an object": (b"[1, 2]", "no Collections"),
    "not UTF-8": (b'{"Types": "\xff\xfe"}', "not UTF-8 text"),
    "deeply nested": (b"[" * 200_000, "JSON nested too deeply"),
    "deeply nested, older dialect": (b"(" * 200_000, "JSON nested too deeply"),
    "endless number": (b'{"Types": ' + b"1" * 5000 + b"}", "cannot be read (Exceeds the limit"),
    "quotes without end": (b'{"' + b'\\"' * 200_000, "broken JSON, "),
}


@pytest.mark.parametrize("text, message", TEXT_FAULTS.values(), ids=TEXT_FAULTS)
def test_broken_text_spoils_that_event_only(tmp_path, text, message):
    path = ig_files.write_ig(tmp_path / "a.ig", text, ig_files.event(2))
    events, problems = read(path)
    assert len(problems) == 1 and problems.has_errors
    assert str(problems[0]).startswith(f"error: {path}: Events/Run_7/Event_1: {message}")
    assert str(problems[0]).endswith("; event skipped")
    assert events.event.tolist() == [2]


def test_an_event_without_rec_hits_is_an_error(tmp_path):
    empty, missing = ig_files.event(1), ig_files.event(2)
    collections(EBRecHits_V2=[], HBRecHits_V2=[])(empty)
    for name in ("EBRecHits_V2", "HBRecHits_V2"):
        del missing["Collections"][name]
    path = ig_files.write_ig(tmp_path / "a.ig", empty, missing, ig_files.event(3))
    events, problems = read(path)
    assert [str(problem) for problem in problems] == [
        f"error: {path}: run 7 event {event}: no rec hits in any collection; event skipped" for event in (1, 2)
    ]
    assert events.event.tolist() == [3]


def test_a_file_of_nothing_but_empty_events_gives_no_batch(tmp_path):
    write_events(tmp_path / "a.parquet", [good_events(1), good_events(1)])
    empty = ig_files.event(1)
    collections(EBRecHits_V2=[], HBRecHits_V2=[])(empty)
    problems = Problems()
    assert list(read_inputs([ig_files.write_ig(tmp_path / "a.ig", empty)], problems)) == []
    assert len(problems) == 1


def test_an_object_that_points_nowhere_is_dropped(tmp_path):
    data = ig_files.event(1)
    data["Collections"]["PFJets_V1"].append([30.0, float("nan"), 0.0, 0.0])
    path = ig_files.write_ig(tmp_path / "a.ig", data)
    events, problems = read(path)
    assert [str(problem) for problem in problems] == [
        f"error: {path}: run 7 event 1: jets: pt, eta, phi = 30, nan, 0; dropped"
    ]
    assert events.objects["jets"]["pt"].tolist() == [40.0]


def test_an_event_without_a_number_is_skipped(tmp_path):
    data = ig_files.event(1)
    del data["Collections"]["Event_V2"]
    path = tmp_path / "a.ig"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Events/first", ig_files.as_json(data))
        archive.writestr("Events/Run_1/Event_2\nx", ig_files.as_json(ig_files.event(2)))
    events, problems = read(path)
    assert [str(problem) for problem in problems] == [
        f"error: {path}: Events/first: neither Event_V* nor the member's name gives run and event; event skipped"
    ]
    assert events.event.tolist() == [2]


def test_an_event_too_large_is_skipped_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "MAX_EVENT_BYTES", 1 << 20)
    path = ig_files.write_ig(tmp_path / "a.ig", b" " * (1 << 26), ig_files.event(2))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    events, problems = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 << 20
    assert [problem.what for problem in problems] == ["more than 1 MiB of JSON in one event"]
    assert events.event.tolist() == [2]


def test_a_damaged_member_spoils_that_event_only(tmp_path):
    path = ig_files.write_ig(tmp_path / "a.ig", ig_files.event(1), ig_files.event(2), compression=zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"run"', b'"rum"', 1))
    events, problems = read(path)
    assert [problem.what for problem in problems] == ["cannot be read (Bad CRC-32 for file 'Events/Run_7/Event_1')"]
    assert events.event.tolist() == [2]


# ---- whole files


def damaged_store(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    write_events(path, [good_events(3)])
    pq.write_table(change(pq.read_table(path)), path)
    return path


def truncated(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-200])
    return path


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def store_of(path: Path) -> Path:
    write_events(path, [good_events(3)])
    return path


def zip_of(path: Path, member: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "{}")
    return path


def new_version(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({**table.schema.metadata, b"e2e.event_store_version": NEW_VERSION})


def provenance(table: pa.Table, text: bytes) -> pa.Table:
    return table.replace_schema_metadata({**table.schema.metadata, b"e2e.provenance": text})


def retyped(table: pa.Table) -> pa.Table:
    return table.set_column(table.schema.get_field_index("run"), "run", pa.array([1.0, 2.0, 3.0]))


def shortened(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("EB.time")
    return table.set_column(at, table.schema.field(at), pa.array([[1.0]] * 3, table.schema.field(at).type))


FILE_FAULTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda path: path, "no such file or folder; check the path"),
    "empty": (lambda path: write(path, b""), "not a file of events; accepted: iSpy .ig"),
    "not a zip": (lambda path: write(path, b"hello, world"), "not a file of events; accepted: iSpy .ig"),
    "truncated zip": (
        lambda path: truncated(ig_files.write_ig(path, ig_files.event())),
        r"truncated or damaged zip \(File is not a zip file\); fetch the file again",
    ),
    "another zip": (lambda path: zip_of(path, "weights.npy"), "a zip without Events/Run_.* inside; is it an .ig file"),
    "truncated store": (
        lambda path: truncated(store_of(path)), "truncated or damaged event store .*; fetch or make the file again",
    ),
    "newer store": (
        lambda path: damaged_store(path, new_version),
        f"event store version {EVENT_STORE_VERSION + 1}; this e2e reads up to {EVENT_STORE_VERSION}; install a newer",
    ),
    "other Parquet": (
        lambda path: damaged_store(path, lambda table: table.replace_schema_metadata(None)),
        "a Parquet file, but not an event store",
    ),
    "provenance of another kind": (
        lambda path: damaged_store(path, lambda table: provenance(table, b"3")), "truncated or damaged event store",
    ),
    "provenance nested deeply": (
        lambda path: damaged_store(path, lambda table: provenance(table, b"[" * 200_000)),
        "truncated or damaged event store",
    ),
    "column missing": (
        lambda path: damaged_store(path, lambda table: table.drop_columns(["EB.time", "run"])),
        "no column run, EB.time; make the file again",
    ),
    "column of another type": (lambda path: damaged_store(path, retyped), "column run holds double, not uint32"),
    "column too short": (lambda path: damaged_store(path, shortened), r".*\(columns of EB differ in length\)"),
}  # fmt: skip


@pytest.mark.parametrize("spoil, message", FILE_FAULTS.values(), ids=FILE_FAULTS)
def test_a_bad_file_is_one_line_and_the_others_are_read(tmp_path, spoil, message):
    first, last = (ig_files.write_ig(tmp_path / f"{number}.ig", ig_files.event(number)) for number in (1, 3))
    bad = spoil(tmp_path / "bad")
    events, problems = read(first, bad, last)
    assert len(problems) == 1 and "\n" not in str(problems[0])
    assert re.match(f"error: {re.escape(str(bad))}: {message}", str(problems[0]))
    assert events.event.tolist() == [1, 3]
    assert check([first, bad, last]).passed is False


def test_a_missing_path_is_named():
    with pytest.raises(InputError, match=r"^no/such.ig: no such file or folder; check the path$"):
        expand_inputs([Path("no/such.ig")])


def test_a_path_that_the_system_refuses_is_one_line_and_the_others_are_read(tmp_path, monkeypatch):
    good = ig_files.write_ig(tmp_path / "1.ig", ig_files.event(1))
    long, closed = tmp_path / ("a" * 300), tmp_path / "closed"
    closed.mkdir()
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    events, problems = read(long, closed, good)
    assert [(problem.where, problem.what) for problem in problems] == [
        (str(long), "cannot be read (File name too long)"), (str(closed), "cannot be read (Permission denied)"),
    ]  # fmt: skip
    assert events.event.tolist() == [1]


def test_no_flipped_bit_in_the_data_of_a_store_goes_unnoticed(tmp_path):
    path = tmp_path / "a.parquet"
    write_events(path, [random_events(200, seed=3)])
    content = path.read_bytes()
    groups = pq.ParquetFile(path).metadata.row_group(0)
    ends = [
        chunk.data_page_offset + chunk.total_compressed_size
        for chunk in map(groups.column, range(groups.num_columns))
        if "energy" in chunk.path_in_schema
    ]
    for place in (end - back for end in ends for back in (1, 2, 30, 200)):
        damaged = write(tmp_path / "damaged", content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"damaged: truncated or damaged event store .*; fetch or make the file"):
            list(read_events(damaged, Problems()))


def test_bad_hits_of_a_store_are_reported_too(tmp_path):
    events = good_events(2)
    events.hits["EB"]["energy"][1] = np.nan
    write_events(tmp_path / "a.parquet", [events])
    back, problems = read(tmp_path / "a.parquet")
    assert [problem.what for problem in problems] == [f"energy nan in EB hit {events.hits['EB']['detid'][1]}"]
    assert back.hits["EB"].counts.tolist() == [1, 2]


def test_a_message_is_one_printable_line_of_bounded_length():
    problem = Problem("a\nb", "\x1b[31m" + "\ud800" + "x" * 10_000, "go\r\non", "warning")
    text = str(problem)
    assert text.isprintable() and len(text) < 1000
    assert text.startswith("warning: a b: ?[31m?xxx") and text.endswith("...; go on")
    assert str(InputError("a\nb", "c", "d")) == "a b: c; d"


# ---- any bytes at all


def survives(path: Path) -> None:
    problems = Problems()
    for _, batch in read_inputs([path], problems):
        for table in batch.hits.values():
            assert np.isfinite(table["energy"]).all()
    result = check([path])
    assert result.problems.has_errors == problems.has_errors
    assert all("\n" not in str(problem) for problem in problems)


def damage(content: bytes, flips: list[tuple[int, int]], length: int) -> bytes:
    damaged = bytearray(content)
    for place, value in flips:
        damaged[place % len(damaged)] ^= value
    return bytes(damaged[: len(damaged) - length % len(damaged)] if length else damaged)


FLIPS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=8)
CUT = st.one_of(st.just(0), st.integers(1, 1 << 20))


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("fuzz")
    path = ig_files.write_ig(folder / "a.ig", ig_files.event(1), ig_files.event(2))
    stored = ig_files.write_ig(folder / "b.ig", ig_files.event(1), compression=zipfile.ZIP_STORED)
    write_events(folder / "a.parquet", read_events(path, Problems()))
    contents = {name: file.read_bytes() for name, file in (("ig", path), ("stored", stored))}
    return folder, contents | {"store": (folder / "a.parquet").read_bytes()}


@pytest.mark.parametrize("kind", ["ig", "stored", "store"])
@settings(max_examples=150)
@given(flips=FLIPS, length=CUT)
def test_damaged_files_end_in_problems_only(samples, kind, flips, length):
    folder, contents = samples
    survives(write(folder / "damaged", damage(contents[kind], flips, length)))


@settings(max_examples=150)
@given(flips=FLIPS, length=CUT)
def test_damaged_json_spoils_its_event_only(samples, flips, length):
    folder, _ = samples
    text = damage(ig_files.as_json(ig_files.event(1)), flips, length)
    path = ig_files.write_ig(folder / "damaged.ig", text, ig_files.event(2))
    survives(path)
    assert read(path)[0].event.tolist()[-1] == 2


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from([2**64, -1])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200)
@given(choices=st.lists(st.integers(0, 1000), min_size=1, max_size=5), value=ANYTHING)
def test_any_value_anywhere_in_an_event_spoils_its_event_only(samples, choices, value):
    folder, _ = samples
    data: Any = ig_files.event(1)
    inside = data
    for choice in choices[:-1]:
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        following = inside[keys[choice % len(keys)]]
        if not isinstance(following, dict | list) or not following:
            break
        inside = following
    keys = list(inside) if isinstance(inside, dict) else range(len(inside))
    inside[keys[choices[-1] % len(keys)]] = value
    path = ig_files.write_ig(folder / "any.ig", data, ig_files.event(2))
    survives(path)
    assert read(path)[0].event.tolist()[-1] == 2
