"""One Lightning module for every task, on what every training does: the output's kind decides loss and metric."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningModule
from safetensors.torch import save_file
from torch import Tensor, nn

from e2e.contract import FrameSpec
from e2e.contract.answers import AnswerConfig
from e2e.files import replacing
from e2e.frames import native
from e2e.metrics import area_under_curve
from e2e.models import graph_of
from e2e.models.answers import Answers
from e2e.training.augment import Pixels, augment, batch_seed
from e2e.training.data import TensorBatch
from e2e.training.optimiser import make_optimiser
from e2e.training.pieces import by_pieces, can_go_in_pieces
from e2e.training.recipes import Recipe

BAD_BATCH = "bad-batch.safetensors"


class Surroundings(NamedTuple):
    """What a training knows beside its network. updates: of all epochs. folder: of the run, for a batch that must be
    looked at."""

    recipe: Recipe
    frame: FrameSpec
    seed: int
    updates: int
    folder: Path


class TrainingModule(LightningModule):
    """What every training does: augments, stops at a loss that is no number, and learns by the recipe's optimiser."""

    def __init__(self, network: nn.Module, surroundings: Surroundings) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.surroundings = surroundings
        self._can_go_in_pieces = can_go_in_pieces(network)
        self._compiled: Callable[..., Any] | None = None  # a function: a module would come twice among the weights

    def on_fit_start(self) -> None:
        if self.surroundings.recipe.compile:
            self._compiled = torch.compile(self.network.forward, dynamic=True)

    def augmented(self, batch: TensorBatch, batch_index: int) -> tuple[Pixels, torch.Generator]:
        """What is random depends on seed, epoch, batch and rank alone, so that a resumed training goes the same way;
        the generator is for what else is."""
        number = batch_seed(self.surroundings.seed, self.current_epoch, batch_index, self.global_rank)
        torch.manual_seed(number)  # for networks with dropout
        generator = torch.Generator(batch[0].device).manual_seed(number)
        frame, augmentation = self.surroundings.frame, self.surroundings.recipe.augmentation
        return augment(Pixels(*batch[:3]), frame, augmentation, generator), generator

    def log_step(self, loss: Tensor, count: int) -> None:
        """count: candidates of the batch."""
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=count, sync_dist=self.is_shared)
        self.log("step_loss", loss, on_step=True, on_epoch=False)
        rate = max(group["lr"] for group in self.trainer.optimizers[0].param_groups)
        self.log("learning_rate", rate, on_step=True, on_epoch=False)

    @property
    def goes_in_pieces(self) -> bool:
        return self._can_go_in_pieces and self.device.type == "cpu"

    @property
    def is_shared(self) -> bool:
        return self.trainer.world_size > 1

    def stop_unless_finite(self, loss: Tensor, batch: TensorBatch, what: str, batch_index: int) -> None:
        if torch.isfinite(loss):
            return
        path = self.surroundings.folder / BAD_BATCH
        names = ("pixel_index", "pixel_value", "seed", "target")
        with replacing(path) as temporary:
            save_file({n: part.cpu().contiguous() for n, part in zip(names, batch, strict=True)}, temporary)
        where = f"epoch {self.current_epoch}, batch {batch_index}"
        raise FloatingPointError(f"{what} is {loss.item()} in {where}; the batch is in {path}")

    def configure_optimizers(self) -> Any:
        # Asking the trainer for the number of updates would make it load data before it knows where a run goes on.
        optimiser, schedule = make_optimiser(self.network, self.surroundings.recipe, self.surroundings.updates)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class TaskModule(TrainingModule):
    """The loss is that of the answers, see `e2e.models.answers`."""

    def __init__(self, network: nn.Module, surroundings: Surroundings, answers: tuple[AnswerConfig, ...]) -> None:
        """answers: how the raw numbers are read, the task's own first."""
        super().__init__(network, surroundings)
        self.answers = Answers(answers)
        self._is_tagger = answers[0].kind == "probability"
        self._validation: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: TensorBatch, batch_index: int) -> Tensor:
        pixels, _ = self.augmented(batch, batch_index)
        raw = self._raw(pixels, self._compiled or self.network)
        loss = self.answers.loss(raw, batch[3])
        self.stop_unless_finite(loss, (*pixels, batch[3]), "loss", batch_index)
        self.log_step(loss, len(batch[3]))
        return loss

    def _raw(self, pixels: Pixels, network: Callable[..., Any]) -> Tensor:
        """(batch, raw numbers of all answers)."""

        def answer(part: Pixels) -> Tensor:
            return network(*self._inputs(part)).float()

        return by_pieces(answer, pixels) if self.goes_in_pieces else answer(pixels)

    def _inputs(self, pixels: Pixels) -> tuple[Tensor, ...]:
        """Beside the pixels the neighbours of a graph, from the C++ core; on a GPU its network finds the same ones."""
        graph = graph_of(self.network)
        if graph is None or self.device.type != "cpu":
            return pixels
        frame = self.surroundings.frame
        return *pixels, torch.from_numpy(native.packed_neighbours(pixels.pixel_index.numpy(), frame, graph))

    def validation_step(self, batch: TensorBatch, batch_index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):  # what chooses the best epoch is not rounded
            raw = self._raw(Pixels(*batch[:3]), self.network)
        loss = self.answers.loss(raw, batch[3])
        self.stop_unless_finite(loss, batch, "validation loss", batch_index)
        self._validation.append((raw, batch[3]))

    def on_validation_epoch_end(self) -> None:
        raw, target = (self._of_all_ranks(torch.cat(parts)) for parts in zip(*self._validation, strict=True))
        self._validation.clear()
        self.log("validation_loss", self.answers.loss(raw, target), prog_bar=True, sync_dist=self.is_shared)
        if self._is_tagger:
            auc = area_under_curve(raw[:, 0].cpu().numpy(), target[:, 0].cpu().numpy())
            self.log("validation_auc", auc.value, prog_bar=True, sync_dist=self.is_shared)

    def _of_all_ranks(self, part: Tensor) -> Tensor:
        """(of this rank, ...) -> (of all, ...), the same on each: the shorter parts travel padded."""
        if not self.is_shared:
            return part
        gather = self.trainer.strategy.all_gather
        lengths = gather(torch.tensor(len(part), device=part.device))
        missing = part.new_zeros(int(lengths.max()) - len(part), *part.shape[1:])
        rows = gather(torch.cat((part, missing)))
        return torch.cat([row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)])
