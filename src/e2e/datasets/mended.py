"""Inputs that could not be read, and can be now: the folder of candidate stores goes on with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.datasets.candidate_store import CandidateFile
from e2e.files import write_json
from e2e.problems import InputError
from e2e.scale.plan import PLAN, claimed, new_plan, read_plan


def let_mended_inputs_in(folder: Path, plan: Mapping[str, Any], num_shards: int) -> None:
    """Bring the plan in `folder` up to `plan` where they differ in inputs alone that were not read in whole.

    Any other difference is left for `write_shards` to name. Its shards say themselves what they are made of, so those
    of another content are made again. Raises InputError when the folder or its plan cannot be read or written.
    """
    if not (folder / PLAN).exists():
        return
    with claimed(folder):
        held, wanted = read_plan(folder), new_plan(plan, num_shards)
        if not _differ_in_inputs_alone(held, wanted):
            return
        old, new = held["plan"]["inputs"], wanted["plan"]["inputs"]
        changed = [key for key in new if old[key] != new[key]]
        unread = _unread(folder)
        if changed and all(old[key] is None or key in unread for key in changed):
            for path in folder.glob("part-*.parquet"):
                if int(path.stem.removeprefix("part-")) >= num_shards:
                    path.unlink()
            write_json(folder / PLAN, wanted)


def _differ_in_inputs_alone(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """And have as many, of the same names."""
    if not (isinstance(held["plan"], dict) and isinstance(held["plan"].get("inputs"), dict)):
        return False
    if list(held["plan"]["inputs"]) != list(wanted["plan"]["inputs"]) or held["versions"] != wanted["versions"]:
        return False
    one, other = ({k: v for k, v in content["plan"].items() if k != "inputs"} for content in (held, wanted))
    return one == other


def _unread(folder: Path) -> set[str]:
    """Inputs of which some shard lacks something."""
    keys: set[str] = set()
    for path in folder.glob("part-*.parquet"):
        try:
            keys.update(CandidateFile(path).about.more.get("unread", ()))
        except InputError:
            continue  # it is made again
    return keys
