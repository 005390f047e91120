"""What a reconstruction is taught by: where pixels are, how large they are, and what they add up to, each apart.

Nearly all pixels of a candidate are zeros, so that an error of energies in the mean would teach zeros: it must be said
apart whether there is a pixel and, where there is one, its logarithm.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract import CHANNELS, FrameSpec
from e2e.models.base import signed_exp, signed_log
from e2e.models.masked_autoencoder import LARGEST_LOGARITHM, Patches, one_for_each_tower


@dataclass(frozen=True)
class LossWeights:
    """Of the three terms in the sum; each is of order one."""

    occupancy: float = 1.0
    logarithm: float = 1.0
    energy_sum: float = 1.0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0 or not any(asdict(self).values()):
            raise ValueError(f"{self} must not be negative, and not all 0")


class Terms(NamedTuple):
    """occupancy: cross entropy, nats per occupied pixel; 0 where there is none. logarithm: Huber's loss on occupied
    pixels, whose energies a factor of e apart are 1 apart. energy_sum: the same of the energy expected in each channel
    of each candidate."""

    occupancy: Tensor
    logarithm: Tensor
    energy_sum: Tensor


class ReconstructionLoss(nn.Module):
    """A tower that is spread over many pixels counts as one pixel."""

    share: Tensor
    is_energy: Tensor

    def __init__(self, frame: FrameSpec, patch: int, weights: LossWeights = LossWeights()) -> None:
        super().__init__()
        self.weights = weights
        output_of = one_for_each_tower(frame, patch)
        share = 1.0 / torch.bincount(output_of)[output_of]
        self.register_buffer("share", share.reshape(len(frame.channels), -1), persistent=False)
        is_energy = torch.tensor([CHANNELS[name].unit == "GeV" for name in frame.channels])
        self.register_buffer("is_energy", is_energy, persistent=False)

    def forward(self, predicted: Patches, truth: Patches, weight: Tensor) -> Terms:
        """weight: (batch, places asked, channels), 0 for what does not count."""
        shape = (*weight.shape, -1)
        logit, logarithm, is_occupied, true_logarithm = (
            numbers.float().reshape(shape) for numbers in (*predicted, *truth)
        )
        counts = weight[..., None] * self.share  # (batch, places asked, channels, pixels of a patch)
        num_occupied = (counts * is_occupied).sum().clamp(min=1.0)
        occupancy = functional.binary_cross_entropy_with_logits(logit, is_occupied, reduction="none")
        distance = functional.smooth_l1_loss(logarithm, true_logarithm, reduction="none")
        found, true = (
            signed_log(self._energies(weight, probability, log))
            for probability, log in ((torch.sigmoid(logit), logarithm), (is_occupied, true_logarithm))
        )
        return Terms(
            (counts * occupancy).sum() / num_occupied * counts.mul(is_occupied).any(),
            (counts * is_occupied * distance).sum() / num_occupied,
            functional.smooth_l1_loss(found, true) if self.is_energy.any() else occupancy.new_zeros(()),
        )

    def _energies(self, weight: Tensor, probability: Tensor, logarithm: Tensor) -> Tensor:
        """(batch, channels that hold energies)"""
        weight, probability, logarithm = (part[:, :, self.is_energy] for part in (weight, probability, logarithm))
        value = signed_exp(logarithm.clamp(-LARGEST_LOGARITHM, LARGEST_LOGARITHM))
        return (weight[..., None] * probability * value).sum(dim=(1, 3))

    def total(self, terms: Terms) -> Tensor:
        weights = self.weights
        return (
            weights.occupancy * terms.occupancy
            + weights.logarithm * terms.logarithm
            + weights.energy_sum * terms.energy_sum
        )
