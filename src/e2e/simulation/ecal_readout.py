"""Reading the ECAL out: true energy in crystals -> the rec hits that real events keep.

First what the detector reads: resolution, noise, saturation, dead crystals, zero suppression except around energetic
towers. Then what the reduced collections of AOD keep of it: windows around clusters, near photons and electrons every
crystal above zero suppression, and crystals out of time. Noise is drawn only where it can be kept.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from e2e.detector.crystals import BARREL_CRYSTAL_ETA
from e2e.detector.ecal_cells import (
    NUM_BARREL_CELLS,
    NUM_BARREL_TOWERS,
    NUM_ECAL_CELLS,
    NUM_ECAL_TOWERS,
    cell_map,
    ecal_cells,
    steps,
    tower_neighbours,
)
from e2e.detector.helix import ECAL_ENDCAP_FRONT_Z_CM
from e2e.events.record import Table
from e2e.simulation.deposits import BLOCK_EVENTS
from e2e.simulation.ecal_coordinates import ENDCAP_PITCH_CM
from e2e.simulation.particles import IntArray
from e2e.simulation.stages import Deposits

# Response of one crystal. Sources: CMS ECAL TDR and test beam: 2.8 %/sqrt(E) + 12 %/E + 0.3 % for 3 x 3 sums, of which
# photostatistics and the lateral spread share the first term; noise from the negative energies in the real files of
# 2012, which grow with |eta| in the endcaps; time: CMS, JINST 5 (2010) T03011, and the real files.
PHOTOSTATISTICS = 0.023  # relative, at 1 GeV
INTERCALIBRATION = 0.005  # relative
BARREL_NOISE_GEV = 0.045
ENDCAP_NOISE_GEV = (-0.1, 0.15)  # constant and slope in |eta|: 0.14 at 1.6, 0.32 at 2.8
TIME_NOISE_NS = 29.0  # time resolution = this x noise / energy ...
TIME_CONSTANT_NS = 0.25  # ... plus this in quadrature
MAX_TIME_SIGMA_NS = 20.0
SATURATION_GEV = (1700.0, 2800.0)  # barrel, endcaps: the lowest gain's range

# Dead: 0.7 % in all, of which some towers as a whole, as a lost read-out link leaves them. Which ones never changes.
DEAD_SHARE, DEAD_TOWERS, DEAD_SEED = 0.007, 12, 2012

# Selective read-out. Sources: scheme, CMS, JINST 3 (2008) S08004; thresholds from the sizes of fully read patches in
# the real files. A tower of 5 x 5 above the first threshold is read in full, above the second with its 8 neighbours.
FULL_TOWER_ET_GEV, FULL_NEIGHBOURS_ET_GEV = (1.0, 3.0), (2.0, 6.0)  # barrel, endcaps
ZERO_SUPPRESSION_SIGMAS = 2.3  # else; 0.10 GeV in the barrel

# What is kept: what AOD's reduced collections keep. Sources: the clusters of CMS, arXiv:1306.2016 and 1502.02702; the
# real files of 2012, in which the edges at 1 and 0.18 GeV, the cone and the times are plain to see.
# 5 x 5 around every local maximum above the seed threshold of the hybrid (barrel) or Multi5x5 clusters (endcaps) ...
CLUSTER_SEED_ET_GEV = (1.0, 0.18)
ROW_REACH, DOMINO_REACH = 2, 17  # crystals, each way
DOMINO_MIN_GEV = 0.1  # ... and in the barrel, along phi, every column of five that a hybrid supercluster would add.
# Every crystal above zero suppression within a cone, in (eta, phi), around what could be a photon or an electron.
CONE_MIN_ET_GEV, CONE_RADIUS = 10.0, 0.6
# Barrel crystals whose time is flagged as not that of the collision.
OUT_OF_TIME_SIGMAS, FLAG_TIME_CONSTANT_NS = 5.0, 0.6

_STRIDE = NUM_ECAL_CELLS + 1  # cells of an event's image; the last stands for "no crystal"


class _Settings(NamedTuple):
    """By cell, (_STRIDE,) each."""

    place: IntArray
    tower: IntArray
    sin_theta: NDArray[np.float32]
    noise: NDArray[np.float32]
    saturation: NDArray[np.float32]
    zero_suppression: NDArray[np.float32]
    cluster_seed: NDArray[np.float32]
    is_alive: NDArray[np.bool_]
    cone_radius: IntArray  # crystals


@cache
def _settings() -> _Settings:
    cells = ecal_cells()
    is_barrel = np.arange(NUM_ECAL_CELLS) < NUM_BARREL_CELLS
    constant, slope = ENDCAP_NOISE_GEV
    noise = np.where(is_barrel, BARREL_NOISE_GEV, constant + slope * np.abs(cells.eta))
    rho_cm = ECAL_ENDCAP_FRONT_Z_CM / np.sinh(np.abs(cells.eta))
    cone = np.where(is_barrel, CONE_RADIUS / BARREL_CRYSTAL_ETA, CONE_RADIUS * rho_cm / ENDCAP_PITCH_CM[0])

    def padded(values: NDArray[Any], fill: float) -> NDArray[np.float32]:
        return np.append(values, fill).astype(np.float32)

    return _Settings(
        np.append(cells.place, 0),
        np.append(cells.tower, 0),
        padded(cells.sin_theta, 1.0),
        padded(noise, 1.0),
        padded(np.where(is_barrel, *SATURATION_GEV), 0.0),
        padded(ZERO_SUPPRESSION_SIGMAS * noise, np.inf),
        padded(np.where(is_barrel, *CLUSTER_SEED_ET_GEV) / cells.sin_theta, np.inf),
        np.append(~dead_cells(), False),
        np.append(np.rint(cone), 0).astype(np.int64),
    )


@cache
def dead_cells() -> NDArray[np.bool_]:
    """The same crystals in every event of every simulation, (NUM_ECAL_CELLS,)."""
    rng = np.random.default_rng(DEAD_SEED)
    dead = np.isin(ecal_cells().tower, rng.choice(np.unique(ecal_cells().tower), DEAD_TOWERS, replace=False))
    single = rng.choice(np.flatnonzero(~dead), round(DEAD_SHARE * NUM_ECAL_CELLS) - int(dead.sum()), replace=False)
    dead[single] = True
    return dead


class _Hits(NamedTuple):
    """Cells that were read: flat index in the block's image, cell, energy, time (at first that of the deposit)."""

    flat: IntArray
    cell: NDArray[Any]
    energy: NDArray[np.float32]
    time: NDArray[np.float32]

    def where(self, keep: NDArray[Any]) -> _Hits:
        return _Hits(self.flat[keep], self.cell[keep], self.energy[keep], self.time[keep])

    def and_also(self, other: _Hits) -> _Hits:
        return _Hits(*(np.concatenate((getattr(self, name), getattr(other, name))) for name in self._fields))


