"""Jets from what the detector measured: anti-kT over tracks and the energy that tracks do not explain.

ECAL and HCAL are summed in towers of 0.087 x 5 degrees. From them goes what the tracks, of the primary vertex and of
others, should have left in their tower and in the towers around it; the rest are neutral constituents. A simple form of
particle flow with charged-hadron subtraction (CMS, arXiv:1706.04965); no jet energy correction is applied.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS
from e2e.contract.grids import HCAL_COLUMN_SHIFT, HCAL_UPSAMPLING
from e2e.detector.geometry import hcal_position
from e2e.detector.helix import bend_of, to_ecal
from e2e.events.record import Events, Table
from e2e.frames import Frames, native
from e2e.frames.places import NOWHERE, stitched_pixel
from e2e.frames.tracking import impact_parameters, primary_vertices
from e2e.problems import optional_packages
from e2e.simulation.particles import FloatArray, momentum_vector

MIN_JET_PT_GEV = 8.0
MIN_ECAL_PIXEL_GEV, MIN_HCAL_TOWER_GEV, MIN_NEUTRAL_ET_GEV = 0.15, 0.7, 0.4  # above noise
EXPECTED_RESPONSE = 0.8  # share of a charged hadron's momentum that the calorimeters show, 1 to 50 GeV
MAX_DZ_CM = 0.2  # of a track of the primary vertex

_GRID = GRIDS["hcal"]
_POINT = ("x_cm", "y_cm", "z_cm")
_STEPS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))


def cluster_jets(events: Events, radius: float) -> Table:
    """Jets (pt, eta, phi) of every event, the hardest first; from its hits, tracks and first vertex."""
    tracks = events.objects["tracks"]
    good = np.flatnonzero(tracks["is_high_purity"] > 0)
    event = tracks.event_index[good]
    pt, eta, phi, x, y, z = (tracks[name][good].astype(np.float64) for name in ("pt", "eta", "phi", *_POINT))
    momentum = momentum_vector(pt, eta, phi)
    impact = stitched_pixel(*to_ecal(x, y, z, eta, phi, bend_of(tracks["charge"][good], pt)))
    arrives = impact != NOWHERE
    neutral = _subtract(_towers(events), _expected(event[arrives], momentum[arrives], impact[arrives], len(events)))
    tower_eta, tower_phi = _directions()
    cell_event, row, column = np.nonzero(neutral > MIN_NEUTRAL_ET_GEV * np.cosh(tower_eta))
    neutral_eta, neutral_phi = tower_eta[row, column], tower_phi[row, column]
    neutral_pt = neutral[cell_event, row, column] / np.cosh(neutral_eta)
    _, dz_cm = impact_parameters(tracks, good, eta, phi, primary_vertices(events))
    is_primary = np.abs(dz_cm) < MAX_DZ_CM
    vectors = np.concatenate((momentum[is_primary], momentum_vector(neutral_pt, neutral_eta, neutral_phi)))
    return _anti_kt(radius, np.concatenate((event[is_primary], cell_event)), vectors, len(events))


@cache
def _directions() -> tuple[FloatArray, FloatArray]:
    """eta and phi of the towers' centres, (56, 72) each."""
    row, column = np.indices((_GRID.rows, _GRID.columns))
    half = _GRID.rows // 2
    ieta = np.where(row >= half, row - half + 1, row - half)
    eta, _ = hcal_position("HE", ieta, np.ones_like(ieta), np.ones_like(ieta))
    return eta, np.deg2rad((column + 0.5) * 360 / _GRID.columns)


def _towers(events: Events) -> FloatArray:
    """Energy of ECAL and HCAL above threshold, (events, 56, 72) on the HCAL grid."""
    hits = events.hits
    ecal, hcal = native.stitched_frames(hits["EB"], hits["EE"]), native.hcal_frames(hits["HB"], hits["HE"])
    towers = np.zeros((len(ecal), _GRID.rows * _GRID.columns))
    for frames, threshold in ((ecal, MIN_ECAL_PIXEL_GEV), (hcal, MIN_HCAL_TOWER_GEV)):
        is_above = frames.energy > threshold
        pixel = frames.pixel_index[is_above]
        tower = _tower_of(pixel) if frames is ecal else pixel
        event = _event_of(frames)[is_above]
        towers += np.bincount(event * towers.shape[1] + tower, frames.energy[is_above], minlength=towers.size).reshape(
            towers.shape
        )
    return towers.reshape(-1, _GRID.rows, _GRID.columns)


def _event_of(frames: Frames) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(frames)), np.diff(frames.offsets))


def _tower_of(pixel: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int64]:
    """Tower (flat, HCAL grid) that a pixel of the stitched grid belongs to."""
    row, column = np.divmod(pixel, GRIDS["stitched"].columns)
    tower_column = (column // HCAL_UPSAMPLING - HCAL_COLUMN_SHIFT) % _GRID.columns
    return row.astype(np.int64) // HCAL_UPSAMPLING * _GRID.columns + tower_column


def _expected(event: NDArray[np.int64], momentum: FloatArray, impact: NDArray[np.int64], num_events: int) -> FloatArray:
    """What the tracks should leave in each tower, (events, 56, 72). impact: flat pixel of the stitched grid."""
    energy = EXPECTED_RESPONSE * np.sqrt((momentum**2).sum(1))
    size = _GRID.rows * _GRID.columns
    flat = event * size + _tower_of(impact)
    total = np.bincount(flat, energy, minlength=num_events * size).astype(np.float64)
    return total.reshape(num_events, _GRID.rows, _GRID.columns)


def _subtract(towers: FloatArray, expected: FloatArray) -> FloatArray:
    """Take each tower's expectation from it, and what it cannot give from the eight around it; phi wraps."""
    for row, column in _STEPS:
        taken_from = np.roll(towers, (-row, -column), axis=(1, 2))  # the neighbour, seen from the track's tower
        if row:
            taken_from[:, -1 if row > 0 else 0] = 0.0
        taken = np.minimum(taken_from, expected)
        expected = expected - taken
        towers = towers - np.roll(taken, (row, column), axis=(1, 2))
    return np.maximum(towers, 0.0)


def _anti_kt(radius: float, event: NDArray[np.int64], momentum: FloatArray, num_events: int) -> Table:
    with optional_packages("simulation"):
        import awkward
        from fastjet import ClusterSequence, JetDefinition, antikt_algorithm
        from fastjet._swig import ClusterSequence as FastJet
    FastJet.set_fastjet_banner_stream(None)
    order = np.argsort(event, kind="stable")
    momentum, counts = momentum[order], np.bincount(event, minlength=num_events)
    columns = dict(zip(("px", "py", "pz"), momentum.T, strict=True)) | {"E": np.sqrt((momentum**2).sum(1))}
    constituents = awkward.unflatten(awkward.zip(columns, with_name="Momentum4D"), counts)
    found = ClusterSequence(constituents, JetDefinition(antikt_algorithm, radius)).inclusive_jets(MIN_JET_PT_GEV)
    counts = awkward.to_numpy(awkward.num(found, axis=1)).astype(np.int64)
    px, py, pz = (awkward.to_numpy(awkward.flatten(found[name], axis=1)) for name in ("px", "py", "pz"))
    pt = np.hypot(px, py)
    order = np.lexsort((-pt, np.repeat(np.arange(num_events), counts)))
    jets = {"pt": pt[order], "eta": np.arcsinh(pz / pt)[order], "phi": np.arctan2(py, px)[order]}
    return Table.from_counts(counts, {name: column.astype(np.float32) for name, column in jets.items()})
