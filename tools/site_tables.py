"""What the site says in tables that are made from the code, where a page has `<!-- NAME -->`: see TABLES."""

from __future__ import annotations

import argparse
import re

import e2e.contract
from e2e.cli import VERBS
from e2e.cli.parser import make_parser
from e2e.contract import CHANNELS
from e2e.events.edm_collections import HIT_LAYOUTS, OBJECT_LAYOUTS
from e2e.markdown import markdown_table


def table(head: list[str], rows: list[list[str]]) -> str:
    return markdown_table(head, [[cell.replace("|", "\\|") for cell in row] for row in rows])


def _verbs() -> str:
    """A section for each verb: what it does, its arguments, its function."""
    verbs = next(a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction))
    sections = []
    for verb, parser in verbs.choices.items():
        about = parser.description[0].upper() + parser.description[1:]
        function = f"{VERBS[verb]}.{verb.replace('-', '_')}"
        arguments = [action for action in parser._actions if action.dest != "help"]
        needed = " ".join(_as_typed(action) for action in arguments if action.required)
        rows = [[f"`{_as_typed(action)}`", _about(action)] for action in arguments]
        sections.append(
            f"### {verb}\n\n    e2e {verb} {needed}\n\n{about}{'' if about.endswith('?') else '.'} "
            f"In Python: [`{function}`][{function}].\n\n{table(['argument', 'what it is'], rows)}\n"
        )
    return "\n".join(sections)


def _as_typed(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ", ".join(action.option_strings)
    metavar = action.metavar or action.dest.upper()
    values = " ".join(metavar) if isinstance(metavar, tuple) else metavar
    many = "..." if action.nargs in ("+", "*") else ""
    return " ".join([*([", ".join(action.option_strings)] if action.option_strings else []), values + many])


def _about(action: argparse.Action) -> str:
    choices = f"; one of {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else ""
    return f"{action.help}{choices}"


def _channels() -> str:
    rows = [[f"`{name}`", channel.unit, channel.meaning] for name, channel in CHANNELS.items()]
    return table(["channel", "unit", "what it is"], rows)


def _dimensions() -> str:
    """From the docstring of the contract."""
    lines = [line for line in (e2e.contract.__doc__ or "").splitlines() if line.startswith("    ")]
    rows = [[f"`{name}`", what] for line in lines for name, what in re.findall(r"(\w+) {2,}(.+?)(?: {2,}|$)", line)]
    return table(["name", "what it counts"], rows)


def _collections() -> str:
    """Of EDM files; labels as a branch has them, `type_module_instance`."""
    rows = [
        [name, ", ".join(f"`{label.strip('_').partition('_')[2]}`" for label in layout.labels)]
        for name, layout in {**HIT_LAYOUTS, **OBJECT_LAYOUTS}.items()
    ]
    return table(["rows", "collections, the first one wins"], rows)


TABLES = {"verbs": _verbs, "channels": _channels, "dimensions": _dimensions, "collections": _collections}
