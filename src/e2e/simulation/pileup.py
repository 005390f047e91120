"""Soft particles of other collisions in the same crossing, around the primary: what real crops are full of.

Each interaction adds photons and charged pions, flat in eta and phi, with the Tsallis spectrum that CMS measured.
Sources: dN/deta of about 5.5 charged particles and mean pT 0.5 GeV at 8 TeV (CMS, arXiv:1005.3299 and its successors);
as many photons, from neutral pions, at half the momentum. Left out: jets among them, other crossings, neutral hadrons.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM
from e2e.simulation.gun import BEAM_SPOT_SIGMA_CM
from e2e.simulation.particles import FloatArray, Particles, direction_angles, momentum_vector
from e2e.simulation.transport import propagate

PARTICLES_PER_ETA = 5.5  # charged, and again as many photons
TSALLIS_N, TSALLIS_T_GEV, PION_GEV = 6.9, 0.145, 0.14
HALF_ETA, HALF_PHI = 0.45, 0.75  # around the primary: more than the simulated patch, since charged pions bend
MIN_PHOTON_PT, MIN_PION_PT = 0.25, 0.7  # GeV; softer ones stay below the read-out, or curl up in the tracker
MAX_PT = 5.0

SHOWERS_IN_ECAL = 0.5  # share of pions that start their shower in the crystals, which are one interaction length deep
MIP_GEV = 0.25  # what the others leave


def photons(rng: Generator, mean_interactions: float, axis: FloatArray) -> Particles:
    """Photons at their vertices, to be carried through the tracker with the primaries. axis: (events, 3)."""
    return _shoot(rng, mean_interactions, axis, MIN_PHOTON_PT, scale=0.5, charges=(0,))


def pion_deposits(rng: Generator, mean_interactions: float, axis: FloatArray) -> Particles:
    """What charged pions leave in the crystals, as electrons at the front face that carry just that energy."""
    pions = propagate(
        _shoot(rng, mean_interactions, axis, MIN_PION_PT, scale=1.0, charges=(-1, 1)), ECAL_BARREL_FRONT_RADIUS_CM
    )
    fraction = rng.uniform(0.1, 0.9, len(pions))
    left = np.where(rng.random(len(pions)) < SHOWERS_IN_ECAL, fraction * pions.energy, MIP_GEV)
    return Particles(pions.event, pions.charge, pions.momentum * (left / pions.energy)[:, None], pions.position)


def _shoot(
    rng: Generator, mean_interactions: float, axis: FloatArray, min_pt: float, scale: float, charges: tuple[int, ...]
) -> Particles:
    """scale: of the momenta, against those of charged particles."""
    _, eta, phi = direction_angles(axis)
    table_pt, cumulative = _spectrum(scale)
    above = 1 - np.interp(min_pt, table_pt, cumulative)
    area_share = 2 * HALF_ETA * 2 * HALF_PHI / (2 * np.pi)
    interactions = rng.poisson(mean_interactions, len(axis))
    event = np.repeat(np.arange(len(axis)), rng.poisson(interactions * PARTICLES_PER_ETA * area_share * above))
    pt = np.interp(1 - above * rng.random(len(event)), cumulative, table_pt)
    momentum = momentum_vector(
        pt,
        eta[event] + rng.uniform(-HALF_ETA, HALF_ETA, len(event)),
        phi[event] + rng.uniform(-HALF_PHI, HALF_PHI, len(event)),
    )
    vertex = rng.normal(0.0, BEAM_SPOT_SIGMA_CM, (len(event), 3))
    return Particles(event, rng.choice(np.array(charges), len(event)), momentum, vertex)


def _spectrum(scale: float) -> tuple[FloatArray, FloatArray]:
    """pT and the cumulative Tsallis distribution: pT (1 + (mT - m) / (n T))^-n."""
    pt = np.linspace(0.0, MAX_PT, 2001)
    transverse_mass = np.hypot(pt, PION_GEV)
    density = pt * (1 + (transverse_mass - PION_GEV) / (TSALLIS_N * TSALLIS_T_GEV)) ** -TSALLIS_N
    cumulative = np.cumsum(density)
    return pt * scale, cumulative / cumulative[-1]
