"""Through the tracker: helix in 3.8 T, bremsstrahlung, conversions, nuclear interactions, hits in its layers.

Photons fly straight to the layer where they convert, hadrons and muons along one helix; electrons go layer by layer.
Sources: Tsai, Rev. Mod. Phys. 46 (1974) 815 (spectra in the complete-screening limit); tracker material against |eta|
and layer radii of CMS (facts of arXiv:1405.6569 and the tracker TDR). Left out: ionisation (a few MeV), multiple
scattering (below 1 mrad above 1 GeV), discs: forward particles meet the material of the barrel's layers, moved inwards
so that all of it lies before the endcap; charged products of nuclear interactions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from e2e.events.record import Table
from e2e.simulation.era import Era
from e2e.simulation.particles import ELECTRON, MUON, PHOTON, FloatArray, IntArray, Particles
from e2e.simulation.passage import arrive, move, path_outwards
from e2e.simulation.tracker_hits import find_hits

# Material in units of X0 along a straight line, against |eta| of that line.
_MATERIAL_ETA = (0.0, 0.5, 1.0, 1.45, 2.0, 2.4)
_MATERIAL_X0 = (0.4, 0.5, 0.9, 1.8, 1.4, 1.1)

# Radii (beam pipe, BPIX, TIB, TOB, outer services) and the share of the material on each.
LAYER_RADIUS_CM = np.array([2.9, 4.4, 7.3, 10.2, 25.5, 33.9, 41.9, 49.8, 60.8, 69.2, 78.0, 86.8, 96.5, 108.0, 118.0])
LAYER_SHARE = np.array([1, 5, 5, 5, 8, 8, 8, 8, 8, 6, 6, 6, 6, 6, 14]) / 100.0
NUM_LAYERS = len(LAYER_RADIUS_CM)
_SUMMED_SHARE = np.cumsum(LAYER_SHARE)
MATERIAL_END_Z_CM = 290.0

# Interaction lengths of the tracker over its radiation lengths: 5 to 20 % of hadrons interact. CMS, arXiv:1405.6569.
INTERACTION_PER_X0 = 0.12

MIN_PHOTON_GEV = 0.05  # a softer bremsstrahlung photon is not emitted
MIN_TRACKED_GEV = 0.05  # a softer particle is dropped


class Passage(NamedTuple):
    """arrivals: particles on the face of the ECAL. charged: those that could leave a track, where they began: what came
    in, and what photons converted to. end_radius_cm: (charged,) where a hadron met a nucleus, else infinite; its energy
    goes on all the same. hits: the tracker's, a table of the record.
    """

    arrivals: Particles
    charged: Particles
    end_radius_cm: FloatArray
    hits: Table


def transport(particles: Particles, num_events: int, era: Era, rng: Generator) -> Passage:
    """Through the tracker, from production to the ECAL."""
    species = np.abs(particles.pdg_id)
    is_photon, is_electron = species == PHOTON, species == ELECTRON
    light, pairs = _shower_in_tracker(particles.where(is_photon), particles.where(is_electron), rng)
    charged = Particles.concatenate([particles.where(particles.charge != 0), pairs])
    end_radius = _nuclear_interactions(charged, rng)
    hits = find_hits(charged, end_radius, num_events, era, rng)
    others = arrive(particles.where(~(is_photon | is_electron)))
    return Passage(_drop_soft(Particles.concatenate([others, light])), charged, end_radius, hits)


def material_x0(eta: FloatArray) -> FloatArray:
    """Tracker material in X0 on a straight line of this pseudorapidity."""
    return np.interp(np.abs(eta), _MATERIAL_ETA, _MATERIAL_X0)


class _Lines(NamedTuple):
    """The material that particles meet: in all, and by how much their layers lie further inwards than the barrel's."""

    total_x0: FloatArray
    scale: FloatArray


def _lines(particles: Particles) -> _Lines:
    slope = np.abs(particles.momentum[:, 2]) / particles.pt
    scale = np.minimum(MATERIAL_END_Z_CM / np.maximum(slope, 1e-9) / LAYER_RADIUS_CM[-1], 1.0)
    return _Lines(material_x0(np.arcsinh(slope)), scale)


def _next_layer(particles: Particles, lines: _Lines) -> IntArray:
    """The first layer outside each particle's place."""
    radius = np.hypot(particles.position[:, 0], particles.position[:, 1])
    return np.searchsorted(LAYER_RADIUS_CM, radius / lines.scale + 1e-6)


def _nuclear_interactions(charged: Particles, rng: Generator) -> FloatArray:
    """Radius at which each hadron meets a nucleus of the tracker; infinity for those that do not, and for leptons."""
    end = np.full(len(charged), np.inf)
    rows = np.flatnonzero(~np.isin(np.abs(charged.pdg_id), (ELECTRON, MUON)))
    hadrons = charged.where(rows)
    lines = _lines(hadrons)
    layer = _layer_after(rng.exponential(1 / INTERACTION_PER_X0, len(rows)), _next_layer(hadrons, lines), lines)
    meets = layer < NUM_LAYERS
    end[rows[meets]] = LAYER_RADIUS_CM[layer[meets]] * lines.scale[meets]
    return end