def read_out_ecal(deposits: Deposits, rng: Generator) -> dict[str, Table]:
    """Tables EB and EE of the record, ascending by cell within an event."""
    num_events = len(deposits)
    blocks = [
        _read_block(deposits, first, min(first + BLOCK_EVENTS, num_events), rng)
        for first in range(0, num_events, BLOCK_EVENTS)
    ]
    event, cell, energy, time = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
    is_barrel = cell < NUM_BARREL_CELLS
    tables = {}
    for name, mine in (("EB", is_barrel), ("EE", ~is_barrel)):
        columns = {"detid": ecal_cells().detid[cell[mine]], "energy": energy[mine], "time": time[mine]}
        tables[name] = Table.from_counts(np.bincount(event[mine], minlength=num_events), columns)
    return tables


def _read_block(deposits: Deposits, first: int, last: int, rng: Generator) -> tuple[NDArray[Any], ...]:
    """event, cell, energy and time of the hits of events `first` to `last`."""
    size = last - first
    hits, is_full, reached = _read(deposits, first, last, rng)
    image = np.zeros(size * _STRIDE, dtype=np.float32)
    image[hits.flat] = hits.energy
    is_kept, is_empty = np.zeros(size * _STRIDE, dtype=bool), np.ones(size * _STRIDE, dtype=bool)
    is_empty[reached] = False  # not "image == 0": noise may take a hit's energy to nothing
    hits, candidates = _keep_windows(hits, image, is_full, is_empty, is_kept, rng)
    hits = _keep_cones(hits, candidates, is_empty, is_kept, rng)
    hits = hits._replace(time=_measured_time(hits, rng))
    kept = hits.where(is_kept[hits.flat] | _is_out_of_time(hits))
    kept = kept.where(np.argsort(kept.flat))
    return first + kept.flat // _STRIDE, kept.cell, kept.energy, kept.time


