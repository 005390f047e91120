"""Compressed candidates, lossless: every bit comes back, and damage takes its own block and no other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from candidate_samples import SPEC, assert_same_candidates, random_candidates
from compressed_samples import BLOCK, compressed, read
from hypothesis import example, given, settings
from hypothesis import strategies as st

from e2e.compression import container, header
from e2e.compression.compressed_file import CompressedFile
from e2e.compression.lossless import SparseZstd
from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet
from e2e.datasets.load import concatenate
from e2e.problems import InputError


@given(st.integers(0, 40), st.integers(0, 1000), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_every_bit_comes_back(tmp_path_factory, count, seed, max_pixels):
    sample = random_candidates(count, seed, max_pixels=max_pixels)
    parts, problems = read(compressed(tmp_path_factory.mktemp("a") / "f", sample))
    assert problems == []
    if count:
        assert_same_candidates(concatenate(parts), sample)
        assert parts[0].provenance == [{"sample": seed}]
    assert [len(part) for part in parts] == [min(BLOCK, count - start) for start in range(0, count, BLOCK)]


def test_indices_beyond_sixteen_bits_come_back(tmp_path):
    spec = FrameSpec("stitched", ("track_pt", "ecal_energy", "hcal_energy"), 280, 360, 0, 0)
    sample = random_candidates(20, seed=3, spec=spec)
    assert sample.candidates.load().pixel_index.max() > 1 << 16
    parts, _ = read(compressed(tmp_path / "f", sample, spec=spec))
    assert_same_candidates(concatenate(parts), sample)


def test_the_bytes_depend_on_the_candidates_not_on_the_batches(tmp_path):
    sample = random_candidates(45, seed=2)
    for name, size in (("whole", 45), ("singles", 1), ("sevens", 7)):
        compressed(tmp_path / name, *(sample.select(slice(i, i + size)) for i in range(0, 45, size)))
    whole = (tmp_path / "whole").read_bytes()
    assert (tmp_path / "singles").read_bytes() == whole
    assert (tmp_path / "sevens").read_bytes() == whole


@pytest.mark.parametrize("border", [4, 8, 11, 40])
def test_the_bytes_depend_on_the_provenance_not_on_the_batches(tmp_path, border):
    sample = random_candidates(45, seed=2)
    halves = sample.select(slice(0, border)), replace(sample.select(slice(border, None)), provenance=[{"sample": 9}])
    written = set()
    for size in (45, 7, 1):
        parts = [half.select(slice(i, i + size)) for half in halves for i in range(0, len(half), size)]
        nothing = replace(sample.select(slice(0, 0)), provenance=[{"sample": 9}])  # of no candidate
        written.add(compressed(tmp_path / "f", nothing, *parts).read_bytes())
    assert len(written) == 1
    with CompressedFile(tmp_path / "f") as file:
        assert file.provenance == [{"sample": 2}, {"sample": 9}]


@given(st.integers(0, 50), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_any_candidates_can_be_read_alone(tmp_path_factory, one, other):
    start, stop = sorted((one, other))
    sample = random_candidates(45, seed=2)
    parts, _ = read(compressed(tmp_path_factory.mktemp("a") / "f", sample), start, stop)
    if wanted := range(start, min(stop, 45)):
        assert_same_candidates(concatenate(parts), sample.select(list(wanted)))
    else:
        assert parts == []


# ---- damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    sample = random_candidates(45, seed=5)
    path = compressed(tmp_path_factory.mktemp("damage") / "f", sample)
    return path, path.read_bytes(), sample


def damaged_read(path: Path, content: bytes, sample: CandidateSet, *, is_used: bool = True) -> int | None:
    """How many candidates come back, every one of which must be right; None: the file is refused.

    is_used: whether the damage must be noticed; the copy of the provenance in front of the blocks is for lost indices.
    """
    path.write_bytes(content)
    try:
        parts, problems = read(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        return None
    assert problems or not is_used, "damage that nobody noticed"
    for part in parts:
        assert part.provenance == sample.provenance
        assert_same_candidates(part, sample.select([int(number) for number in part.labels["event"]]))
    return sum(map(len, parts))


def test_every_flipped_bit_is_noticed_and_costs_its_block_at_most(whole):
    """All bits of the heads of sections, and every 31st byte of the rest."""
    path, content, sample = whole
    heads = {offset + i for _, offset in container.find_sections(content) for i in range(16)}
    places = sorted(heads | set(range(0, len(content), 31)) | set(range(len(content) - 24, len(content))))
    (spare,) = (range(offset, offset + 16 + 13) for kind, offset in container.find_sections(content) if kind == b"FROM")
    damaged = bytearray(content)
    for place in places:
        bit = 1 << place % 8
        damaged[place] ^= bit
        if (back := damaged_read(path, bytes(damaged), sample, is_used=place not in spare)) is None:
            assert place < len(container.MAGIC)
        else:
            assert back >= len(sample) - BLOCK
        damaged[place] ^= bit


@given(st.integers(0, 1 << 20))
@example(8)
@settings(max_examples=60, deadline=None)
def test_of_a_truncated_file_the_whole_blocks_are_read(whole, length):
    path, content, sample = whole
    length %= len(content)
    sections = list(container.find_sections(content))
    end_of_header = sections[1][1]
    ends = [end for (kind, _), (_, end) in pairwise(sections) if kind == container.BLOCK]
    back = damaged_read(path, content[:length], sample)
    if length < end_of_header:
        assert back is None
    else:
        assert back == min(len(sample), BLOCK * sum(end <= length for end in ends))


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_strange_bytes_are_refused_in_one_line(tmp_path_factory, noise):
    path = tmp_path_factory.mktemp("noise") / "f"
    for content in (noise, container.MAGIC + noise):
        path.write_bytes(content)
        with pytest.raises(InputError):
            CompressedFile(path)


def test_a_code_of_another_frame_is_refused():
    sample = random_candidates(9, seed=1).candidates.load()
    code = SparseZstd(SPEC).encode(sample)
    with pytest.raises(ValueError, match="ascending inside the frame"):
        SparseZstd(FrameSpec(channels=("ecal_energy",), rows=4, columns=4, centre_row=0, centre_column=0)).decode(
            code, sample.seeds
        )


def test_a_newer_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(header, "COMPRESSED_VERSION", 99)
    path = compressed(tmp_path / "f", random_candidates(3, seed=1))
    monkeypatch.undo()
    with pytest.raises(InputError, match="version 99; this e2e reads up to"):
        CompressedFile(path)