def _layer_after(depth_x0: FloatArray, first_layer: IntArray, lines: _Lines) -> IntArray:
    """The layer in which a particle has met so much material since before `first_layer`; NUM_LAYERS: beyond all."""
    before = np.concatenate(([0.0], _SUMMED_SHARE))[first_layer]
    return np.searchsorted(_SUMMED_SHARE, before + depth_x0 / lines.total_x0)


# ---- electrons and photons


def _shower_in_tracker(photons: Particles, electrons: Particles, rng: Generator) -> tuple[Particles, Particles]:
    """What arrives of electrons and photons, and the electrons and positrons of conversions where they were made."""
    waiting = [photons]
    converting = [_conversion_layer(photons, rng)]
    made: list[Particles] = []
    for layer in range(NUM_LAYERS):
        pool, place = Particles.concatenate(waiting), np.concatenate(converting)
        converts = np.flatnonzero(place == layer)
        pairs = _convert(_fly_to(pool.where(converts), layer), rng)
        stays = place != layer
        waiting, converting = [pool.where(stays)], [place[stays]]
        made.append(pairs)
        electrons = _drop_soft(Particles.concatenate([_step(electrons, layer), pairs]))
        radiated = _radiate(electrons, layer, rng)  # takes the energy from `electrons`
        waiting.append(radiated)
        converting.append(_conversion_layer(radiated, rng))
    arrivals = [arrive(electrons), arrive(Particles.concatenate(waiting))]
    return Particles.concatenate(arrivals), Particles.concatenate(made)


def _conversion_layer(photons: Particles, rng: Generator) -> IntArray:
    lines = _lines(photons)
    return _layer_after(rng.exponential(9 / 7, len(photons)), _next_layer(photons, lines), lines)


def _fly_to(particles: Particles, layer: int) -> Particles:
    """To the layer; what is beyond it, or never gets there, stays where it is."""
    path = path_outwards(particles, LAYER_RADIUS_CM[layer] * _lines(particles).scale)
    return move(particles, np.nan_to_num(path))


def _step(electrons: Particles, layer: int) -> Particles:
    return _fly_to(electrons, layer) if len(electrons) else electrons


def _drop_soft(particles: Particles) -> Particles:
    return particles.where(particles.energy > MIN_TRACKED_GEV)


def _convert(photons: Particles, rng: Generator) -> Particles:
    """e- and e+ of each photon, along its direction."""
    share = conversion_share(rng, len(photons))
    legs = [
        Particles(photons.event, np.full(len(photons), pdg_id), photons.momentum * part[:, None], photons.position)
        for pdg_id, part in ((ELECTRON, share), (-ELECTRON, 1 - share))
    ]
    return Particles.concatenate(legs)


def _radiate(particles: Particles, layer: int, rng: Generator) -> Particles:
    """Bremsstrahlung photons above MIN_PHOTON_GEV in a layer; the electrons in `particles` lose their energy in place.

    Number of photons per X0: 4/3 ln(1/y_min) - 4/3 (1 - y_min) + (1 - y_min^2)/2, y = photon over electron energy.
    """
    lines = _lines(particles)
    radius = np.hypot(particles.position[:, 0], particles.position[:, 1])
    is_here = np.abs(radius / lines.scale - LAYER_RADIUS_CM[layer]) < 1e-6  # not: loopers, those made further out
    electrons = np.flatnonzero(is_here)
    thickness = LAYER_SHARE[layer] * lines.total_x0[electrons]
    low = MIN_PHOTON_GEV / np.maximum(particles.energy[electrons], 1.01 * MIN_PHOTON_GEV)
    mean = thickness * (4 / 3 * (np.log(1 / low) - (1 - low)) + (1 - low**2) / 2)
    remaining = rng.poisson(mean)
    photons = [particles.where(np.zeros(0, dtype=int))]
    while len(electrons := electrons[remaining > 0]):
        remaining = remaining[remaining > 0] - 1
        chosen = particles.where(electrons)
        low = MIN_PHOTON_GEV / np.maximum(chosen.energy, 1.01 * MIN_PHOTON_GEV)
        share = _brem_share(rng, low)
        photons.append(
            Particles(chosen.event, np.full(len(chosen), PHOTON), chosen.momentum * share[:, None], chosen.position)
        )
        particles.momentum[electrons] *= (1 - share)[:, None]
    return Particles.concatenate(photons)


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


_SHARES = np.linspace(0.0, 1.0, 257)
_SHARES_SUMMED = (_SHARES - 2 / 3 * _SHARES**2 + 4 / 9 * _SHARES**3) * (9 / 7)


def conversion_share(rng: Generator, count: int) -> FloatArray:
    """Energy share of one leg of a conversion: density 1 - 4/3 v (1 - v), its integral inverted."""
    return np.interp(rng.random(count), _SHARES_SUMMED, _SHARES)
