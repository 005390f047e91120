"""Batches for Lightning: sparse on the way to the device, shuffled by seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from e2e.datasets import CandidateSet

TensorBatch = tuple[Tensor, Tensor, Tensor, Tensor]  # pixel_index, pixel_value, seed, target


class Batches(IterableDataset[TensorBatch]):
    def __init__(self, data: CandidateSet, batch_size: int, shuffle_seed: tuple[int, ...] | None) -> None:
        self.data, self.batch_size, self.shuffle_seed = data, batch_size, shuffle_seed

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def __iter__(self) -> Iterator[TensorBatch]:
        for packed, target in self.data.batches(self.batch_size, self.shuffle_seed):
            index, value, seed = (torch.from_numpy(array) for array in packed)
            yield index, value, seed, torch.from_numpy(target)


class CandidateData(LightningDataModule):
    """The trainer must reload the loaders every epoch, so that each epoch has its own order, resumed or not."""

    def __init__(self, training: CandidateSet, validation: CandidateSet, batch_size: int, seed: int) -> None:
        super().__init__()
        self.training, self.validation = training, validation
        self.batch_size, self.seed = batch_size, seed

    def train_dataloader(self) -> DataLoader[TensorBatch]:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return DataLoader(Batches(self.training, self.batch_size, (self.seed, epoch)), batch_size=None)

    def val_dataloader(self) -> DataLoader[TensorBatch]:
        return DataLoader(Batches(self.validation, 4 * self.batch_size, None), batch_size=None)
