"""Particles on their way through the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ELECTRON, MUON, PHOTON, PION = 11, 13, 22, 211

# |PDG number| -> (charge of the positive number, mass in GeV) of what lives to reach the detector. PDG 2024.
_SPECIES: dict[int, tuple[int, float]] = {
    ELECTRON: (-1, 0.000511),
    MUON: (-1, 0.10566),
    PHOTON: (0, 0.0),
    130: (0, 0.49761),  # K long
    310: (0, 0.49761),  # K short
    PION: (1, 0.13957),
    321: (1, 0.49368),
    2112: (0, 0.93957),
    2212: (1, 0.93827),
    3122: (0, 1.11568),
    3112: (-1, 1.19745),
    3222: (1, 1.18937),
    3312: (-1, 1.32171),
    3322: (0, 1.31486),
    3334: (-1, 1.67245),
}
_NUMBERS = np.array(sorted(_SPECIES))
_CHARGES = np.array([_SPECIES[number][0] for number in _NUMBERS.tolist()])
_MASSES = np.array([_SPECIES[number][1] for number in _NUMBERS.tolist()])


def is_tracked(pdg_id: IntArray) -> NDArray[np.bool_]:
    """True for the species above; others (neutrinos, what an exotic model makes) leave nothing in the detector."""
    return np.isin(np.abs(pdg_id), _NUMBERS)


def charge_of(pdg_id: IntArray) -> IntArray:
    """In units of the proton's. Of species above only."""
    return np.sign(pdg_id) * _CHARGES[np.searchsorted(_NUMBERS, np.abs(pdg_id))]


def mass_of(pdg_id: IntArray) -> FloatArray:
    """GeV. Of species above only."""
    return _MASSES[np.searchsorted(_NUMBERS, np.abs(pdg_id))]


@dataclass
class Particles:
    """Particles of many events, in any order.

    event: zero-based event of each (particles,). pdg_id: a species above. momentum: GeV (particles, 3). position: cm
    (particles, 3), where the particle is now.
    """

    event: IntArray
    pdg_id: IntArray
    momentum: FloatArray
    position: FloatArray

    def __len__(self) -> int:
        return len(self.event)

    @property
    def charge(self) -> IntArray:
        return charge_of(self.pdg_id)

    @property
    def pt(self) -> FloatArray:
        return np.hypot(self.momentum[:, 0], self.momentum[:, 1])

    @property
    def energy(self) -> FloatArray:
        return np.sqrt((self.momentum**2).sum(1) + mass_of(self.pdg_id) ** 2)

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
    """pt, eta, phi of (particles, 3) vectors; along the beam, an eta far beyond any detector."""
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    return pt, np.arcsinh(momentum[:, 2] / np.maximum(pt, 1e-12)), np.arctan2(momentum[:, 1], momentum[:, 0])
