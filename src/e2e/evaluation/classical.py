"""What a physicist would do without a network: the invariant mass of what the calorimeters saw, or an isolation."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, FrameSpec
from e2e.contract.grids import HCAL_UPSAMPLING
from e2e.datasets import CandidateSet
from e2e.detector.crystals import barrel_table
from e2e.detector.grids import endcap_row_edges
from e2e.frames.candidates import Packed, places_on_grid
from e2e.tasks import Task
from e2e.tasks.task import Cone

FloatArray = NDArray[np.float64]

MIN_ENERGY_GEV = 0.3  # of a crystal or tower: noise and the fringe of showers stay out
_LEAST = {"ecal_energy": MIN_ENERGY_GEV, "hcal_energy": MIN_ENERGY_GEV / HCAL_UPSAMPLING**2}  # of a pixel
_BATCH = 256


def simple_guesses(task: Task, signal: CandidateSet, truth: FloatArray) -> dict[str, FloatArray]:
    """Of a quantity, each (signal,): a constant, pT alone, and the mass of the calorimeters for a task with a
    `mass_radius`; those left out that the candidates do not allow, whose pT or place on the grid is not known."""
    guesses = {"constant": cross_fitted(truth, np.zeros(len(truth)))}
    if np.isfinite(signal.pt).all():
        guesses["pt_only"] = cross_fitted(truth, signal.pt)
    if task.mass_radius is not None and np.isfinite(mass := calorimeter_mass(signal, task.mass_radius)).all():
        guesses["calorimeter_mass"] = cross_fitted(truth, mass, num_bins=30)
    return guesses


def cross_fitted(truth: FloatArray, variable: NDArray[Any], num_bins: int = 10) -> FloatArray:
    """Median of the truth in bins of a variable: the best guess from it. Each half is fitted on the other. Bins have 20
    candidates or more; where a half has none in one, the median of all that half is taken."""
    guess = np.empty(len(truth))
    num_bins = max(min(num_bins, len(truth) // 20), 1)
    edges = np.unique(np.quantile(variable, np.linspace(0, 1, num_bins + 1)))
    place = np.clip(np.searchsorted(edges, variable, side="right") - 1, 0, max(len(edges) - 2, 0))
    is_even = np.arange(len(truth)) % 2 == 0
    for half in (is_even, ~is_even):
        for k in np.unique(place):
            known = truth[~half & (place == k)]
            guess[half & (place == k)] = np.median(known if len(known) else truth[~half])
    return guess


def calorimeter_mass(candidates: CandidateSet, radius: float) -> FloatArray:
    """Invariant mass, GeV, of the energies within `radius` of the seed in (eta, phi), each as a massless particle from
    the origin; (candidates,). A tower's energy counts at each of its pixels with its share. NaN where the seed is not
    known."""
    frame = candidates.candidates.spec
    parts = [_masses(packed, frame, radius) for packed, _ in candidates.batches(_BATCH)]
    return np.concatenate(parts) if parts else np.zeros(0)


def isolation_score(task: Task, candidates: CandidateSet) -> FloatArray | None:
    """The cut-based selection as a score, the more the more isolated; (candidates,). None where the task has
    no cone, or the candidates lack the channels of tracks."""
    has_tracks = {"track_pt", "track_dz_significance"} <= set(candidates.candidates.spec.channels)
    if task.isolation is None or not has_tracks:
        return None
    return -isolation(candidates, task.isolation)


def sees_calorimeters(whole: FrameSpec, frame: FrameSpec) -> bool:
    """Has `frame` every calorimeter energy that `whole` has?"""
    return set(whole.channels) & _LEAST.keys() <= set(frame.channels)


def isolation(candidates: CandidateSet, cone: Cone) -> FloatArray:
    """Transverse momentum, GeV, of the tracks in the ring about the seed that start near the primary vertex;
    (candidates,). Small: isolated. Needs the channels `track_pt` and `track_dz_significance`; a pixel's significance is
    that of its leading track. Tracks are where they reach the ECAL. Not over the momentum in the cone, which tells
    less (docs/results.md)."""
    frame = candidates.candidates.spec
    parts = [_in_ring(packed, frame, cone) for packed, _ in candidates.batches(_BATCH)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _in_ring(packed: Packed, frame: FrameSpec, cone: Cone) -> FloatArray:
    pt, dz = (_of_channel(packed, frame, name) for name in ("track_pt", "track_dz_significance"))
    row, column = np.indices((frame.rows, frame.columns)).reshape(2, -1)
    far = np.hypot(row - frame.centre_row, column - frame.centre_column) * (2 * np.pi / GRIDS[frame.grid].columns)
    near = np.where(np.abs(dz) < cone.max_dz_significance, pt, 0.0)
    return near[:, (far >= cone.inner) & (far < cone.outer)].sum(axis=1)


def _of_channel(packed: Packed, frame: FrameSpec, name: str) -> FloatArray:
    """(candidates, places)"""
    size = frame.rows * frame.columns
    place = packed.pixel_index.astype(np.int64) - frame.channels.index(name) * size
    is_own = (place >= 0) & (place < size) & (packed.pixel_index >= 0)
    values = np.zeros((len(place), size))
    candidate, pixel = np.nonzero(is_own)
    values[candidate, place[candidate, pixel]] = packed.pixel_value[candidate, pixel]
    return values


def _masses(packed: Packed, frame: FrameSpec, radius: float) -> FloatArray:
    channel, row, column = places_on_grid(packed, frame)
    eta_of_row, seed = row_eta(frame.grid), packed.seed.astype(np.int64)
    eta = eta_of_row[np.clip(row, 0, len(eta_of_row) - 1)]
    phi = np.deg2rad((column - seed[:, 1:]) * 360 / GRIDS[frame.grid].columns)
    is_near = np.hypot(eta - eta_of_row[seed[:, :1]], phi) < radius
    least = np.array([_LEAST.get(name, np.inf) for name in frame.channels])[channel]
    is_taken = (packed.pixel_index >= 0) & is_near & (packed.pixel_value > least)
    energy = np.where(is_taken, packed.pixel_value, 0.0).astype(np.float64)
    pt = energy / np.cosh(eta)
    px, py, pz = (part.sum(axis=1) for part in (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)))
    mass = np.sqrt(np.maximum(energy.sum(axis=1) ** 2 - px**2 - py**2 - pz**2, 0.0))
    return np.where(seed[:, 0] >= 0, mass, np.nan)


@cache
def row_eta(grid: str) -> FloatArray:
    """eta of the middle of each row, the mean over columns in the barrel."""
    barrel = barrel_table().eta_front.mean(axis=1)
    if grid == "barrel":
        return barrel
    edges = endcap_row_edges()
    forward = (edges[1:] + edges[:-1]) / 2
    return np.concatenate((-forward[::-1], barrel, forward))
