"""Carry photons and electrons through the tracker: helix in 3.8 T, bremsstrahlung, conversions.

Sources: Tsai, Rev. Mod. Phys. 46 (1974) 815 (spectra in the complete-screening limit); tracker material against |eta|
and layer radii of CMS (facts of arXiv:1405.6569 and the tracker TDR). Left out: ionisation (a few MeV), multiple
scattering (below 1 mrad above 1 GeV), discs (their material is put on the barrel radii).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM, HELIX_RADIUS_CM_PER_GEV
from e2e.simulation.particles import FloatArray, Particles

# Material in units of X0 along a straight line, against |eta| of that line.
_MATERIAL_ETA = (0.0, 0.5, 1.0, 1.45, 2.0, 2.4)
_MATERIAL_X0 = (0.4, 0.5, 0.9, 1.8, 1.4, 1.1)

# Radii (beam pipe, BPIX, TIB, TOB, outer services) and the share of the material on each.
LAYER_RADIUS_CM = np.array([2.9, 4.4, 7.3, 10.2, 25.5, 33.9, 41.9, 49.8, 60.8, 69.2, 78.0, 86.8, 96.5, 108.0, 118.0])
LAYER_SHARE = np.array([1, 5, 5, 5, 8, 8, 8, 8, 8, 6, 6, 6, 6, 6, 14]) / 100.0

MIN_PHOTON_GEV = 0.05  # a softer bremsstrahlung photon is not emitted
MIN_TRACKED_GEV = 0.05  # a softer particle is dropped

_NEWTON_STEPS = 5
_REACHED_CM = 0.01


def material_x0(eta: FloatArray) -> FloatArray:
    """Tracker material in X0 on a straight line of this pseudorapidity."""
    return np.interp(np.abs(eta), _MATERIAL_ETA, _MATERIAL_X0)


def transport(particles: Particles, rng: Generator) -> Particles:
    """Everything that reaches the ECAL's front cylinder: position and momentum there, new particles included."""
    for radius, share in zip(LAYER_RADIUS_CM, LAYER_SHARE, strict=True):
        particles = propagate(particles, float(radius))
        thickness = share * material_x0(np.arcsinh(particles.position[:, 2] / radius))
        particles = _interact(particles, thickness, rng)
    return propagate(particles, ECAL_BARREL_FRONT_RADIUS_CM)


def propagate(particles: Particles, radius_cm: float) -> Particles:
    """Move outwards to the cylinder; a particle already beyond it stays, one that never reaches it is dropped."""
    x, y, z = particles.position.T
    px, py, pz = particles.momentum.T
    pt = np.hypot(px, py)
    # direction (ux, uy) turns by -charge * path / helix radius in a field along +z
    turn = -particles.charge / (HELIX_RADIUS_CM_PER_GEV * pt)
    ux, uy = px / pt, py / pt
    along = x * ux + y * uy
    is_inside = np.hypot(x, y) < radius_cm
    path = np.where(is_inside, -along + np.sqrt(np.maximum(along**2 + radius_cm**2 - x**2 - y**2, 0.0)), 0.0)
    for _ in range(_NEWTON_STEPS):
        new_x, new_y, vx, vy = _move(x, y, ux, uy, turn, path)
        new_radius = np.hypot(new_x, new_y)
        outward = (new_x * vx + new_y * vy) / new_radius
        path = np.where(is_inside, path + (radius_cm - new_radius) / np.maximum(outward, 0.05), path)
    new_x, new_y, vx, vy = _move(x, y, ux, uy, turn, path)
    moved = Particles(
        particles.event,
        particles.charge,
        np.stack((vx * pt, vy * pt, pz), axis=1),
        np.stack((new_x, new_y, z + path * pz / pt), axis=1),
    )
    is_there = ~is_inside | (np.abs(np.hypot(new_x, new_y) - radius_cm) < _REACHED_CM)
    return moved.where(is_there & (np.abs(path * turn) < np.pi))


