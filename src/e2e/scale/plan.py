"""`plan.json` of a folder of shards: what is being made, with what, and whether it is done.

    {"state": "running" | "finished", "shards": 20, "plan": {...}, "versions": {...}, "events": 10000}

`plan` is the caller's: verb, process, number, seed, options. `versions` are those of all that has a say in the bytes.
`events` comes when it is finished.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from e2e import __version__
from e2e.files import reading
from e2e.problems import InputError

PLAN = "plan.json"

_PACKAGES = ("numpy", "scipy", "pyarrow", "pythia8mc", "fastjet")
_OF_THE_MOMENT = ("state", "events")
_REMEDY = "choose another folder, or delete it"


def new_plan(plan: Mapping[str, Any], num_shards: int) -> dict[str, Any]:
    """As it comes back from its file. Raises ValueError for what JSON does not know."""
    content = {"state": "running", "shards": num_shards, "plan": dict(plan), "versions": versions()}
    return dict(json.loads(json.dumps(content, allow_nan=False)))


@cache
def versions() -> dict[str, str | None]:
    """None where a package is not installed. simd, libc: the instructions NumPy uses, and the C library whose functions
    it calls: others may round the last bit another way, which can turn a decision and every random number after it."""
    found: dict[str, str | None] = {"e2e": __version__, "simd": _simd(), "libc": " ".join(platform.libc_ver())}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _simd() -> str:
    """The instruction sets that NumPy chooses its loops by, as far as this machine has them."""
    extensions: Any = np.show_config(mode="dicts")
    return " ".join(extensions["SIMD Extensions"].get("found", ()))


def read_plan(folder: Path) -> dict[str, Any]:
    """The content of `plan.json`. Raises InputError when it is missing or something else."""
    path = folder / PLAN
    with reading(path):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        known = {"state", "shards", "plan", "versions"} <= content.keys()
    except (ValueError, AttributeError):
        known = False
    if not known:
        raise InputError(path, "not a plan that e2e wrote", _REMEDY)
    return dict(content)


def check_same(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raises InputError naming what differs between the plan in `folder` and this one."""
    held, wanted = (
        dict(_leaves({k: v for k, v in p.items() if k not in _OF_THE_MOMENT})) for p in (read_plan(folder), plan)
    )
    different = [
        key for key in {**held, **wanted} if held.get(key) != wanted.get(key) or (key in held) != (key in wanted)
    ]
    if different:
        named = [f"{key.removeprefix('plan.')} {held.get(key)}, not {wanted.get(key)}" for key in different]
        raise InputError(folder, f"holds shards of another plan ({'; '.join(named)})", _REMEDY)


def _leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds `folder` for this process, so that two do not tidy away each other's unfinished files.

    Raises InputError when another process of this machine has it. Some network file systems know no locks: goes on.
    """
    with reading(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(folder, descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(folder, "another process is writing here", "wait for it, or choose another folder") from None
    except OSError:
        pass  # no locks on this file system
