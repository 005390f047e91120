"""Batches for Lightning: sparse on the way to the device, shuffled by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from e2e.datasets import CandidateSet

TensorBatch = tuple[Tensor, Tensor, Tensor, Tensor]  # pixel_index, pixel_value, seed, targets


class Batches(IterableDataset[TensorBatch]):
    """One epoch of one rank, from batch `start` on; its length is that of the whole epoch."""

    def __init__(
        self,
        data: CandidateSet,
        batch_size: int,
        shuffle_seed: tuple[int, ...] | None,
        *,
        rank: int = 0,
        ranks: int = 1,
        start: int = 0,
    ) -> None:
        self.data, self.batch_size, self.shuffle_seed = data, batch_size, shuffle_seed
        self.rank, self.ranks, self.start = rank, ranks, start

    def __len__(self) -> int:
        return self.data.num_batches(self.batch_size, self.ranks)

    def __iter__(self) -> Iterator[TensorBatch]:
        share = {"rank": self.rank, "ranks": self.ranks, "start": self.start}
        for packed, target in self.data.batches(self.batch_size, self.shuffle_seed, **share):
            index, value, seed = (torch.from_numpy(array) for array in packed)
            yield index, value, seed, torch.from_numpy(target)


class CandidateData(LightningDataModule):
    """The trainer must reload the loaders every epoch, so that each epoch has its own order, resumed or not. at_once:
    candidates to validate with."""

    def __init__(
        self, training: CandidateSet, validation: CandidateSet, batch_size: int, at_once: int, seed: int
    ) -> None:
        super().__init__()
        self.training, self.validation = training, validation
        self.batch_size, self.at_once, self.seed = batch_size, at_once, seed

    def train_dataloader(self) -> DataLoader[TensorBatch]:
        """Goes on where a checkpoint was written, be it in the middle of an epoch."""
        trainer = self.trainer
        if trainer is None:
            return self._loader(self.training, self.batch_size, (self.seed, 0))
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        start = done if trainer.fit_loop.restarting else 0
        return self._loader(self.training, self.batch_size, (self.seed, trainer.current_epoch), start)

    def val_dataloader(self) -> DataLoader[TensorBatch]:
        return self._loader(self.validation, self.at_once, None)

    def _loader(
        self, data: CandidateSet, batch_size: int, shuffle_seed: tuple[int, ...] | None, start: int = 0
    ) -> DataLoader[TensorBatch]:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        batches = Batches(data, batch_size, shuffle_seed, rank=rank, ranks=ranks, start=start)
        return DataLoader(batches, batch_size=None)
