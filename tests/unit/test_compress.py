"""`compress`, `decompress` and `info` of compressed candidates: what they give, and what they say of bad input."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from candidate_samples import assert_same_candidates, random_candidates
from compressed_samples import compressed, stored

from e2e.cli import main
from e2e.compression import compressed_writer, container
from e2e.compression.codecs import find_codec
from e2e.compression.compress import compress
from e2e.compression.compressed_file import CompressedFile
from e2e.compression.decompress import decompress
from e2e.datasets.stored import open_candidates
from e2e.info import info
from e2e.problems import InputError


def test_compress_and_decompress_give_the_same_rows(tmp_path, capsys):
    sample = random_candidates(150, seed=7)
    source = stored(tmp_path / "a.parquet", sample)
    assert main(["compress", str(source), "-o", str(tmp_path / "f"), "--block", "32"]) == 0
    assert capsys.readouterr().out.startswith(f"150 candidates in {tmp_path / 'f'}: ")
    assert main(["decompress", str(tmp_path / "f"), "-o", str(tmp_path / "b.parquet")]) == 0
    back = open_candidates([tmp_path / "b.parquet"])
    expected = open_candidates([source])
    expected.labels["input"][:] = np.unique(expected.labels["input"], return_inverse=True)[1]  # numbered anew
    assert_same_candidates(back, expected)
    assert main(["info", str(tmp_path / "f")]) == 0
    out = capsys.readouterr().out
    assert "150 candidates" in out
    assert "codec sparse-zstd" in out
    some = decompress(tmp_path / "f", tmp_path / "c.parquet", start=70, stop=75)
    assert some.num_candidates == 5
    assert open_candidates([tmp_path / "c.parquet"]).labels["event"].tolist() == [70, 71, 72, 73, 74]


def test_a_damaged_file_gives_the_rest_and_exit_code_1(tmp_path, capsys):
    source = stored(tmp_path / "a.parquet", random_candidates(150, seed=7))
    file = compress([source], tmp_path / "f", block=32).output
    content = bytearray(file.read_bytes())
    block = [offset for kind, offset in container.find_sections(bytes(content)) if kind == container.BLOCK][1]
    content[block + 100] ^= 4
    file.write_bytes(bytes(content))
    assert main(["decompress", str(file), "-o", str(tmp_path / "b.parquet")]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "candidates 32 to 63 are damaged" in captured.err
    assert len(open_candidates([tmp_path / "b.parquet"])) == 150 - 32


@pytest.mark.parametrize(
    ("options", "message"),
    [({"start": 5, "stop": 4}, "no candidates 5 to 4"), ({"stop": 151}, "it has 150"), ({"start": -1}, "it has 150")],
)
def test_candidates_that_are_not_there(tmp_path, options, message):
    source = stored(tmp_path / "a.parquet", random_candidates(150, seed=7))
    file = compress([source], tmp_path / "f").output
    with pytest.raises(InputError, match=message):
        decompress(file, tmp_path / "b.parquet", **options)
    assert not (tmp_path / "b.parquet").exists()


def test_bad_input_of_compress(tmp_path):
    source = stored(tmp_path / "a.parquet", random_candidates(5, seed=7))
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="give at least 1"):
        compress([source], tmp_path / "f", block=0)
    with pytest.raises(InputError, match="of no known format"):
        compress([tmp_path / "text"], tmp_path / "f")
    with pytest.raises(InputError, match="give one that `e2e compress` wrote"):
        decompress(source, tmp_path / "b.parquet")
    mixed = compress([tmp_path / "text", source], tmp_path / "f")
    assert mixed.num_candidates == 5
    assert mixed.problems.has_errors
    with pytest.raises(InputError, match="ask for them apart"):
        info([tmp_path / "f", source])


def test_an_input_is_not_replaced(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    source = stored(tmp_path / "in" / "a.parquet", random_candidates(5, seed=7))
    file = compress([source], tmp_path / "f").output
    (tmp_path / "link").symlink_to(source)
    for verb, taken, output in (
        ("compress", source, source),
        ("compress", source, tmp_path / "link"),
        ("compress", tmp_path / "in", source),
        ("decompress", file, file),
    ):
        before = output.read_bytes()
        assert main([verb, str(taken), "-o", str(output)]) == 1
        assert capsys.readouterr().err == f"error: {output}: exists among the inputs; choose another place\n"
        assert output.read_bytes() == before


def test_a_disk_that_is_full_is_one_line(tmp_path):
    """Python's files hold bytes back: it may be the closing that fails."""
    sample = random_candidates(45, seed=7)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 1000, 4096):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(InputError, match="cannot be written"):
                compressed(tmp_path / "f", sample)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_nothing_is_read_behind_the_block(tmp_path):
    with CompressedFile(compressed(tmp_path / "f", random_candidates(45, seed=7))) as file:
        parts = file.read(find_codec(file))
    with pytest.raises(ValueError, match="was closed"):
        next(parts)
    assert not file.problems


def test_an_unreadable_file_does_not_stop_the_others(tmp_path, monkeypatch):
    good, bad = (stored(tmp_path / name, random_candidates(5, seed=7)) for name in ("a.parquet", "b.parquet"))
    open_path = Path.open

    def refused(path, *args, **kwargs):
        if path == bad:
            raise PermissionError(13, "Permission denied")
        return open_path(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refused)
    found = info([good, bad])
    assert found.counts == {"candidates": 5}
    assert [problem.where for problem in found.problems] == [str(bad)]


def test_files_of_two_versions_are_described_together(tmp_path, monkeypatch):
    paths = [compressed(tmp_path / "a", random_candidates(5, seed=7))]
    monkeypatch.setattr(compressed_writer, "__version__", "99.0")
    paths.append(compressed(tmp_path / "b", random_candidates(6, seed=7)))
    found = info(paths)
    assert found.counts == {"candidates": 11}
    assert not found.problems


def test_a_model_for_a_lossless_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="leave the model out"):
        decompress(compressed(tmp_path / "f", random_candidates(5, seed=7)), tmp_path / "b.parquet", model=tmp_path)
