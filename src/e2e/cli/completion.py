"""Scripts that make a shell complete verbs, options, files and the names that options take."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from e2e.cli.arguments import OTHER_PROCESSES, SHELLS, TASK_NAMES
from e2e.cli.parser import make_parser
from e2e.inference.names import ENGINE_NAMES, LOCAL_ENGINES
from e2e.problems import InputError


def completion(shell: str) -> str:
    """The script for `shell`, one of SHELLS; docs/command-line.md says where it goes. Raises InputError else."""
    if shell not in SHELLS:
        raise InputError("completion", f"no script for {shell!r}", f"choose one of: {', '.join(SHELLS)}")
    parser = make_parser()
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for verb, options in verbs.choices.items():
        for action in options._actions:
            _say_what_it_takes(action, verb)
    return shtab.complete(parser, shell)


def _say_what_it_takes(action: argparse.Action, verb: str) -> None:
    """Names are offered here alone: the verbs themselves say what is near to a wrong one."""
    if action.type is Path:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
    elif names := _names_for(action.dest, verb):
        action.choices = names


def _names_for(dest: str, verb: str) -> tuple[str, ...]:
    if dest == "engines":
        return ENGINE_NAMES if verb == "bench" else LOCAL_ENGINES
    if dest == "process":
        return (*TASK_NAMES, *OTHER_PROCESSES)
    if dest == "recipe":
        from e2e.training.recipes import RECIPES

        return tuple(RECIPES)
    if dest in ("model", "models"):
        from e2e.models import model_names

        return tuple(model_names())
    return TASK_NAMES if dest == "task" else ()