def _read(deposits: Deposits, first: int, last: int, rng: Generator) -> tuple[_Hits, NDArray[np.bool_], IntArray]:
    """Cells with deposits that the detector reads; whether each tower is read in full, flat (events * towers); and flat
    indices of all cells with deposits, read or not: their noise is drawn."""
    settings = _settings()
    rows = slice(int(deposits.offsets[first]), int(deposits.offsets[last]))
    cell, true, time = deposits.cell[rows], deposits.energy[rows], deposits.time[rows]
    event = np.repeat(np.arange(last - first), np.diff(deposits.offsets[first : last + 1]))
    variance = (INTERCALIBRATION * true) ** 2 + PHOTOSTATISTICS**2 * true + settings.noise[cell] ** 2
    measured = true + np.sqrt(variance) * rng.standard_normal(len(true), dtype=np.float32)
    measured = np.minimum(measured, settings.saturation[cell]) * settings.is_alive[cell]
    tower = event * NUM_ECAL_TOWERS + settings.tower[cell]
    sums = np.bincount(tower, measured * settings.sin_theta[cell], minlength=(last - first) * NUM_ECAL_TOWERS)
    sums = sums.reshape(-1, NUM_ECAL_TOWERS)
    is_barrel = np.arange(NUM_ECAL_TOWERS) < NUM_BARREL_TOWERS
    is_full = (sums > np.where(is_barrel, *FULL_TOWER_ET_GEV)).ravel()
    busy_event, busy = np.nonzero(sums > np.where(is_barrel, *FULL_NEIGHBOURS_ET_GEV))
    is_full[busy_event[:, None] * NUM_ECAL_TOWERS + tower_neighbours()[busy]] = True
    is_read = (is_full[tower] & settings.is_alive[cell]) | (measured > settings.zero_suppression[cell])
    hits = _Hits(event * _STRIDE + cell, cell, measured.astype(np.float32), time)
    return hits.where(np.flatnonzero(is_read)), is_full, hits.flat


def _around(flat: IntArray, window: IntArray) -> IntArray:
    """Flat indices of the windows around cells, flat.shape + window.shape; what is no crystal gets an event's last."""
    event, cell = np.divmod(flat, _STRIDE)
    shape = (*flat.shape, *[1] * window.ndim)
    neighbours: NDArray[Any] = cell_map()[_settings().place[cell].reshape(shape) + window]
    return event.reshape(shape) * _STRIDE + neighbours


