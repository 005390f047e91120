"""Particles to send through parts of the simulation."""

import numpy as np

from e2e.simulation.particles import Particles, momentum_vector


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def beam(pdg_id: int, count: int, pt: float = 50.0, eta: float = 0.3) -> Particles:
    """One an event, from the origin, all around in phi."""
    momentum = momentum_vector(np.full(count, pt), np.full(count, eta), np.linspace(-3, 3, count))
    return Particles(np.arange(count), np.full(count, pdg_id), momentum, np.zeros((count, 3)))
