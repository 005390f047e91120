"""What the arguments of several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

# what `e2e simulate` makes; a test holds them to TASKS and PROCESSES, which take longer to import
TASK_NAMES = (
    "electron-photon",
    "diphoton-mass",
    "quark-gluon",
    "top",
    "top-mass",
    "tau",
    "ditau-mass",
    "higgs-diphoton",
)
OTHER_PROCESSES = ("electron", "photon", "diphoton", "minimum-bias")
SHELLS = ("bash", "zsh", "fish")
PRECISION_HELP = "other than fp32: faster, and other answers by as much as docs/engines.md says"

Add = Callable[..., argparse.Action]  # adds an argument to a verb
Verb = Callable[[str, str], Add]  # makes a verb, of a name and what it is about


def inputs(add: Add, dest: str = "inputs") -> None:
    add(dest, nargs="+", type=Path, metavar="INPUT", help="files of events or candidates, or folders of them")


def formats(add: Add) -> None:
    add("--task", default=None, metavar="TASK", help=f"for events that do not say it: {', '.join(TASK_NAMES)}")
    add(
        "--channels",
        type=lambda text: tuple(text.split(",")),
        default=None,
        metavar="NAME,NAME",
        help="of images whose order is not known, as they are stored",
    )
    add("--endcap-factor", type=float, default=1.0, metavar="F", help="4 for images of MLAnalyzer's resample_EE")
    add("--hcal-factor", type=float, default=1.0, metavar="F", help="0.04 for images with undivided HCAL towers")


def workers(add: Add) -> None:
    add("--workers", type=int, default=1, metavar="W", help="processes; the result does not depend on it")
    add("--dask", default=None, metavar="ADDRESS", help="of a Dask scheduler, whose workers to use instead")


def as_json(add: Add) -> None:
    add("--json", dest="as_json", action="store_true", help="print JSON on standard output")


def named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=INPUT")
    return name, Path(path)
