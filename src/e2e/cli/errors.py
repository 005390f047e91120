"""How the command line speaks of mistakes: one line, the nearest name, colour on a terminal alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from e2e.problems import known_names, nearest, one_line

EXIT_OK, EXIT_BAD_INPUT, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

_COLOURS = {"error": "\033[1;31m", "warning": "\033[1;33m"}
_PLAIN = "\033[0m"


def print_problem(line: str) -> None:
    """On standard error; its first word in colour on a terminal, unless NO_COLOR is set (no-color.org)."""
    word, colon, rest = line.partition(":")
    if word in _COLOURS and _has_colours():
        line = f"{_COLOURS[word]}{word}{_PLAIN}{colon}{rest}"
    print(line, file=sys.stderr)


def _has_colours() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Parser(argparse.ArgumentParser):
    """One line for what cannot be parsed, with the nearest name. Options are not abbreviated: a script that says
    `--epoch` would break with the next option of that beginning."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "allow_abbrev": False})

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Of a verb's parser what is left over is its own mistake, not that of `e2e`."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._about_unknown(rest[0]))
        return found, rest

    def error(self, message: str) -> NoReturn:
        link = "" if message.endswith("?") else ";"
        print_problem(f"error: {self.prog}: {one_line(message)}{link} `{self.prog} --help` shows what it takes")
        raise SystemExit(EXIT_USAGE)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse's, which does not say what is near (Python 3.14 can)."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"{value!r} is not known; {known_names(str(value), action.choices)}")

    def _about_unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one argument too many"
        name = word.partition("=")[0]
        near = nearest(name, self._option_string_actions)
        return f"no option {name}" + (f"; did you mean {near}?" if near else "")