def _is_peak(hits: _Hits, image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether none of the 8 neighbours is higher."""
    return image[_around(hits.flat, steps(1, 1).ravel())].max(1, initial=0.0) <= hits.energy


def _keep_windows(
    hits: _Hits,
    image: NDArray[np.float32],
    is_full: NDArray[np.bool_],
    is_empty: NDArray[np.bool_],
    is_kept: NDArray[np.bool_],
    rng: Generator,
) -> tuple[_Hits, IntArray]:
    """Mark the windows around clusters. Returns the hits with those of noise alone in the windows, and flat indices of
    the seeds of clusters that could be photons or electrons."""
    settings = _settings()
    seeds = hits.where(np.flatnonzero(hits.energy > settings.cluster_seed[hits.cell]))
    seeds = seeds.where(_is_peak(seeds, image))
    is_barrel = seeds.cell < NUM_BARREL_CELLS
    windows = [_around(seeds.flat[is_barrel], steps(ROW_REACH, DOMINO_REACH))]
    windows += [_around(seeds.flat[~is_barrel], steps(ROW_REACH, ROW_REACH))]
    noise = _noise_in_full_towers(np.concatenate([window.ravel() for window in windows]), is_empty, is_full, rng)
    image[noise.flat] = noise.energy
    is_empty[noise.flat] = False
    candidates = []
    for window, flat in zip(windows, (seeds.flat[is_barrel], seeds.flat[~is_barrel]), strict=True):
        energy = image[window]  # (seeds, 5, 35 or 5)
        column = energy.sum(1)
        is_domino = column > DOMINO_MIN_GEV
        centre = window.shape[2] // 2
        is_domino[:, centre - ROW_REACH : centre + ROW_REACH + 1] = True
        is_kept[window[np.broadcast_to(is_domino[:, None, :], window.shape)]] = True
        total = (column * is_domino).sum(1) * settings.sin_theta[flat % _STRIDE]
        candidates.append(flat[(total > CONE_MIN_ET_GEV) & (image[flat] >= energy.max((1, 2), initial=0.0))])
    return hits.and_also(noise), np.concatenate(candidates)


def _noise_in_full_towers(
    flat: IntArray, is_empty: NDArray[np.bool_], is_full: NDArray[np.bool_], rng: Generator
) -> _Hits:
    """Hits in those of the cells that nothing has reached and that are read nevertheless."""
    settings = _settings()
    flat = flat[is_empty[flat]]
    event, cell = np.divmod(flat, _STRIDE)
    flat = np.unique(flat[settings.is_alive[cell] & is_full[event * NUM_ECAL_TOWERS + settings.tower[cell]]])
    return _noise_hits(flat, rng.standard_normal(len(flat), dtype=np.float32))


def _noise_hits(flat: IntArray, sigmas: NDArray[Any]) -> _Hits:
    cell = flat % _STRIDE
    energy = (_settings().noise[cell] * sigmas).astype(np.float32)
    return _Hits(flat, cell, energy, np.zeros(len(flat), dtype=np.float32))


def _keep_cones(
    hits: _Hits, candidates: IntArray, is_empty: NDArray[np.bool_], is_kept: NDArray[np.bool_], rng: Generator
) -> _Hits:
    """Mark single crystals in the cones around candidates. Returns the hits with those of noise alone added, in cells
    that are empty."""
    settings = _settings()
    in_cone = np.zeros_like(is_kept)
    offsets, count = _disc()
    counts = count[settings.cone_radius[candidates % _STRIDE]]
    owner = np.repeat(np.arange(len(candidates)), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    event, cell = np.divmod(candidates, _STRIDE)
    in_cone[event[owner] * _STRIDE + cell_map()[settings.place[cell][owner] + offsets[rank]]] = True
    is_single = in_cone[hits.flat] & (hits.energy > settings.zero_suppression[hits.cell])
    is_kept[hits.flat[is_single]] = True
    noise = _noise_above_threshold(np.flatnonzero(in_cone), rng)
    noise = noise.where(is_empty[noise.flat] & settings.is_alive[noise.cell])
    is_kept[noise.flat] = True
    return hits.and_also(noise)


def _noise_above_threshold(flat: IntArray, rng: Generator) -> _Hits:
    """Those of the cells whose noise alone passes zero suppression."""
    tail = ndtr(-ZERO_SUPPRESSION_SIGMAS)
    number = rng.binomial(len(flat), tail)
    chosen = rng.choice(len(flat), number, replace=False, shuffle=False) if number else np.zeros(0, dtype=np.int64)
    return _noise_hits(flat[chosen], -ndtri(tail * (1 - rng.random(number))))


@cache
def _disc() -> tuple[IntArray, IntArray]:
    """Steps on the map, nearest first, and how many lie within 0, 1, 2, ... crystals."""
    reach = int(_settings().cone_radius.max())
    rows, columns = np.indices((2 * reach + 1, 2 * reach + 1)) - reach
    distance = np.hypot(rows, columns).ravel()
    order = np.argsort(distance, kind="stable")
    within = np.searchsorted(distance[order], np.arange(reach + 1), side="right")
    return steps(reach, reach).ravel()[order], within


def _relative_noise(hits: _Hits) -> NDArray[np.float32]:
    return _settings().noise[hits.cell] / np.maximum(np.abs(hits.energy), 1e-3)


def _measured_time(hits: _Hits, rng: Generator) -> NDArray[np.float32]:
    sigma = np.hypot(np.minimum(TIME_NOISE_NS * _relative_noise(hits), MAX_TIME_SIGMA_NS), TIME_CONSTANT_NS)
    return (hits.time + sigma * rng.standard_normal(len(sigma), dtype=np.float32)).astype(np.float32)


def _is_out_of_time(hits: _Hits) -> NDArray[np.bool_]:
    expected = np.hypot(TIME_NOISE_NS * _relative_noise(hits), FLAG_TIME_CONSTANT_NS)
    is_single = (hits.cell < NUM_BARREL_CELLS) & (hits.energy > _settings().zero_suppression[hits.cell])
    return is_single & (np.abs(hits.time) > OUT_OF_TIME_SIGMAS * expected)
