"""What goes on beside the training: the time it took, how far it is, checkpoints by the clock, averaged weights."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar, WeightAveraging
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from torch import Tensor


class Clock(Callback):
    """Seconds of training; a resumed part is added to what the checkpoint had."""

    def __init__(self) -> None:
        self._before = 0.0
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._started is None else time.monotonic() - self._started)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._started = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before, self._started = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = state_dict["seconds"]


class Bar(TQDMProgressBar):
    """On standard error, which Lightning's is not: standard output is for what a command answers."""

    def init_train_tqdm(self) -> Tqdm:
        with redirect_stdout(sys.stderr):
            return super().init_train_tqdm()

    def init_validation_tqdm(self) -> Tqdm:
        with redirect_stdout(sys.stderr):
            return super().init_validation_tqdm()


class EpochLines(Callback):
    """A line for each epoch, on standard error: where no terminal shows a bar, as in a batch job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loss = float(trainer.callback_metrics["validation_loss"])
        done = f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
        with suppress(BrokenPipeError):  # nobody reads on: no reason to stop
            print(f"{done}: validation loss {loss:.4f}, {self._clock.seconds:.0f} s", file=sys.stderr, flush=True)


class ClockCheckpoint(ModelCheckpoint):
    """Not between the batches of one update, whose gradients no checkpoint holds; nor just before an epoch's own."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *arguments: Any) -> None:
        batch_index = arguments[-1]
        if (batch_index + 1) % trainer.accumulate_grad_batches == 0 and not trainer.is_last_batch:
            super().on_train_batch_end(trainer, pl_module, *arguments)


class AveragedWeights(WeightAveraging):
    """An exponential moving average, which is what is validated and kept; buffers are the network's latest."""

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=False, multi_avg_fn=_average(decay))

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """The averages lie where the weights will: they are made before Lightning moves the network there."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)


def _average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    @torch.no_grad()
    def update(averages: list[Tensor], latest: list[Tensor], num_averaged: Tensor) -> None:
        """A short memory at first, so that the random beginning is soon forgotten."""
        count = int(num_averaged)
        weight = 1 - min(decay, (1 + count) / (10 + count))
        torch._foreach_lerp_(averages, latest, weight)

    return update
