"""What a reconstruction is taught by: where pixels are, how large they are, and where the energy is, each apart.

Nearly all pixels of a candidate are zeros, so that an error of energies in the mean would teach zeros: it must be said
apart whether there is a pixel and, where there is one, its logarithm. Most of those that are there are noise, so that
these two alone teach noise: the energies are asked for as well, each as much as it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract import CHANNELS, FrameSpec
from e2e.models.autoencoder import LARGEST_LOGARITHM
from e2e.models.base import LOG_GAIN, signed_exp
from e2e.models.decoders import Patches, one_for_each_tower

_LEAST_ENERGY = 1e-6  # of a scaled value


@dataclass(frozen=True)
class LossWeights:
    """Of the terms in the sum; each is of order one. divergence: 1 makes the sum of it and the occupancy's term a bound
    of how well a candidate can be said at all (the evidence's)."""

    occupancy: float = 1.0
    logarithm: float = 1.0
    energies: float = 1.0
    divergence: float = 1.0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0 or not any(asdict(self).values()):
            raise ValueError(f"{self} must not be negative, and not all 0")


class Terms(NamedTuple):
    """occupancy: cross entropy, nats per occupied pixel; 0 where there is none. logarithm: Huber's loss on occupied
    pixels, whose energies a factor of e apart are 1 apart. energies: of each channel of each candidate the I-divergence
    of the energies expected from the true ones, in units of their sum: how differently they are spread (as that of
    Kullback and Leibler says it, nats), and how differently they add up. divergence: nats per occupied pixel that a
    variational vector says; 0 without one."""

    occupancy: Tensor
    logarithm: Tensor
    energies: Tensor
    divergence: Tensor


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
        return self.terms(self.numbers(predicted, truth, weight))

    def numbers(self, predicted: Patches, truth: Patches, weight: Tensor) -> Tensor:
        """(batch, numbers): what each candidate has to say to `terms`."""
        shape = (*weight.shape, -1)
        logit, logarithm, is_occupied, true_logarithm = (
            numbers.float().reshape(shape) for numbers in (*predicted[:2], *truth[:2])
        )
        counts = weight[..., None] * self.share  # (batch, places asked, channels, pixels of a patch)
        occupancy = functional.binary_cross_entropy_with_logits(logit, is_occupied, reduction="none")
        distance = functional.smooth_l1_loss(logarithm, true_logarithm, reduction="none")
        nothing = occupancy.new_zeros(len(weight))
        numbers = (
            (counts * is_occupied).flatten(1).sum(dim=1),
            (counts * occupancy).flatten(1).sum(dim=1),
            (counts * is_occupied * distance).flatten(1).sum(dim=1),
            self._energies(counts, torch.sigmoid(logit), logarithm, is_occupied, true_logarithm)
            if self.is_energy.any()
            else nothing,
            nothing if predicted.divergence is None else predicted.divergence.float(),
        )
        return torch.stack(numbers, dim=1)

    def terms(self, numbers: Tensor) -> Terms:
        """numbers: (batch, numbers), of the method of that name."""
        num_occupied, occupancy, logarithm, energies, divergence = numbers.sum(dim=0)
        each = num_occupied.clamp(min=1.0)
        return Terms(
            occupancy / each * (num_occupied > 0), logarithm / each, energies / len(numbers), divergence / each
        )

    def _energies(
        self, counts: Tensor, probability: Tensor, logarithm: Tensor, is_occupied: Tensor, true_logarithm: Tensor
    ) -> Tensor:
        """(batch,): mean over channels that hold energies; all (batch, places asked, channels, pixels)."""
        counts, probability, logarithm, is_occupied, true_logarithm = (
            part[:, :, self.is_energy] for part in (counts, probability, logarithm, is_occupied, true_logarithm)
        )
        value = signed_exp(logarithm.clamp(-LARGEST_LOGARITHM, LARGEST_LOGARITHM))
        found = (probability * value).clamp(min=0.0)
        true = is_occupied * signed_exp(true_logarithm)
        ratio = true.clamp(min=_LEAST_ENERGY) / found.clamp(min=_LEAST_ENERGY)
        apart = torch.xlogy(true, ratio) - true + found
        per_channel = (counts * apart).sum(dim=(1, 3)) / ((counts * true).sum(dim=(1, 3)) + 1 / LOG_GAIN)
        return per_channel.mean(dim=1)

    def total(self, terms: Terms) -> Tensor:
        return torch.stack([weight * getattr(terms, name) for name, weight in asdict(self.weights).items()]).sum()
