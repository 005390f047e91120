"""One Lightning module for every task: the output's kind decides loss and metric."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from e2e.metrics import area_under_curve
from e2e.tasks import Output
from e2e.training.data import TensorBatch


class TaskModule(LightningModule):
    """Classification: cross-entropy. Regression: mean absolute error of the target in units of the output's scale."""

    def __init__(self, network: nn.Module, output: Output, learning_rate: float) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.output = output
        self.learning_rate = learning_rate
        self._validation: list[tuple[Tensor, Tensor]] = []

    def _loss(self, answer: Tensor, target: Tensor) -> Tensor:
        if self.output.kind == "probability":
            return functional.binary_cross_entropy_with_logits(answer, target)
        return functional.l1_loss(answer, target / self.output.scale)

    def _answer(self, batch: TensorBatch) -> Tensor:
        return self.network(*batch[:3])[:, 0].float()

    def training_step(self, batch: TensorBatch, batch_index: int) -> Tensor:
        loss = self._loss(self._answer(batch), batch[3])
        if not torch.isfinite(loss):
            raise FloatingPointError(f"loss is {loss.item()} in epoch {self.current_epoch}, batch {batch_index}")
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch[3]))
        return loss

    def validation_step(self, batch: TensorBatch, batch_index: int) -> None:
        self._validation.append((self._answer(batch), batch[3]))

    def on_validation_epoch_end(self) -> None:
        answer, target = (torch.cat(parts) for parts in zip(*self._validation, strict=True))
        self._validation.clear()
        self.log("validation_loss", self._loss(answer, target), prog_bar=True)
        if self.output.kind == "probability":
            auc = area_under_curve(answer.cpu().numpy(), target.cpu().numpy())
            self.log("validation_auc", auc.value, prog_bar=True)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.learning_rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
