"""What every training goes through: its data chosen and split, Lightning's trainer run, the best weights kept."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor

from e2e import __version__
from e2e.datasets import CandidateSet
from e2e.datasets.candidate_set import SAMPLE_SEED
from e2e.files import write_json
from e2e.models import count_parameters
from e2e.problems import InputError
from e2e.training.callbacks import Clock
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.distributed import Launch
from e2e.training.precision import AUTO, resolve_precision
from e2e.training.recipes import OPTIMISERS, Recipe
from e2e.training.run_folder import BEST, RUN, save_weights
from e2e.training.trainer import best_checkpoint, fit, make_trainer


class Fitted(NamedTuple):
    """weights: of the best epoch, as they are in the run's folder; empty for a process that is not the first. result:
    what `run.json` says of the training."""

    trainer: Trainer
    weights: dict[str, Tensor]
    result: dict[str, Any]


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


def precision_of(plan: Recipe, earlier: dict[str, Any] | None) -> str:
    """That of the machine where the run was begun, for all of it."""
    begun = earlier["recipe"] if earlier is not None else None
    if plan.precision == AUTO and isinstance(begun, dict) and "precision" in begun:
        return resolve_precision(str(begun["precision"]))
    return resolve_precision(plan.precision)


def select(whole: CandidateSet, plan: Recipe, data: Sequence[Path]) -> tuple[CandidateSet, dict[str, Any]]:
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


def num_updates(training: CandidateSet, plan: Recipe, ranks: int) -> int:
    """Of all epochs."""
    return plan.epochs * ceil(training.num_batches(plan.batch_size, ranks) / plan.accumulate)


def fit_and_keep(
    plan: Recipe,
    output: Path,
    about: dict[str, Any],
    module: LightningModule,
    data: LightningDataModule,
    launch: Launch,
    *,
    resume: Path | None,
    progress: bool,
) -> Fitted:
    """Train `module`, whose network is `module.network`, in the run folder `output`, which is there."""
    best, clock = best_checkpoint(output), Clock()
    trainer = make_trainer(plan, output, [clock, best], launch, progress=progress and launch.is_first)
    if launch.is_first:
        write_json(output / RUN, {**about, "state": "running", "versions": versions()})
    fit(trainer, module, data, resume)
    if not launch.is_first:
        return Fitted(trainer, {}, {})
    chosen = SafeCheckpointIO().load_checkpoint(output / BEST)
    weights = {name.removeprefix("network."): tensor for name, tensor in chosen["state_dict"].items()}
    save_weights(output, weights)
    result = {
        "parameters": count_parameters(module.network),  # type: ignore[arg-type]
        "epochs_trained": trainer.current_epoch,
        "best_epoch": int(chosen["epoch"]),
        "best_validation_loss": float(best.best_model_score or float("nan")),
        "training_seconds": round(clock.seconds, 1),
        "machine": _machine(trainer),
    }
    return Fitted(trainer, weights, result)


def finish(output: Path, about: dict[str, Any], result: dict[str, Any]) -> None:
    """Say in `run.json` that the run is over."""
    write_json(output / RUN, {**about, "state": "finished", **result, "versions": versions()})


def versions() -> dict[str, str]:
    return {"e2e": __version__, "torch": torch.__version__, "lightning": lightning.__version__}


def _machine(trainer: Trainer) -> str:
    return f"{platform.machine()}, {type(trainer.accelerator).__name__}, {torch.get_num_threads()} threads"
