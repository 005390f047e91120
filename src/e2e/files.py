"""Files that appear whole or not at all, and one line for a place that cannot be written or read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from uuid import uuid4

from e2e.problems import InputError

_REMEDY = "choose another place"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new empty file beside `path` to write to; it replaces `path` when the block ends without an exception.

    After an exception it is removed and what was at `path` stays. Raises InputError when `path` cannot be written; an
    OSError of the block is passed on as it is, since it may have another cause: see `writing`.
    """
    with writing(path):
        if path.is_dir():
            raise InputError(path, "cannot be written (is a folder)", "give the name of a file")
        if not path.parent.is_dir():
            raise InputError(path, f"cannot be written (no folder {path.parent})", _REMEDY)
        hidden = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")  # the same folder, so that rename is atomic
        hidden.touch(exist_ok=False)
    try:
        yield hidden
        with writing(path):
            with hidden.open("rb") as file:
                os.fsync(file.fileno())
            hidden.replace(path)
    finally:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """For a block that only writes: its OSError becomes an InputError about `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror or error})", _REMEDY) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """For a block that only reads: its OSError becomes an InputError about `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", "check the path") from None


class GrowingFile:
    """A file that is written as its content comes, and gets its name when the block ends without an exception.

    Subclasses begin it in `_begin_file`, put what they held back in `_finish`, and let go of it in `_release`, which
    may be called twice. Raises InputError when `path` cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            hidden = stack.enter_context(replacing(self._path))
            with writing(self._path):
                self._file = hidden.open("wb")
            stack.push(self._close)
            self._begin_file()
            self._on_exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on_exit.__exit__(kind, error, trace)

    def _begin_file(self) -> None:
        """Put what comes before anything else."""

    def _finish(self) -> None:
        """Put what is held back."""

    def _release(self) -> None:
        """Close what writes to the file."""

    def _close(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
                with writing(self._path):
                    self._release()
                    self._file.close()
        finally:
            for close in (self._release, self._file.close):
                with suppress(OSError):  # what is closed after an error is thrown away
                    close()


def check_output(output: Path, inputs: Iterable[Path]) -> None:
    """An input must not be replaced by what is made of it. Raises InputError for an output that is one of the inputs,
    or exists in a folder that is one."""
    given, place = {path.resolve() for path in inputs}, output.resolve()
    with writing(output):
        if place.exists() and given & {place, place.parent}:
            raise InputError(output, "exists among the inputs", "choose another place")


def write_json(path: Path, content: Any) -> None:
    """Raises InputError when `path` cannot be written, ValueError for NaN and infinity, which JSON does not know."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def as_read_back(content: Any) -> Any:
    """As it comes back from a file of JSON, to be compared with one: tuples are lists there, keys are text."""
    return json.loads(json.dumps(content))


def write_text(path: Path, text: str) -> None:
    """Raises InputError when `path` cannot be written."""
    with replacing(path) as hidden, writing(path):
        hidden.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> Path:
    """The folder `path`, with its parents, made unless it is there. Raises InputError when it cannot be written."""
    with writing(path):
        if path.exists() and not path.is_dir():
            raise InputError(path, "is a file, not a folder", _REMEDY)
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise InputError(path, "cannot be written (Permission denied)", _REMEDY)
    return path


def own_folder(path: Path) -> Path:
    """The folder `path`, made unless it is there, for files that only this user may write. Raises InputError else."""
    with writing(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        about = make_folder(path).stat()
        if about.st_uid != os.getuid() or about.st_mode & 0o022:
            raise InputError(path, "others may write to it", f"give it to yourself alone (chmod 700), or {_REMEDY}")
    return path
