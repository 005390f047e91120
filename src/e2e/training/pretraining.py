"""The Lightning module of a training without labels: hide some of each candidate, ask for it."""

from __future__ import annotations

import torch
from torch import Tensor

from e2e.models.autoencoder import Autoencoder
from e2e.models.reconstruction import LossWeights, ReconstructionLoss, Terms
from e2e.training.augment import Pixels, batch_seed
from e2e.training.data import TensorBatch
from e2e.training.masking import Asked, Masking, hide
from e2e.training.module import Surroundings, TrainingModule
from e2e.training.pieces import cut, of_rows

_VALIDATION = 1 << 31  # stands for an epoch: what is hidden to validate is the same in each


class PretrainingModule(TrainingModule):
    """Of a network with a feature vector everything is asked, of one without what was hidden."""

    network: Autoencoder

    def __init__(
        self, network: Autoencoder, surroundings: Surroundings, masking: Masking, weights: LossWeights
    ) -> None:
        super().__init__(network, surroundings)
        self.masking = masking
        self.loss = ReconstructionLoss(surroundings.frame, network.view.patch, weights)

    def training_step(self, batch: TensorBatch, batch_index: int) -> Tensor:
        pixels, generator = self.augmented(batch, batch_index)
        terms = self._terms(pixels, generator)
        loss = self.loss.total(terms)
        self.stop_unless_finite(loss, (*pixels, batch[3]), "loss", batch_index)
        self.log_step(loss, len(batch[3]))
        return loss

    def validation_step(self, batch: TensorBatch, batch_index: int) -> None:
        seed = batch_seed(self.surroundings.seed, _VALIDATION, batch_index, self.global_rank)
        generator = torch.Generator(batch[0].device).manual_seed(seed)
        with torch.autocast(self.device.type, enabled=False):  # what chooses the best epoch is not rounded
            terms = self._terms(Pixels(*batch[:3]), generator)
        loss = self.loss.total(terms)
        self.stop_unless_finite(loss, batch, "validation loss", batch_index)
        for name, number in {"loss": loss, **terms._asdict()}.items():
            shown = name == "loss"
            self.log(f"validation_{name}", number, prog_bar=shown, batch_size=len(batch[3]), sync_dist=self.is_shared)

    def _terms(self, pixels: Pixels, generator: torch.Generator) -> Terms:
        network = self.network
        asked = hide(pixels, network.view, self.masking, generator, asks_all=bool(network.features))

        def numbers_of(pixels: Pixels, asked: Asked) -> Tensor:
            predicted = (self._compiled or network)(*asked.visible, asked.place)
            return self.loss.numbers(predicted, network.truth(*pixels[:2], asked.place), asked.weight)

        if not self.goes_in_pieces:
            return self.loss.terms(numbers_of(pixels, asked))
        numbers = of_rows(lambda rows: numbers_of(cut(pixels, rows), asked.of(rows)), asked.visible)
        return self.loss.terms(numbers)
