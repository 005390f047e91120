"""Photons and electrons on their way through the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass
class Particles:
    """Photons (charge 0), electrons (-1) and positrons (+1), all relativistic: energy is |momentum|.

    event: zero-based event of each (particles,). momentum: GeV (particles, 3). position: cm (particles, 3).
    """

    event: NDArray[np.int64]
    charge: NDArray[np.int64]
    momentum: FloatArray
    position: FloatArray

    def __len__(self) -> int:
        return len(self.event)

    @property
    def energy(self) -> FloatArray:
        return np.sqrt((self.momentum**2).sum(1))

    def where(self, keep: NDArray[Any]) -> Particles:
        """A copy of some: boolean mask or indices."""
        return Particles(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: Sequence[Particles]) -> Particles:
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def momentum_vector(pt: FloatArray, eta: FloatArray, phi: FloatArray) -> FloatArray:
    """(particles, 3) from transverse momentum, pseudorapidity and azimuth."""
    return np.stack((pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)


def direction_angles(momentum: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """pt, eta, phi of (particles, 3) vectors."""
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    return pt, np.arcsinh(momentum[:, 2] / pt), np.arctan2(momentum[:, 1], momentum[:, 0])
