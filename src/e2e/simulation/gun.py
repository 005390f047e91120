"""Particle guns: what is shot, from where, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.simulation.particles import FloatArray, Particles, momentum_vector

ELECTRON_PDG, PHOTON_PDG, PSEUDOSCALAR_PDG = 11, 22, 36

BEAM_SPOT_SIGMA_CM = (0.002, 0.002, 5.0)  # CMS running at 8 TeV: 20 um across, about 5 cm along the beam


@dataclass(frozen=True)
class Gun:
    """Ranges that are filled evenly: pT and mass in GeV, |eta|."""

    pt: tuple[float, float] = (20.0, 100.0)
    max_abs_eta: float = 1.4
    mass: tuple[float, float] = (0.0, 1.6)  # of the A in A -> gamma gamma; arXiv:2204.12313 trains on (0, 1.6)


@dataclass(frozen=True)
class Primaries:
    """What was shot, one truth row per event, and the particles that enter the detector."""

    pdg_id: NDArray[np.int64]
    mass: FloatArray
    momentum: FloatArray
    vertex_cm: FloatArray
    particles: Particles


def _shoot(rng: Generator, num_events: int, gun: Gun) -> tuple[FloatArray, FloatArray]:
    """Momenta flat in pT, eta and phi, and vertices on the beam spot."""
    pt = rng.uniform(*gun.pt, num_events)
    eta = rng.uniform(-gun.max_abs_eta, gun.max_abs_eta, num_events)
    phi = rng.uniform(-np.pi, np.pi, num_events)
    vertex = rng.normal(0.0, BEAM_SPOT_SIGMA_CM, (num_events, 3))
    return momentum_vector(pt, eta, phi), vertex


def _single(rng: Generator, num_events: int, gun: Gun, pdg: int, charge: NDArray[np.int64]) -> Primaries:
    momentum, vertex = _shoot(rng, num_events, gun)
    particles = Particles(np.arange(num_events), charge, momentum, vertex)
    pdg_id = np.where(charge == 0, pdg, -charge * pdg)
    return Primaries(pdg_id, np.zeros(num_events), momentum, vertex, particles)


def photons(rng: Generator, num_events: int, gun: Gun) -> Primaries:
    return _single(rng, num_events, gun, PHOTON_PDG, np.zeros(num_events, dtype=np.int64))


def electrons(rng: Generator, num_events: int, gun: Gun) -> Primaries:
    """Electrons and positrons, half and half."""
    return _single(rng, num_events, gun, ELECTRON_PDG, rng.choice(np.array([-1, 1]), num_events))


def electrons_and_photons(rng: Generator, num_events: int, gun: Gun) -> Primaries:
    """Half electrons, half photons, event by event at random, from the same spectra."""
    charge = rng.choice(np.array([-1, 0, 0, 1]), num_events)
    primaries = _single(rng, num_events, gun, PHOTON_PDG, charge)
    return replace(primaries, pdg_id=np.where(charge == 0, PHOTON_PDG, -charge * ELECTRON_PDG))


def pseudoscalars(rng: Generator, num_events: int, gun: Gun) -> Primaries:
    """A -> gamma gamma, decaying at once and isotropically; flat in the mass and the pT of A."""
    momentum, vertex = _shoot(rng, num_events, gun)
    mass = rng.uniform(*gun.mass, num_events)
    cosine, azimuth = rng.uniform(-1, 1, num_events), rng.uniform(-np.pi, np.pi, num_events)
    sine = np.sqrt(1 - cosine**2)
    at_rest = np.stack((sine * np.cos(azimuth), sine * np.sin(azimuth), cosine), axis=1) * (mass / 2)[:, None]
    legs = [_boost(sign * at_rest, mass / 2, momentum, mass) for sign in (1, -1)]
    events, charge = np.arange(num_events), np.zeros(num_events, dtype=np.int64)
    particles = Particles.concatenate([Particles(events, charge, leg, vertex.copy()) for leg in legs])
    return Primaries(np.full(num_events, PSEUDOSCALAR_PDG), mass, momentum, vertex, particles)


CONTINUATION_MASS = -0.3  # GeV; single photons stand for masses between this and zero (arXiv:2204.12313)


def pseudoscalars_and_photons(rng: Generator, num_events: int, gun: Gun) -> Primaries:
    """A -> gamma gamma, and single photons as many as their stretch of mass below zero asks for."""
    first, second = pseudoscalars(rng, num_events, gun), photons(rng, num_events, gun)
    is_photon = rng.random(num_events) < -CONTINUATION_MASS / (gun.mass[1] - CONTINUATION_MASS)

    def pick(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.where(is_photon if a.ndim == 1 else is_photon[:, None], b, a)

    legs = first.particles.where(~is_photon[first.particles.event])
    return Primaries(
        pick(first.pdg_id, second.pdg_id),
        pick(first.mass, second.mass),
        pick(first.momentum, second.momentum),
        pick(first.vertex_cm, second.vertex_cm),
        Particles.concatenate([legs, second.particles.where(is_photon)]),
    )


def _boost(at_rest: FloatArray, energy: FloatArray, parent: FloatArray, mass: FloatArray) -> FloatArray:
    """Momentum of a massless leg of energy `energy` in the parent's frame, seen in the laboratory."""
    parent_momentum = np.sqrt((parent**2).sum(1))
    parent_energy = np.hypot(parent_momentum, mass)
    axis = parent / parent_momentum[:, None]
    along = (at_rest * axis).sum(1)
    # gamma * (along + beta * energy) - along, with gamma = E/m written so that m -> 0 stays finite
    safe_mass = np.maximum(mass, 1e-12)
    boosted = (parent_energy * along + parent_momentum * energy) / safe_mass
    return at_rest + axis * (boosted - along)[:, None]


PROCESSES: dict[str, Callable[[Generator, int, Gun], Primaries]] = {
    "electron": electrons,
    "photon": photons,
    "electron-photon": electrons_and_photons,
    "diphoton": pseudoscalars,
    "diphoton-mass": pseudoscalars_and_photons,
}
