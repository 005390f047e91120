"""What a physicist would do without a network: the invariant mass of what the calorimeters saw."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS, GRIDS, FrameSpec
from e2e.contract.grids import ENDCAP_ROWS
from e2e.datasets import CandidateSet
from e2e.detector.crystals import barrel_table
from e2e.detector.grids import endcap_row_edges
from e2e.frames.candidates import Packed

FloatArray = NDArray[np.float64]

ENERGIES = ("ecal_energy", "hcal_energy")
MIN_ENERGY_GEV = 0.3  # of a pixel: noise and the fringe of showers stay out
_BATCH = 1024


def calorimeter_mass(candidates: CandidateSet, radius: float) -> FloatArray:
    """Invariant mass, GeV, of the energies within `radius` of the seed in (eta, phi), each as a massless particle from
    the origin; (candidates,). A tower's energy counts at each of its pixels with its share."""
    frame = candidates.candidates.spec
    parts = [_masses(packed, frame, radius) for packed, _ in candidates.batches(_BATCH)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _masses(packed: Packed, frame: FrameSpec, radius: float) -> FloatArray:
    index = np.maximum(packed.pixel_index, 0).astype(np.int64)
    channel, pixel = np.divmod(index, frame.rows * frame.columns)
    is_energy = np.array([name in ENERGIES and CHANNELS[name].unit == "GeV" for name in frame.channels])[channel]
    row = pixel // frame.columns - frame.centre_row + packed.seed[:, :1].astype(np.int64)
    step = pixel % frame.columns - frame.centre_column
    eta_of_row = row_eta(frame.grid)
    eta = eta_of_row[np.clip(row, 0, len(eta_of_row) - 1)]
    centre = eta_of_row[packed.seed[:, 0].astype(np.int64)][:, None]
    phi = np.deg2rad(step * 360 / GRIDS[frame.grid].columns)
    is_near = np.hypot(eta - centre, phi) < radius
    is_taken = (packed.pixel_index >= 0) & is_energy & is_near & (packed.pixel_value > _least(frame, channel))
    energy = np.where(is_taken, packed.pixel_value, 0.0).astype(np.float64)
    pt = energy / np.cosh(eta)
    px, py, pz = (part.sum(axis=1) for part in (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)))
    return np.sqrt(np.maximum(energy.sum(axis=1) ** 2 - px**2 - py**2 - pz**2, 0.0))


def _least(frame: FrameSpec, channel: NDArray[np.int64]) -> FloatArray:
    """A tower's energy is spread over 25 pixels of the stitched grid."""
    least = [MIN_ENERGY_GEV / 25 if name == "hcal_energy" else MIN_ENERGY_GEV for name in frame.channels]
    return np.array(least)[channel]


@cache
def row_eta(grid: str) -> FloatArray:
    """eta of the middle of each row, the mean over columns in the barrel."""
    barrel = barrel_table().eta_front.mean(axis=1)
    if grid == "barrel":
        return barrel
    edges = endcap_row_edges()
    forward = (edges[1:] + edges[:-1]) / 2
    assert len(forward) == ENDCAP_ROWS
    return np.concatenate((-forward[::-1], barrel, forward))
