"""The candidate store: lossless, the same bytes for the same candidates, and damage is noticed."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from candidate_samples import SPEC, assert_same_candidates, assert_same_pixels, random_candidates
from event_samples import assert_same_bits, good_events, random_events
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.contract import CANDIDATE_STORE_VERSION, FrameSpec
from e2e.datasets import CandidateSet, candidate_store
from e2e.datasets.candidate_store import CandidateFile, CandidateWriter, is_candidate_store
from e2e.datasets.labels import event_labels
from e2e.datasets.stored import open_candidates, with_channels
from e2e.problems import InputError


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(candidate_store, "ROW_GROUP_CANDIDATES", 10)
    monkeypatch.setattr(candidate_store, "ROW_GROUP_PIXELS", 80)


def store(path: Path, *parts: CandidateSet, task: str | None = "electron-photon") -> Path:
    with CandidateWriter(path, parts[0].candidates.spec if parts else SPEC, task, {"made": "here"}) as writer:
        for part in parts:
            writer.write(part)
    return path


def test_every_bit_comes_back(tmp_path, small_groups):
    sample = random_candidates(95, seed=1)
    path = store(tmp_path / "a.parquet", sample)
    back = open_candidates([path])
    assert_same_candidates(back, sample)
    assert back.provenance == [{"sample": 1}]
    about = CandidateFile(path).about
    assert (about.task, about.frame, about.more) == ("electron-photon", SPEC, {"made": "here"})
    assert sum(about.pixels.values()) == sample.candidates.load().offsets[-1]
    assert pq.ParquetFile(path).num_row_groups > 9


def test_the_bytes_depend_on_the_candidates_not_on_the_batches(tmp_path, small_groups):
    sample = random_candidates(95, seed=2)
    for name, size in (("whole", 95), ("singles", 1), ("sevens", 7)):
        store(tmp_path / name, *(sample.select(slice(i, i + size)) for i in range(0, 95, size)))
    whole = (tmp_path / "whole").read_bytes()
    assert (tmp_path / "singles").read_bytes() == whole
    assert (tmp_path / "sevens").read_bytes() == whole


def test_a_store_says_what_it_holds_to_whoever_reads_parquet(tmp_path):
    file = pq.ParquetFile(store(tmp_path / "a.parquet", random_candidates(5, seed=3)))
    assert file.schema_arrow.field("pixel_index").type.value_type == pa.int32()
    assert b'"unit": "GeV"' in file.metadata.metadata[b"e2e.about"]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_store_without_candidates_is_one(tmp_path):
    path = store(tmp_path / "a.parquet")
    assert is_candidate_store(path)
    assert len(open_candidates([path])) == 0


def test_candidates_of_another_frame_are_refused(tmp_path):
    sample = random_candidates(3, seed=4)
    with (
        pytest.raises(ValueError, match="cannot be stored"),
        CandidateWriter(tmp_path / "a", FrameSpec(), None) as file,
    ):
        file.write(sample)
    assert list(tmp_path.iterdir()) == []


def test_what_stops_the_writing_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), CandidateWriter(tmp_path / "a", SPEC, None) as file:
        file.write(random_candidates(3, seed=4))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [("ecal_time",), ("ecal_energy",), ("ecal_time", "ecal_energy")])
def test_channels_can_be_chosen_and_put_in_another_order(order):
    sample = random_candidates(40, seed=5).candidates.load()
    chosen = with_channels(sample, replace(SPEC, channels=order))
    places = [SPEC.channels.index(name) for name in order]
    np.testing.assert_array_equal(chosen.to_dense(), sample.to_dense()[:, places])
    assert all(np.all(np.diff(chosen.pixel_index[low:high]) > 0) for low, high in pairwise(chosen.offsets))
    if len(order) == 2:
        assert_same_pixels(with_channels(chosen, SPEC), sample)


def test_stores_of_other_frames_or_tasks_are_refused_by_name(tmp_path):
    one = store(tmp_path / "one", random_candidates(3, seed=6))
    other = store(tmp_path / "other", random_candidates(3, seed=6), task="diphoton-mass")
    with pytest.raises(InputError, match=r"other: holds candidates of diphoton-mass, .*one those of electron-photon"):
        open_candidates([one, other])
    energy = store(tmp_path / "energy", random_candidates(3, seed=6, spec=FrameSpec()))
    with pytest.raises(InputError, match="energy: has no channel ecal_time; it has ecal_energy"):
        open_candidates([one, energy])
    with pytest.raises(InputError, match="one: holds 32 x 32 windows of the barrel grid, not 9 x 32"):
        open_candidates([one], FrameSpec(rows=9, centre_row=4))


def test_a_newer_store_and_another_parquet_file_are_refused(tmp_path):
    path = store(tmp_path / "a", random_candidates(3, seed=7))
    table = pq.read_table(path)
    metadata = {key: value for key, value in pq.read_metadata(path).metadata.items() if key.startswith(b"e2e.")}
    newer = {**metadata, b"e2e.candidate_store_version": str(CANDIDATE_STORE_VERSION + 1).encode()}
    pq.write_table(table.replace_schema_metadata(newer), tmp_path / "newer")
    with pytest.raises(InputError, match="install a newer e2e"):
        CandidateFile(tmp_path / "newer")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x")
    assert not is_candidate_store(tmp_path / "x")
    with pytest.raises(InputError, match="not a candidate store"):
        CandidateFile(tmp_path / "x")


def test_a_candidate_knows_the_vertices_of_its_event():
    events = random_events(6, seed=3)
    counts = events.objects["vertices"].counts
    index = np.array([0, 0, 2, 5])
    assert event_labels(events, index)["vertices"].tolist() == counts[index].tolist()
    alone = good_events(2)
    assert np.isnan(event_labels(alone, np.array([0, 1]))["vertices"]).all()


@pytest.mark.parametrize(("version", "later"), [(1, {"vertices", "truth.decay_mode"}), (2, {"truth.decay_mode"})])
def test_a_store_of_an_older_version_is_read_without_what_came_later(tmp_path, version, later):
    sample = random_candidates(9, seed=7)
    path = store(tmp_path / "a", sample)
    table, metadata = pq.read_table(path), pq.read_metadata(path).metadata
    older = {k: v for k, v in metadata.items() if k.startswith(b"e2e.")} | {
        b"e2e.candidate_store_version": b"%d" % version
    }
    pq.write_table(table.drop_columns(sorted(later)).replace_schema_metadata(older), tmp_path / "older")
    read = open_candidates([tmp_path / "older"])
    assert all(np.isnan(read.labels[name]).all() for name in later)
    known = {name: column for name, column in read.labels.items() if name not in later}
    for name, column in known.items():
        assert_same_bits(column, sample.labels[name])
    assert_same_pixels(read.candidates.load(), sample.candidates.load())
    pq.write_table(table.replace_schema_metadata(older), tmp_path / "odd")
    with pytest.raises(InputError, match="columns are not those of a candidate store"):
        CandidateFile(tmp_path / "odd")


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> tuple[Path, bytes, CandidateSet]:
    sample = random_candidates(60, seed=8)
    path = store(tmp_path_factory.mktemp("fuzz") / "a", sample)
    return path, path.read_bytes(), sample


@settings(max_examples=400)
@given(place=st.integers(0, 1 << 20), flip=st.integers(1, 255), cut=st.booleans())
def test_damage_is_noticed_or_harmless(stored, place, flip, cut):
    """Pages and our metadata have checksums; what is left is the footer, of which Arrow notices what it must read."""
    path, content, sample = stored
    place %= len(content)
    damaged = content[:place] if cut else content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
    path.write_bytes(damaged)
    try:
        back = open_candidates([path])
        pixels = back.candidates.load()
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert not cut
    is_footer = place >= len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if not is_footer:
        assert_same_candidates(replace(back, candidates=pixels), sample)
