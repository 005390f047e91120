"""How a user's mistake travels: one exception for what stops a step, one list for what does not.

A bad file or event never takes the others with it. Errors make the command end with a non-zero status; warnings do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]

_MAX_MESSAGE_LENGTH = 400  # names inside a corrupt file may be 64 kB long


def one_line(text: str) -> str:
    """Printable text without line breaks, whatever a file put into it."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= _MAX_MESSAGE_LENGTH else line[: _MAX_MESSAGE_LENGTH - 3] + "..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant, perhaps."""
    return next(iter(get_close_matches(name, known, n=1)), None)


def known_names(name: str, known: Iterable[str]) -> str:
    """What to do about a name that is not known: the nearest, if one is near, and all."""
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near!r}? " if near is not None else ""
    return f"{hint}known: {', '.join(names)}"


class InputError(Exception):
    """The user's input cannot be used: what is wrong, where, and what to do. `str()` is one line."""

    def __init__(self, where: object, what: str, remedy: str) -> None:
        super().__init__(where, what, remedy)
        self.where, self.what, self.remedy = str(where), what, remedy

    def __str__(self) -> str:
        return f"{one_line(self.where)}: {one_line(self.what)}; {one_line(self.remedy)}"


@dataclass(frozen=True)
class Problem:
    """Something wrong in the input that did not stop the rest; `remedy` says what was done or what to do.

    is_unread: what is there could not be read, and may be when the file is mended; else it was read, and is wrong.
    """

    where: str
    what: str
    remedy: str
    severity: Severity = "error"
    is_unread: bool = False

    def __str__(self) -> str:
        return f"{self.severity}: {one_line(self.where)}: {one_line(self.what)}; {one_line(self.remedy)}"


class Problems(list[Problem]):
    """The problems met so far, in order."""

    def report(
        self, where: object, what: str, remedy: str, severity: Severity = "error", *, is_unread: bool = False
    ) -> None:
        self.append(Problem(str(where), what, remedy, severity, is_unread))

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self)

    @property
    def has_unread(self) -> bool:
        return any(problem.is_unread for problem in self)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Turn an InputError of the block into an error of this list, so that the next file gets its turn."""
        try:
            yield
        except InputError as error:
            self.report(error.where, error.what, error.remedy, is_unread=True)


@contextmanager
def optional_packages(extra: str) -> Iterator[None]:
    """For a block that imports what `pip install 'cms-e2e[extra]'` brings: its ImportError becomes an InputError."""
    try:
        yield
    except ImportError as error:
        remedy = f"install it: pip install 'cms-e2e[{extra}]'"
        raise InputError("e2e", f"package {error.name} is not installed", remedy) from None
