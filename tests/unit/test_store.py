"""The event store: lossless, the same bytes for the same events, nothing left behind when writing fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_samples import assert_identical, assert_same_bits, good_events, random_events

from e2e.contract import EVENT_STORE_VERSION
from e2e.events import store
from e2e.events.reader import expand_inputs, read_events, read_inputs
from e2e.events.record import Events, Table
from e2e.events.store import EventWriter, StoreReader, write_events
from e2e.problems import InputError, Problems


def read(path: Path) -> Events:
    """As the file says it, before the door."""
    return Events.concatenate(StoreReader().read(path, Problems()))


@pytest.mark.parametrize("with_positions", [True, False])
def test_every_bit_comes_back(tmp_path, with_positions):
    events = random_events(300, seed=1, with_positions=with_positions)
    assert np.isnan(events.objects["photons"]["pt"]).any(), "the sample must hold what is hard to keep"
    write_events(tmp_path / "a.parquet", [events])
    back = read(tmp_path / "a.parquet")
    assert_identical(back, events)
    assert back.provenance == {"seed": 1}


def test_signed_zero_and_nan_payload_come_back(tmp_path):
    events = good_events(1)
    bits = np.array([0x80000000, 0x7FC12345], dtype=np.uint32)
    events.hits["EB"]["energy"][:] = bits.view(np.float32)
    write_events(tmp_path / "a.parquet", [events])
    assert read(tmp_path / "a.parquet").hits["EB"]["energy"].view(np.uint32).tolist() == bits.tolist()


def test_the_bytes_depend_on_the_events_not_on_the_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ROW_GROUP_EVENTS", 40)
    monkeypatch.setattr(store, "ROW_GROUP_HITS", 500)
    events = random_events(150, seed=2)
    for name, size in (("whole", 150), ("again", 150), ("singles", 1), ("sevens", 7)):
        batches = [events.slice(i, min(i + size, 150)) for i in range(0, 150, size)]
        write_events(tmp_path / name, batches)
    whole = (tmp_path / "whole").read_bytes()
    assert all((tmp_path / name).read_bytes() == whole for name in ("again", "singles", "sevens"))
    assert pq.ParquetFile(tmp_path / "whole").num_row_groups > 4
    assert_identical(read(tmp_path / "whole"), events)


def test_absent_tables_stay_absent_and_empty_ones_empty(tmp_path):
    events = good_events(3)
    nothing = Table.from_counts([0, 0, 0], {name: np.zeros(0, np.float32) for name in ("pt", "eta", "phi")})
    events = Events(events.run, events.luminosity_block, events.event, events.hits, {"jets": nothing})
    write_events(tmp_path / "a.parquet", [events])
    back = read(tmp_path / "a.parquet")
    assert list(back.hits) == ["EB"] and list(back.objects) == ["jets"]
    assert list(back.hits["EB"].columns) == ["detid", "energy", "time"]


def with_jets(events: Events, *present: bool) -> Events:
    """One jet in each event that has the collection."""
    counts = np.array(present, dtype=int)
    columns = {name: np.ones(counts.sum(), np.float32) for name in ("pt", "eta", "phi")}
    jets = Table.from_counts(counts, columns, np.array(present))
    return Events(events.run, events.luminosity_block, events.event, events.hits, {"jets": jets})


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_which_events_have_a_collection_comes_back_however_they_are_batched(tmp_path, monkeypatch, batch):
    monkeypatch.setattr(store, "READ_EVENTS", batch)
    events = with_jets(good_events(5), True, False, False, True, False)
    write_events(tmp_path / "whole", [events])
    write_events(tmp_path / "split", [events.slice(i, min(i + batch, 5)) for i in range(0, 5, batch)])
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "split").read_bytes()
    lists = pq.read_table(tmp_path / "whole")["jets.pt"].to_pylist()
    assert lists == [[1.0], None, None, [1.0], None]
    back = read(tmp_path / "split").objects["jets"]
    assert back.is_present.tolist() == [True, False, False, True, False]


def test_stored_positions_that_only_some_events_have_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ROW_GROUP_EVENTS", 2)
    without = good_events(2)
    eb = without.hits["EB"]
    places = {name: np.zeros(len(eb)) for name in ("eta", "phi")}
    numbers = (without.run, without.luminosity_block, without.event)
    write_events(tmp_path / "a", [Events(*numbers, {"EB": Table(eb.offsets, {**eb.columns, **places})}), without])
    back = list(StoreReader().read(tmp_path / "a", Problems()))
    assert sum(len(batch) for batch in back) == 4
    assert all(list(batch.hits["EB"].columns) == ["detid", "energy", "time"] for batch in back)


def test_lists_are_one_level_deep_and_compressed(tmp_path):
    write_events(tmp_path / "a.parquet", [good_events(2)])
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert file.schema_arrow.field("EB.detid").type.value_type == pa.uint32()
    assert {str(field.type) for field in file.schema_arrow} <= {
        "uint32", "uint64", *(f"list<element: {kind} not null>" for kind in ("uint32", "float", "double")),
    }  # fmt: skip
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert file.schema_arrow.metadata[b"e2e.event_store_version"] == str(EVENT_STORE_VERSION).encode()


def test_a_store_without_events_is_readable(tmp_path):
    write_events(tmp_path / "a.parquet", [])
    problems = Problems()
    assert list(read_events(tmp_path / "a.parquet", problems)) == [] and problems == []


def test_batches_read_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "READ_EVENTS", 10)
    write_events(tmp_path / "a.parquet", [good_events(25)])
    assert [len(batch) for batch in StoreReader().read(tmp_path / "a.parquet", Problems())] == [10, 10, 5]


def test_a_folder_of_stores_is_read_in_name_order(tmp_path):
    for part, first in (("part-1", 10), ("part-0", 1)):
        write_events(tmp_path / f"{part}.parquet", [good_events(2, first)])
    assert [path.stem for path in expand_inputs([tmp_path])] == ["part-0", "part-1"]
    numbers = [(path.stem, batch.event.tolist()) for path, batch in read_inputs([tmp_path], Problems())]
    assert numbers == [("part-0", [1, 2]), ("part-1", [10, 11])]


def test_an_error_that_is_not_of_writing_is_passed_on_as_it_is(tmp_path):
    with pytest.raises(ConnectionError), EventWriter(tmp_path / "a.parquet") as writer:
        writer.write(good_events(2))
        raise ConnectionError
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_and_the_old_file_stays_when_writing_fails(tmp_path):
    path = tmp_path / "a.parquet"
    write_events(path, [good_events(1)])
    old = path.read_bytes()
    with pytest.raises(RuntimeError, match="halfway"), EventWriter(path) as writer:
        writer.write(good_events(2))
        raise RuntimeError("halfway")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]
    assert path.read_bytes() == old


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no/such/a.parquet: cannot be written .*; choose another place"):
        write_events(tmp_path / "no/such/a.parquet", [])
    with pytest.raises(InputError, match="cannot be written"):
        write_events(tmp_path, [])


def test_columns_that_the_record_does_not_know_are_refused(tmp_path):
    events = good_events(1)
    for column, values in (("energy", np.zeros(2)), ("colour", np.zeros(2, np.float32))):
        table = Table(events.hits["EB"].offsets, {**events.hits["EB"].columns, column: values})
        with pytest.raises(ValueError, match=f"EB.{column} of float"):
            write_events(tmp_path / "a", [Events(events.run, events.run, events.event, {"EB": table})])
    half = Table(events.hits["EB"].offsets, {"detid": events.hits["EB"]["detid"]})
    with pytest.raises(ValueError, match="EB has no column energy, time"):
        write_events(tmp_path / "a", [Events(events.run, events.run, events.event, {"EB": half})])
    assert list(tmp_path.iterdir()) == []


def test_columns_of_a_later_version_are_unknown_in_a_file_of_version_1(tmp_path):
    """What version 1 would have written of the same events, tracks included."""
    events = random_events(40, seed=3)
    write_events(tmp_path / "new", [events])
    table = pq.read_table(tmp_path / "new")
    added = [*store._NEW_COLUMNS[2]]
    old = table.drop_columns(added)
    metadata = {**table.schema.metadata, b"e2e.event_store_version": b"1"}
    pq.write_table(old.replace_schema_metadata(metadata), tmp_path / "old")

    back = read(tmp_path / "old")
    assert "tracker_hits" not in back.objects
    for column, values in events.objects["tracks"].columns.items():
        if f"tracks.{column}" in added:
            assert np.isnan(back.objects["tracks"][column]).all() and len(values) == len(back.objects["tracks"])
        else:
            assert_same_bits(back.objects["tracks"][column], values)

    pq.write_table(old.replace_schema_metadata(table.schema.metadata), tmp_path / "lost")
    with pytest.raises(InputError, match=r"no column tracks.d0_error_cm, .*; make the file again"):
        read(tmp_path / "lost")
