"""How every training begins: options that can be, its data chosen and split, what its folder says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet, load_candidates
from e2e.datasets.candidate_set import SAMPLE_SEED
from e2e.models import numbers_for
from e2e.problems import InputError
from e2e.tasks import TASKS
from e2e.training.precision import AUTO, resolve_precision
from e2e.training.recipes import OPTIMISERS, Recipe
from e2e.training.run_folder import RUN, read_run, trained_before


class Beginning(NamedTuple):
    """plan: with the precision of this machine, or of that where the run was begun. about: what `run.json` says of the
    training before it began. earlier: what it says already, of a run that is there."""

    plan: Recipe
    frame: FrameSpec
    candidates: CandidateSet
    about: dict[str, Any]
    earlier: dict[str, Any] | None


def begin(
    plan: Recipe,
    data: Sequence[Path],
    output: Path,
    *,
    seed: int,
    ranks: int,
    start: Path | None,
    threads: int | None,
    needs_targets: bool = True,
) -> Beginning:
    """Writes nothing. Raises InputError for unreadable or too few data, or a run that cannot be read."""
    if threads:
        torch.set_num_threads(threads)
    earlier = read_run(output) if (output / RUN).exists() else None
    plan = replace(plan, precision=_precision_of(plan, earlier))
    task = TASKS[plan.task]
    frame = replace(task.frame, channels=plan.channels) if plan.channels else task.frame
    whole = load_candidates(task, data, frame, plan.max_events, needs_targets=needs_targets)
    candidates, selection = _select(whole, plan, data)
    if plan.joint:
        candidates = candidates.with_beside(task)
    about: dict[str, Any] = {"recipe": plan.to_json(), "of_task": numbers_for(plan.family, task.network)}
    about |= {"seed": seed, "ranks": ranks}
    about |= {"data": candidates.provenance, "candidates": len(candidates), **selection}
    if start is not None:
        about["start"] = trained_before(start)
    return Beginning(plan, frame, candidates, about, earlier)


def check_options(where: str, **given: Any) -> None:
    """Raises InputError for what no training can mean; None: not given."""
    limits = {"epochs": 1, "accumulate": 1, "max_candidates": 2, "threads": 1, "seed": 0}
    for name, least in limits.items():
        value = given.get(name)
        if value is not None and value < least:
            raise InputError(where, f"{name} {value}", f"give at least {least}")
    if (optimiser := given.get("optimiser")) is not None and optimiser not in OPTIMISERS:
        raise InputError(where, f"unknown optimiser {optimiser!r}", f"choose one of: {', '.join(OPTIMISERS)}")
    rate = given.get("learning_rate")
    if rate is not None and not 0 < rate < 1:
        raise InputError(where, f"learning rate {rate}", "give a number between 0 and 1")


def _precision_of(plan: Recipe, earlier: dict[str, Any] | None) -> str:
    """That of the machine where the run was begun, for all of it."""
    begun = earlier["recipe"] if earlier is not None else None
    if plan.precision == AUTO and isinstance(begun, dict) and "precision" in begun:
        return resolve_precision(str(begun["precision"]))
    return resolve_precision(plan.precision)


def _select(whole: CandidateSet, plan: Recipe, data: Sequence[Path]) -> tuple[CandidateSet, dict[str, Any]]:
    """What the recipe takes of the candidates, and how `run.json` says it: nothing where it takes all."""
    if plan.max_candidates is None:
        return whole, {}
    if plan.max_candidates > len(whole):
        what = f"{len(whole)} candidates, fewer than max_candidates {plan.max_candidates}"
        raise InputError(", ".join(map(str, data)), what, f"give at most {len(whole)}, or more data")
    of = {"random": plan.max_candidates, "of": len(whole), "seed": SAMPLE_SEED}
    return whole.sample(plan.max_candidates), {"selection": of}


def split(
    candidates: CandidateSet, plan: Recipe, seed: int, ranks: int, where: str = "train"
) -> tuple[CandidateSet, CandidateSet]:
    """To train on, and to validate with. Raises InputError when a process would have none of either."""
    parts = candidates.split(plan.validation_fraction, seed)
    if not all(part.num_batches(plan.batch_size, ranks) for part in parts):
        what = f"{len(candidates)} candidates are too few for {ranks} process{'es' if ranks > 1 else ''}"
        raise InputError(where, what, "give more data")
    return parts
