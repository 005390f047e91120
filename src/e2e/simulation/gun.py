"""Particle guns: what is shot, from where, and the truth about it; where no generator is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.simulation.era import ERAS
from e2e.simulation.particles import ELECTRON, PHOTON, FloatArray, Particles, momentum_vector
from e2e.simulation.stages import Generated
from e2e.simulation.truth import truth_table

PSEUDOSCALAR_PDG = 36
BEAM_SPOT_SIGMA_CM = ERAS["2012"].beam_spot_sigma_cm


@dataclass(frozen=True)
class Gun:
    """Ranges that are filled evenly: pT and mass in GeV, |eta|."""

    pt: tuple[float, float] = (20.0, 100.0)
    max_abs_eta: float = 1.4
    mass: tuple[float, float] = (0.0, 1.6)  # of the A in A -> gamma gamma; arXiv:2204.12313 trains on (0, 1.6)


def _shoot(rng: Generator, num_events: int, gun: Gun) -> tuple[FloatArray, FloatArray]:
    """Momenta flat in pT, eta and phi, and vertices on the beam spot."""
    pt = rng.uniform(*gun.pt, num_events)
    eta = rng.uniform(-gun.max_abs_eta, gun.max_abs_eta, num_events)
    phi = rng.uniform(-np.pi, np.pi, num_events)
    vertex = rng.normal(0.0, BEAM_SPOT_SIGMA_CM, (num_events, 3))
    return momentum_vector(pt, eta, phi), vertex


def _single(rng: Generator, num_events: int, gun: Gun, pdg_ids: tuple[int, ...]) -> Generated:
    """One particle an event, of a kind drawn from `pdg_ids`."""
    momentum, vertex = _shoot(rng, num_events, gun)
    event, pdg_id = np.arange(num_events), rng.choice(np.array(pdg_ids), num_events)
    truth = truth_table(event, pdg_id, momentum, np.zeros(num_events), vertex)
    return Generated(Particles(event, pdg_id, momentum, vertex), vertex, truth)


def photons(rng: Generator, num_events: int, gun: Gun) -> Generated:
    return _single(rng, num_events, gun, (PHOTON,))


def electrons(rng: Generator, num_events: int, gun: Gun) -> Generated:
    """Electrons and positrons, half and half."""
    return _single(rng, num_events, gun, (ELECTRON, -ELECTRON))


def electrons_and_photons(rng: Generator, num_events: int, gun: Gun) -> Generated:
    """Half electrons, half photons, event by event at random, from the same spectra."""
    return _single(rng, num_events, gun, (ELECTRON, PHOTON, PHOTON, -ELECTRON))


CONTINUATION_MASS = -0.3  # GeV; single photons stand for masses between this and zero (arXiv:2204.12313)


def pseudoscalars(rng: Generator, num_events: int, gun: Gun) -> Generated:
    """A -> gamma gamma, decaying at once and isotropically; flat in the mass and the pT of A."""
    return _pairs_or_photons(rng, num_events, gun, np.zeros(num_events, dtype=bool))


def pseudoscalars_and_photons(rng: Generator, num_events: int, gun: Gun) -> Generated:
    """A -> gamma gamma, and single photons as many as their stretch of mass below zero asks for."""
    share = -CONTINUATION_MASS / (gun.mass[1] - CONTINUATION_MASS)
    return _pairs_or_photons(rng, num_events, gun, rng.random(num_events) < share)


def _pairs_or_photons(rng: Generator, num_events: int, gun: Gun, is_photon: NDArray[np.bool_]) -> Generated:
    momentum, vertex = _shoot(rng, num_events, gun)
    mass = np.where(is_photon, 0.0, rng.uniform(*gun.mass, num_events))
    cosine, azimuth = rng.uniform(-1, 1, num_events), rng.uniform(-np.pi, np.pi, num_events)
    sine = np.sqrt(1 - cosine**2)
    at_rest = np.stack((sine * np.cos(azimuth), sine * np.sin(azimuth), cosine), axis=1) * (mass / 2)[:, None]
    legs = [np.where(is_photon[:, None], momentum, _boost(at_rest, mass / 2, momentum, mass))]
    legs.append(_boost(-at_rest, mass / 2, momentum, mass)[~is_photon])
    event = np.concatenate((np.arange(num_events), np.flatnonzero(~is_photon)))
    particles = Particles(event, np.full(len(event), PHOTON), np.concatenate(legs), vertex[event])
    pdg_id = np.where(is_photon, PHOTON, PSEUDOSCALAR_PDG)
    return Generated(particles, vertex, truth_table(np.arange(num_events), pdg_id, momentum, mass, vertex))


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


GUNS: dict[str, Callable[[Generator, int, Gun], Generated]] = {
    "electron": electrons,
    "photon": photons,
    "electron-photon": electrons_and_photons,
    "diphoton": pseudoscalars,
    "diphoton-mass": pseudoscalars_and_photons,
}
