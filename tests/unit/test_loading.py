"""Loading: every candidate once, in an order that depends on the seed alone, for any number of ranks, from anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from candidate_samples import assert_same_pixels, random_candidates
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.datasets import CandidateSet, candidate_store, load_candidates, order, stored
from e2e.datasets.candidate_store import CandidateWriter
from e2e.datasets.order import num_batches, share_of, visit
from e2e.datasets.stored import open_candidates, read_ahead
from e2e.problems import InputError
from e2e.tasks import TASKS

COUNT = 230


@pytest.fixture(scope="module")
def sample() -> CandidateSet:
    return random_candidates(COUNT, seed=11)


@pytest.fixture(scope="module")
def on_disk(sample, tmp_path_factory) -> CandidateSet:
    """In three files of many row groups."""
    folder = tmp_path_factory.mktemp("stores")
    paths = [folder / f"part-{number}.parquet" for number in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate_store, "ROW_GROUP_CANDIDATES", 9)
        for path, rows in zip(paths, np.array_split(np.arange(COUNT), 3), strict=True):
            with CandidateWriter(path, sample.candidates.spec, "electron-photon") as writer:
                writer.write(sample.select(rows))
    return open_candidates(paths)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(order, "BLOCK_GROUPS", 4)


def test_a_random_sample_is_fixed_in_the_order_stored_and_holds_the_smaller_ones(sample, on_disk):
    places = {name: np.arange(COUNT) for name in sample.labels} | {"target": np.arange(COUNT, dtype=np.float32)}
    some, fewer = (CandidateSet(sample.candidates, places, []).sample(count).target for count in (100, 30))
    assert (len(some), len(fewer)) == (100, 30)
    assert (np.diff(some) > 0).all()
    assert set(fewer) < set(some)
    assert 30 < (some < COUNT / 2).sum() < 70  # where one kind is stored after the other, both are in it
    same(sample.sample(100).batches(32), on_disk.sample(100).batches(32))
    with pytest.raises(ValueError, match="asked for"):
        sample.sample(COUNT + 1)


def numbers(batches) -> list[list[int]]:
    return [seed_rows(batch) for batch in batches]


def seed_rows(batch) -> list[tuple[float, ...]]:
    """What tells one candidate of the sample from all others."""
    return [tuple(row) for row in np.column_stack((batch.packed.seed, batch.packed.pixel_value[:, :1])).tolist()]


def same(one, other) -> None:
    one, other = list(one), list(other)
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        for a, b in zip((*ours.packed, ours.targets), (*theirs.packed, theirs.targets), strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=200)
@given(st.integers(0, 300), st.integers(1, 9), st.integers(1, 40))
def test_ranks_share_all_candidates_evenly(count, ranks, batch_size):
    shares = [share_of(rank, ranks, count, batch_size) for rank in range(ranks)]
    steps = num_batches(ranks, count, batch_size)
    assert all(len(share) == steps + 1 for share in shares)
    if steps:
        taken = np.concatenate([np.arange(share[0], share[-1]) for share in shares])
        assert taken.tolist() == list(range(count))
        sizes = np.concatenate([np.diff(share) for share in shares])
        assert sizes.min() > 0 and sizes.max() <= batch_size + (ranks > 1)
    else:
        assert count < ranks


@settings(max_examples=100)
@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 3), st.integers(0, 3))
def test_a_visit_takes_every_row_once(sizes, seed, epoch):
    group = np.repeat(np.arange(len(sizes)), sizes)
    for found in (visit(group, (seed, epoch)), visit(group, None)):
        assert sorted(found.rows.tolist()) == list(range(len(group)))
        assert found.cuts[0] == 0 and found.cuts[-1] == len(group)


def test_blocks_mix_groups_from_everywhere_and_epochs_differ(on_disk):
    group = on_disk.candidates.group
    first = visit(group, (1, 0))
    block = group[first.rows[: first.cuts[1]]]
    assert len(np.unique(block)) == 4 and np.ptp(block) > 4
    assert first.rows.tolist() != visit(group, (1, 1)).rows.tolist()
    assert first.rows.tolist() == visit(group, (1, 0)).rows.tolist()


@pytest.mark.parametrize("shuffle_seed", [None, (3, 1)])
@pytest.mark.parametrize("batch_size", [1, 16, 500])
def test_disk_and_memory_give_the_same_candidates(sample, on_disk, shuffle_seed, batch_size):
    batches = list(on_disk.batches(batch_size, shuffle_seed))
    assert len(batches) == on_disk.num_batches(batch_size)
    rows = visit(on_disk.candidates.group, shuffle_seed).rows
    same(batches, sample.select(rows).batches(batch_size))
    if shuffle_seed is None:
        same(batches, sample.batches(batch_size))


@pytest.mark.parametrize("readers", [1, 2, 5])
def test_the_order_does_not_depend_on_who_reads(on_disk, monkeypatch, readers):
    expected = list(on_disk.batches(16, (5, 0)))
    monkeypatch.setattr(stored, "READERS", readers)
    same(on_disk.batches(16, (5, 0)), expected)


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_ranks_together_see_every_candidate_once_in_one_order(on_disk, ranks):
    whole = [row for batch in on_disk.batches(16, (5, 0)) for row in seed_rows(batch)]
    parts = [
        row
        for rank in range(ranks)
        for b in on_disk.batches(16, (5, 0), rank=rank, ranks=ranks)
        for row in seed_rows(b)
    ]
    assert parts == whole
    assert len(set(whole)) == COUNT


@pytest.mark.parametrize("start", [0, 1, 7, 14, 15])
def test_an_epoch_goes_on_in_the_middle(on_disk, start):
    whole = list(on_disk.batches(16, (5, 0)))
    same(on_disk.batches(16, (5, 0), start=start), whole[start:])


def test_going_on_reads_no_more_than_it_must(on_disk, monkeypatch):
    read = []
    original = candidate_store.CandidateFile.pixels
    monkeypatch.setattr(
        candidate_store.CandidateFile, "pixels", lambda self, group: read.append(group) or original(self, group)
    )
    last = len(list(on_disk.batches(16, (5, 0)))) - 1
    everything, read[:] = len(read), []
    assert len(list(on_disk.batches(16, (5, 0), start=last))) == 1
    assert 0 < len(read) < everything / 3


def test_a_selection_of_a_selection(sample, on_disk):
    rows = np.arange(COUNT)[::-3]
    same(on_disk.select(rows).select(slice(5, 40)).batches(8), sample.select(rows[5:40]).batches(8))
    assert_same_pixels(on_disk.select(rows).candidates.load(), sample.select(rows).candidates.load())


def test_no_candidates_are_loaded_as_none(on_disk):
    nothing = on_disk.select(slice(0, 0))
    assert len(nothing.candidates.load()) == 0 and list(nothing.batches(4, (1, 0))) == []


@pytest.mark.parametrize("task", ["electron-photon", None])
def test_candidates_of_another_task_are_refused(sample, tmp_path, task):
    path = tmp_path / "a.parquet"
    with CandidateWriter(path, sample.candidates.spec, task) as writer:
        writer.write(sample)
    assert len(open_candidates([path], task="electron-photon")) == COUNT
    if task is None:  # nobody knows better
        assert len(open_candidates([path], task="diphoton-mass")) == COUNT
        with pytest.raises(InputError, match="holds 32 x 32 windows of the barrel grid, not 125 x 125"):
            load_candidates(TASKS["quark-gluon"], [path])
    else:
        with pytest.raises(InputError, match="holds candidates of electron-photon, not of quark-gluon"):
            load_candidates(TASKS["quark-gluon"], [path])


def test_a_file_that_is_damaged_later_stops_the_loading_with_one_line(sample, tmp_path):
    path = tmp_path / "a.parquet"
    with CandidateWriter(path, sample.candidates.spec, None) as writer:
        writer.write(sample)
    whole = open_candidates([path])
    content = bytearray(path.read_bytes())
    footer = 8 + int.from_bytes(content[-8:-4], "little")
    content[-footer - 20] ^= 1  # the pixels come last
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged candidate store"):
        list(whole.batches(16, (1, 0)))


def test_reading_ahead_keeps_the_order_and_stays_close():
    asked = []

    def items():
        for number in range(20):
            asked.append(number)
            yield number

    found = read_ahead(lambda number: number * 2, items(), 3)
    assert [next(found) for _ in range(4)] == [0, 2, 4, 6]
    assert len(asked) <= 4 + 3
    assert list(found) == [number * 2 for number in range(4, 20)]
