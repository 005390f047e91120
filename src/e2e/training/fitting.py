"""What every training goes through once it has begun: Lightning's trainer run, the best weights kept."""

from __future__ import annotations

import platform
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import lightning
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor

from e2e import __version__
from e2e.datasets import CandidateSet
from e2e.files import write_json
from e2e.models import count_parameters
from e2e.training.callbacks import Clock
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.distributed import Launch
from e2e.training.recipes import Recipe
from e2e.training.run_folder import BEST, RUN, save_weights
from e2e.training.trainer import best_checkpoint, fit, make_trainer


class Fitted(NamedTuple):
    """weights: of the best epoch, as they are in the run's folder; empty for a process that is not the first. result:
    what `run.json` says of the training."""

    trainer: Trainer
    weights: dict[str, Tensor]
    result: dict[str, Any]


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
    trainer = make_trainer(plan, output, clock, best, launch, progress=progress and launch.is_first)
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
