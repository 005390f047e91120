"""Lightning's trainer as every recipe has it, and how it is called."""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins.environments import TorchElasticEnvironment

from e2e.training.callbacks import AveragedWeights, Bar, Clock, ClockCheckpoint, EpochLines
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.distributed import Launch
from e2e.training.optimiser import MAX_GRADIENT_NORM
from e2e.training.recipes import Recipe
from e2e.training.run_folder import BEST, HISTORY, LAST

CHECKPOINT_EVERY = timedelta(minutes=10)  # and after every epoch
LOG_EVERY = 10  # updates


def best_checkpoint(output: Path) -> ModelCheckpoint:
    return ModelCheckpoint(output, filename=Path(BEST).stem, monitor="validation_loss", enable_version_counter=False)


def make_trainer(
    recipe: Recipe, output: Path, clock: Clock, best: ModelCheckpoint, launch: Launch, *, progress: bool
) -> Trainer:
    """clock, best: go along; what they know is asked for when it is over."""
    last = Path(LAST).stem
    has_bar = progress and sys.stderr.isatty()
    everything: list[Callback] = [
        clock,
        best,
        *([AveragedWeights(recipe.ema_decay)] if recipe.ema_decay else []),
        ModelCheckpoint(output, filename=last, every_n_epochs=1, enable_version_counter=False),
        ClockCheckpoint(output, filename=last, train_time_interval=CHECKPOINT_EVERY, enable_version_counter=False),
        EarlyStopping("validation_loss", patience=recipe.patience),
        *([Bar()] if has_bar else [EpochLines(clock)] if progress else []),
    ]
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    is_shared = launch.ranks > 1
    return Trainer(
        max_epochs=recipe.epochs,
        precision=recipe.precision,  # type: ignore[arg-type]
        accumulate_grad_batches=recipe.accumulate,
        gradient_clip_val=MAX_GRADIENT_NORM,
        devices=launch.local_ranks,
        num_nodes=launch.nodes,
        strategy="ddp_find_unused_parameters_true" if is_shared else "auto",  # some backbones have some
        logger=_loggers(output),
        log_every_n_steps=LOG_EVERY,
        callbacks=everything,
        plugins=[SafeCheckpointIO(), *([TorchElasticEnvironment()] if is_shared else [])],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=has_bar,
        enable_model_summary=False,
        deterministic=not torch.cuda.is_available(),  # CUDA lacks some of the operations, and sorts for others
    )


def fit(trainer: Trainer, module: LightningModule, data: LightningDataModule, resume: Path | None) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")  # about its own defaults and future
        warnings.filterwarnings("ignore", message="Mismatch dtype between input and weight")  # a slower norm in bf16
        try:
            trainer.fit(module, data, ckpt_path=resume)
        except SystemExit:  # Lightning's answer to an interruption
            raise KeyboardInterrupt from None


def _loggers(output: Path) -> list[Logger]:
    """A folder of `history` for each start; TensorBoard's files beside the table where it is installed."""
    part = str(len(list((output / HISTORY).glob("*"))))
    loggers: list[Logger] = [CSVLogger(output, name=HISTORY, version=part)]
    with suppress(ImportError):
        loggers.append(TensorBoardLogger(output, name=HISTORY, version=part, default_hp_metric=False))
    return loggers
