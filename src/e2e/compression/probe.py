"""How much of the answer can be read from a feature vector: a linear probe, and a network of one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """hidden: numbers of the hidden layer; 0: linear. steps: each over all vectors, by AdamW with a cosine."""

    hidden: int = 0
    steps: int = 300
    learning_rate: float = 0.02
    weight_decay: float = 1e-3
    seed: int = 0

    def answers(self, vectors: FloatArray, target: FloatArray, asked: FloatArray, *, is_tagger: bool) -> FloatArray:
        """Learn on `vectors` (candidates, features) with their `target`, answer for those `asked`: (asked,).

        A tagger's answer is a logit. Everything is brought to mean 0 and width 1 of the vectors that are learned from.
        Raises ValueError where there is nothing to learn from.
        """
        if len(vectors) < 2:
            raise ValueError(f"{len(vectors)} vectors to learn from; give 2 or more")
        mean, width = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
        x, new = (torch.from_numpy(((part - mean) / width).astype(np.float32)) for part in (vectors, asked))
        middle, scale = (0.0, 1.0) if is_tagger else (float(target.mean()), max(float(target.std()), 1e-6))
        y = torch.from_numpy(((target - middle) / scale).astype(np.float32))
        loss = functional.binary_cross_entropy_with_logits if is_tagger else functional.l1_loss
        network = self._network(x.shape[1])
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.steps)
        for _ in range(self.steps):
            optimiser.zero_grad()
            loss(network(x)[:, 0], y).backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            return (network(new)[:, 0] * scale + middle).numpy()

    def _network(self, features: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            if not self.hidden:
                return nn.Linear(features, 1)
            return nn.Sequential(nn.Linear(features, self.hidden), nn.GELU(), nn.Linear(self.hidden, 1))
