"""Files of compressed candidates that no damage makes: halves of two files, or written by somebody to deceive."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from struct import pack_into, unpack_from
from typing import Any

import pytest
from candidate_samples import assert_same_candidates, random_candidates
from compressed_samples import BLOCK, compressed, read

from e2e.cli import main
from e2e.compression import container
from e2e.compression.block import COLUMNS, MAX_BLOCK_CANDIDATES
from e2e.compression.compressed_file import CompressedFile
from e2e.datasets.load import concatenate
from e2e.problems import InputError

SAMPLE = random_candidates(45, seed=5)


@pytest.fixture
def path(tmp_path):
    return compressed(tmp_path / "f", SAMPLE)


def blocks_of(content: bytes) -> list[int]:
    return [offset for kind, offset in container.find_sections(content) if kind == container.BLOCK]


def with_index(path: Path, change: Callable[[dict[str, Any]], Any], *more: bytes) -> Path:
    """The same file with another index; more: blocks in front of it."""
    content = path.read_bytes()
    found = container.find_index(content)
    index = json.loads(found.content)
    file = BytesIO()
    file.write(content[: found.offset])
    offsets = [container.write_section(file, container.BLOCK, block) for block in more]
    change(index)
    for number, offset in enumerate(offsets):
        index["blocks"][number][0] = offset
    container.write_tail(file, container.write_section(file, container.INDEX, json.dumps(index).encode()))
    path.write_bytes(file.getvalue())
    return path


# ---- parts of two files


def test_a_block_of_an_older_file_does_not_pass(path, tmp_path):
    """A copy over a longer file of the same name that was broken off behind the first block."""
    old, new = path.read_bytes(), compressed(tmp_path / "g", random_candidates(40, seed=2)).read_bytes()
    end = blocks_of(new)[1]
    path.write_bytes(new[:end] + old[end:])
    parts, problems = read(path)
    assert_same_candidates(concatenate(parts), SAMPLE.select(slice(BLOCK, None)))
    assert len(problems) == 1 and problems[0].startswith("candidates 0 to 7 are damaged")


def test_blocks_in_another_order_do_not_pass(path):
    def swap(index):
        index["blocks"][0], index["blocks"][1] = index["blocks"][1], index["blocks"][0]

    parts, problems = read(with_index(path, swap))
    assert_same_candidates(concatenate(parts), SAMPLE.select(slice(2 * BLOCK, None)))
    assert [what[:24] for what in problems] == ["candidates 0 to 7 are da", "candidates 8 to 15 are d"]


def test_bytes_that_are_missing_cost_their_block(path):
    content = path.read_bytes()
    place = blocks_of(content)[1] + 60
    path.write_bytes(content[:place] + content[place + 30 :])
    parts, problems = read(path)
    assert [len(part) for part in parts] == [8, 8, 8, 8, 5]
    assert "37 candidates were found; missing: 8 to 15, anything behind 44" in problems[0]


def test_without_an_index_a_block_is_taken_once(path):
    content = path.read_bytes()
    path.write_bytes(content[: blocks_of(content)[3]] + content[blocks_of(content)[0] :][:-1])
    parts, problems = read(path)
    assert_same_candidates(concatenate(parts), SAMPLE)
    assert "45 candidates were found" in problems[0]


# ---- to deceive


@pytest.mark.parametrize("pattern", [b"BLCK", b"HEADFROMINDX"])
def test_the_search_passes_over_the_file_once(tmp_path, pattern):
    """Once for each of what looks like a section, it would not end today."""
    (tmp_path / "f").write_bytes(container.MAGIC + pattern * (1 << 18))
    with pytest.raises(InputError, match="no HEAD section"):
        CompressedFile(tmp_path / "f")


def test_no_byte_is_checked_for_many_sections(monkeypatch):
    """Heads one behind the other, of sections that all reach far."""
    file = BytesIO(container.MAGIC)
    file.seek(0, 2)
    checked = []
    monkeypatch.setattr(container, "MAX_LENGTH", 1 << 40)
    for _ in range(500):
        start = file.tell()
        container.write_section(file, container.BLOCK, bytes(4000))
        file.truncate(start + 16)
        file.seek(0, 2)
    file.write(b"x" * 6000)
    for _, offset in container.find_sections(file.getvalue()):
        checked.append(unpack_from("<I", file.getvalue(), offset + 4)[0])
    assert checked and sum(checked) <= 2 * len(file.getvalue())


def header(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda index: index["header"].update(changes)


INDICES = {
    "header a string": lambda index: index.update(header="x"),
    "no header": lambda index: index.pop("header"),
    "nested": lambda index: index.update(header=nested(100)),
    "version a string": header(version="x"),
    "no columns": header(columns=[]),
    "no seeds": header(columns=[[name, kind] for name, kind in COLUMNS.items() if not name.startswith("seed")]),
    "strange columns": header(columns=[*COLUMNS.items(), ["x", "float32"]]),
    "no such type": header(columns=[[name, "nonsense"] for name in COLUMNS]),
    "objects": header(columns=[[name, "object"] for name in COLUMNS]),
    "columns a number": header(columns=3),
    "task a list": header(task=["x"]),
    "codec a string": header(codec="sparse-zstd"),
    "codec without a name": header(codec={}),
    "codec without a model": header(codec={"name": "features"}),
    "zfp without a scale": header(codec={"name": "zfp"}),
    "frame of nothing": header(frame={}),
    "offset a string": lambda index: index.update(blocks=[["a", 5, 0]]),
    "offset below zero": lambda index: index.update(blocks=[[-9, 5, 0]]),
    "endless candidates": lambda index: index.update(blocks=[[0, 1 << 70, 0]]),
    "sizes a string": lambda index: index["bytes"].update(labels="x"),
    "provenance a string": lambda index: index.update(provenance="x"),
}


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize("change", INDICES.values(), ids=INDICES)
def test_an_index_that_lies_is_refused_in_one_line(path, capsys, change):
    with_index(path, change)
    assert main(["decompress", str(path), "-o", str(path.with_name("b.parquet"))]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and error.count("\n") == 1
    assert not path.with_name("b.parquet").exists()


def test_deeply_nested_json_is_refused(path):
    file = BytesIO()
    file.write(container.MAGIC)
    container.write_tail(file, container.write_section(file, container.INDEX, b"[" * 200_000))
    path.write_bytes(file.getvalue())
    with pytest.raises(InputError, match="damaged"):
        CompressedFile(path)


@pytest.mark.parametrize("place", ["candidates", "pixels"])
def test_a_block_that_asks_for_all_memory_is_left_out(path, place):
    content = path.read_bytes()
    block = bytearray(container.read_section(content, blocks_of(content)[0], container.BLOCK).content)
    _, candidates, label_bytes = unpack_from("<QII", block)
    pack_into("<I", block, 8 if place == "candidates" else 16 + label_bytes, 4_000_000_000)

    def bind(index):
        index["blocks"][0][2] = container.crc32(bytes(block))

    parts, problems = read(with_index(path, bind, bytes(block)))
    assert [len(part) for part in parts] == [8, 8, 8, 8, 5]
    assert candidates == BLOCK and len(problems) == 1
    assert ("65536 are possible" if place == "candidates" else "4000000000 pixels of 8 candidates") in problems[0]


def test_no_file_is_written_that_would_not_be_read(path, tmp_path, capsys):
    block = str(MAX_BLOCK_CANDIDATES + 1)
    assert main(["compress", str(path), "-o", str(tmp_path / "g"), "--block", block]) == 1
    assert f"blocks of {block} candidates" in capsys.readouterr().err
