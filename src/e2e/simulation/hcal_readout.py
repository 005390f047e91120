"""From energy in the HCAL's cells to rec hits as the collections of real files have them.

Zero suppression reads a channel where what it sees, energy and noise, is above a threshold; the rec hit has noise of
its own, correlated with that, so that soft and even negative hits remain. A reduced collection then keeps every hit
above an energy and a share of the others at random: soft hits of real files lie no nearer to tracks, jets or ECAL
energy than chance has it. Constants are tuned to real files: HB of 2012 to the reduced collection of minimum bias, HE
of 2012 to full RECO, since the reduced files lack it. In 2018, HB keeps what particle flow clusters, and HE, read by
silicon photomultipliers, what is above its thresholds there.
Source of those: `cms-sw/cmssw: RecoParticleFlow/PFClusterProducer/python/particleFlowClusterHBHE_cfi.py`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from e2e.detector.hcal_cells import hcal_cells
from e2e.events.record import Table
from e2e.simulation.era import Era
from e2e.simulation.particles import FloatArray, IntArray
from e2e.simulation.stages import Deposits

PHOTOSTATISTICS = 0.15  # relative, at 1 GeV
SATURATION_GEV = 1800.0  # of a channel: where the charge integrator's range ends
DEAD_SHARE, DEAD_SEED = 0.001, 20120
# Reconstructed time of 2012's pulses (ns), measured in 25 ns slices and kept within the window of the reconstruction.
TIME_OFFSET_NS, TIME_CONSTANT_NS, TIME_NOISE_NS_GEV = 2.0, 4.0, 10.0
TIME_WINDOW_NS = (-24.0, 32.0)


class Channel(NamedTuple):
    """noise_gev: of the rec hit. threshold_gev: of the zero suppression. correlation: of its noise with the rec hit's.
    kept_gev: energy from which on the collection keeps every hit. kept_share: of the other hits, what it keeps."""

    noise_gev: float
    threshold_gev: float
    correlation: float
    kept_gev: float = 0.0
    kept_share: float = 1.0


HB_2012 = Channel(0.27, 0.21, 0.55, kept_gev=1.0, kept_share=0.055)
HE_2012 = Channel(0.27, 0.45, 0.5)
HB_2018, HE_2018_FIRST, HE_2018 = Channel(0.2, 0.8, 1.0), Channel(0.03, 0.1, 1.0), Channel(0.06, 0.2, 1.0)


def read_out_hcal(deposits: Deposits, era: Era, rng: Generator) -> dict[str, Table]:
    """Hit tables HB and HE, by event and cell number."""
    channels = _channels(era)
    event = np.repeat(np.arange(len(deposits)), np.diff(deposits.offsets))
    signal = _read_signals(event, deposits, channels, rng)
    noise = _read_noise(event, deposits, channels, rng)
    event, cell, energy, time = (np.concatenate(pair) for pair in zip(signal, noise, strict=True))
    order = np.argsort(event * len(channels.detid) + cell)
    event, cell, energy, time = event[order], cell[order], energy[order], time[order]
    columns = {
        "detid": channels.detid[cell],
        "energy": np.minimum(energy, SATURATION_GEV).astype(np.float32),
        "time": time.astype(np.float32),
    }
    hits = {}
    for name, is_ours in (("HB", ~channels.is_endcap[cell]), ("HE", channels.is_endcap[cell])):
        counts = np.bincount(event[is_ours], minlength=len(deposits))
        hits[name] = Table.from_counts(counts, {column: values[is_ours] for column, values in columns.items()})
    return hits


class _Channels(NamedTuple):
    """One element a cell."""

    detid: NDArray[np.uint32]
    is_endcap: NDArray[np.bool_]
    is_dead: NDArray[np.bool_]
    noise_gev: FloatArray
    threshold_gev: FloatArray
    correlation: FloatArray
    kept_gev: FloatArray
    kept_share: FloatArray
    noise_ends: FloatArray  # running sum of the probabilities that noise alone is read


class _Hits(NamedTuple):
    event: IntArray
    cell: NDArray[Any]
    energy: FloatArray
    time: FloatArray


@cache
def _channels(era: Era) -> _Channels:
    cells = hcal_cells(era)
    kinds = (HB_2018, HE_2018, HE_2018_FIRST) if era.has_new_hcal_ids else (HB_2012, HE_2012, HE_2012)
    kind = np.where(cells.is_endcap, np.where(cells.depth == 1, 2, 1), 0)
    noise, threshold, correlation, kept, share = np.array(kinds)[kind].T
    is_dead = np.random.default_rng(DEAD_SEED).random(len(kind)) < DEAD_SHARE
    probability = np.where(is_dead, 0.0, ndtr(-threshold / noise) * share)
    ends = np.cumsum(probability)
    return _Channels(cells.detid, cells.is_endcap, is_dead, noise, threshold, correlation, kept, share, ends)


def _read_signals(event: IntArray, deposits: Deposits, channels: _Channels, rng: Generator) -> _Hits:
    seen, own = rng.standard_normal((2, len(event)), dtype=np.float32)
    cell, energy = deposits.cell, deposits.energy
    is_read = energy + channels.noise_gev[cell] * seen > channels.threshold_gev[cell]
    rows = np.flatnonzero(is_read & ~channels.is_dead[cell])
    hits = _hits(event[rows], cell[rows], energy[rows], deposits.time[rows], seen[rows], own[rows], channels, rng)
    is_kept = (hits.energy > channels.kept_gev[hits.cell]) | (rng.random(len(rows)) < channels.kept_share[hits.cell])
    return _Hits(*(column[is_kept] for column in hits))


def _read_noise(event: IntArray, deposits: Deposits, channels: _Channels, rng: Generator) -> _Hits:
    """Of cells without energy: only those that are read, and kept at random, are drawn."""
    num_cells, total = len(channels.detid), channels.noise_ends[-1]
    count = rng.poisson(total * len(deposits))
    cell = np.searchsorted(channels.noise_ends, rng.random(count) * total, side="right")
    number = np.unique(rng.integers(len(deposits), size=count) * num_cells + cell) if count else cell
    taken = event * num_cells + deposits.cell
    place = np.minimum(np.searchsorted(taken, number), len(taken) - 1)
    if len(taken):
        number = number[taken[place] != number]
    event, cell = np.divmod(number, num_cells)
    # a normal distribution above the threshold
    tail = ndtr(-channels.threshold_gev[cell] / channels.noise_gev[cell])
    seen = -ndtri(tail * (1 - rng.random(len(cell))))
    nothing = np.zeros(len(cell))
    return _hits(event, cell, nothing, nothing, seen, rng.standard_normal(len(cell)), channels, rng)


def _hits(
    event: IntArray,
    cell: NDArray[Any],
    energy: NDArray[Any],
    time: NDArray[Any],
    seen: NDArray[Any],
    own: NDArray[Any],
    channels: _Channels,
    rng: Generator,
) -> _Hits:
    """seen, own: normal numbers, the noise of the zero suppression and what is independent of it."""
    correlation = channels.correlation[cell]
    noise = correlation * seen + np.sqrt(1 - correlation**2) * own
    measured = energy + noise * np.sqrt(channels.noise_gev[cell] ** 2 + PHOTOSTATISTICS**2 * energy)
    sigma_ns = np.hypot(TIME_CONSTANT_NS, TIME_NOISE_NS_GEV / np.maximum(np.abs(measured), 0.01))
    measured_time = time + TIME_OFFSET_NS + sigma_ns * rng.standard_normal(len(cell))
    return _Hits(event, cell, measured, np.clip(measured_time, *TIME_WINDOW_NS))
