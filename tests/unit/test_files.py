"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os

import pytest

from e2e.files import make_folder, replacing, write_json, writing
from e2e.problems import InputError


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as hidden:
        hidden.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_exception_the_old_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), replacing(path) as hidden:
        hidden.write_text("new")
        raise RuntimeError("halfway")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_an_error_of_writing_is_blamed_on_the_place(tmp_path):
    with pytest.raises(ConnectionError), replacing(tmp_path / "a"):
        raise ConnectionError
    with pytest.raises(InputError, match=r"/a: cannot be written \(No space left"), writing(tmp_path / "a"):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("write", [lambda path: write_json(path, {}), lambda path: replacing(path).__enter__()])
def test_a_place_that_cannot_be_written_is_named_in_one_line(tmp_path, write):
    with pytest.raises(InputError, match=r"cannot be written \(no folder \S+/absent\); choose another place") as error:
        write(tmp_path / "absent" / "a")
    assert ".tmp" not in str(error.value)
    with pytest.raises(InputError, match=r"cannot be written \(is a folder\)"):
        write(tmp_path)
    with pytest.raises(InputError, match=r"cannot be written \(File name too long\)"):
        write(tmp_path / ("a" * 300))
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_whole_and_knows_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, None]})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, None]}


def test_a_folder_is_made_with_its_parents_or_refused(tmp_path, monkeypatch):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: is a file, not a folder; choose another place"):
        make_folder(tmp_path / "file")
    with pytest.raises(InputError, match=r"cannot be written \(Not a directory\)"):
        make_folder(tmp_path / "file" / "b")
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        make_folder(tmp_path / "a")