def _move(
    x: FloatArray, y: FloatArray, ux: FloatArray, uy: FloatArray, turn: FloatArray, path: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Position and direction after a path (cm) in the transverse plane; turn: change of azimuth per cm."""
    angle = turn * path
    is_straight = np.abs(angle) < 1e-9
    safe = np.where(is_straight, 1.0, angle)
    sine = np.where(is_straight, 1.0, np.sin(safe) / safe) * path
    cosine = np.where(is_straight, 0.0, (1 - np.cos(safe)) / safe) * path
    vx, vy = ux * np.cos(angle) - uy * np.sin(angle), uy * np.cos(angle) + ux * np.sin(angle)
    return x + ux * sine - uy * cosine, y + uy * sine + ux * cosine, vx, vy


def _interact(particles: Particles, thickness: FloatArray, rng: Generator) -> Particles:
    converts = (particles.charge == 0) & (rng.random(len(particles)) < 1 - np.exp(-7 / 9 * thickness))
    kept, pairs = particles.where(~converts), _convert(particles.where(converts), rng)
    radiated = _radiate(kept, thickness[~converts], rng)  # takes the energy from the electrons in `kept`
    return _drop_soft(Particles.concatenate([kept, *pairs, *radiated]))


def _drop_soft(particles: Particles) -> Particles:
    return particles.where(particles.energy > MIN_TRACKED_GEV)


def _convert(photons: Particles, rng: Generator) -> list[Particles]:
    """e+ e- of each photon, along its direction."""
    share = conversion_share(rng, len(photons))
    return [
        Particles(
            photons.event, np.full(len(photons), charge), photons.momentum * part[:, None], photons.position.copy()
        )
        for charge, part in ((-1, share), (1, 1 - share))
    ]


def _radiate(particles: Particles, thickness: FloatArray, rng: Generator) -> list[Particles]:
    """Bremsstrahlung photons above MIN_PHOTON_GEV; the electrons in `particles` lose their energy in place.

    Number of photons per X0: 4/3 ln(1/y_min) - 4/3 (1 - y_min) + (1 - y_min^2)/2, y = photon over electron energy.
    """
    electrons = np.flatnonzero(particles.charge != 0)
    low = MIN_PHOTON_GEV / np.maximum(particles.energy[electrons], 1.01 * MIN_PHOTON_GEV)
    mean = thickness[electrons] * (4 / 3 * (np.log(1 / low) - (1 - low)) + (1 - low**2) / 2)
    remaining = rng.poisson(mean)
    photons = []
    while len(electrons := electrons[remaining > 0]):
        remaining = remaining[remaining > 0] - 1
        energy = particles.energy[electrons]
        low = MIN_PHOTON_GEV / np.maximum(energy, 1.01 * MIN_PHOTON_GEV)
        share = _brem_share(rng, low)
        photons.append(
            Particles(
                particles.event[electrons],
                np.zeros(len(electrons), dtype=np.int64),
                particles.momentum[electrons] * share[:, None],
                particles.position[electrons],
            )
        )
        particles.momentum[electrons] *= (1 - share)[:, None]
    return photons


def _brem_share(rng: Generator, low: FloatArray) -> FloatArray:
    """y in (low, 1) with density (1 - y + 3/4 y^2) / y: log-uniform proposals, thinned."""
    share = np.empty(len(low))
    todo = np.arange(len(low))
    while len(todo):
        y = low[todo] ** rng.random(len(todo))
        accepted = rng.random(len(todo)) < 1 - y + 0.75 * y**2
        share[todo[accepted]] = y[accepted]
        todo = todo[~accepted]
    return np.minimum(share, 0.999)


def conversion_share(rng: Generator, count: int) -> FloatArray:
    """Energy share of one leg of a conversion: density 1 - 4/3 v (1 - v)."""
    return sample_share(rng, count, lambda v: 1 - 4 / 3 * v * (1 - v))


def sample_share(rng: Generator, count: int, density: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Numbers in (0, 1) with a density of maximum 1, by rejection."""
    share = np.empty(count)
    todo: NDArray[np.int64] = np.arange(count)
    while len(todo):
        v = rng.random(len(todo))
        accepted = rng.random(len(todo)) < density(v)
        share[todo[accepted]] = v[accepted]
        todo = todo[~accepted]
    return share
