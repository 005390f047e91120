"""Showers over windows of crystals, looked up: the closed form of `shower`, integrated once for a grid of positions.

Two tables. One holds the window of a single radial component, against its radius and the place of the axis; a shower
is a weighted sum of its depth slices' windows, interpolated linearly. The other holds the mean window of a whole
shower, for those too soft for their depth to matter. Lengths are in crystal pitches.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from e2e.simulation import shower
from e2e.simulation.particles import FloatArray

HALF_WIDTH = 5  # crystals around the axis that receive energy: 11 x 11 hold 99 %
WINDOW = 2 * HALF_WIDTH + 1
_FINE = 200  # the nodes below are multiples of 1/200 of a crystal
_FROM_EDGE = np.array([0, 2, 5, 9, 14, 20, 28, 38, 52, 72, 100]) / _FINE  # denser towards the edges of crystals
_NODES = np.unique(np.concatenate([edge + sign * _FROM_EDGE for edge in (-0.5, 0.5) for sign in (-1, 1)]).round(6))
_MIN_RADIUS, _MAX_RADIUS, _NUM_RADII = 0.025, 10.5, 33  # spaced evenly in the logarithm
_LOG_STEP = np.log(_MAX_RADIUS / _MIN_RADIUS) / (_NUM_RADII - 1)

SOFT_ENERGIES = np.array([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])  # GeV
SOFT_POSITIONS = 10  # bins of the axis across a crystal, each way
TILT = np.deg2rad(3.0)  # of the crystals against lines from the origin, in both directions
_SUBDIVISIONS = 2  # points per bin and axis over which the mean is taken


def box_shares(row: FloatArray, column: FloatArray, radius: FloatArray) -> FloatArray:
    """Share of one radial component in each crystal of the window, (n, 11, 11); row, column: axis off its centre."""
    edges = np.arange(-HALF_WIDTH, HALF_WIDTH + 2) - 0.5
    cumulative = shower.square_integral(edges - row[:, None], edges - column[:, None], radius)
    return np.diff(np.diff(cumulative, axis=1), axis=2)


@cache
def _components() -> NDArray[np.float32]:
    """(radii * nodes * nodes, 121)."""
    row, column = (grid.ravel() for grid in np.meshgrid(_NODES, _NODES, indexing="ij"))
    radii = _MIN_RADIUS * np.exp(_LOG_STEP * np.arange(_NUM_RADII))
    tables = [box_shares(row, column, np.full(len(row), radius)) for radius in radii]
    return np.concatenate(tables).reshape(-1, WINDOW**2).astype(np.float32)


@cache
def _node_below() -> NDArray[np.int32]:
    """Index of the last node not above, for every 1/200 of a crystal."""
    fine = np.arange(int(_NODES[0] * _FINE), int(_NODES[-1] * _FINE))
    return (np.searchsorted(_NODES, fine / _FINE + 1e-6) - 1).astype(np.int32)


def add_components(row: FloatArray, column: FloatArray, radius: FloatArray, weight: FloatArray) -> NDArray[np.float32]:
    """Sum of components over each shower's window, (showers, 121).

    row, column: axis off the window's centre, at most 1. All (showers, components), weight the share of the energy.
    """
    level = np.clip(np.log(radius / _MIN_RADIUS) / _LOG_STEP, 0, _NUM_RADII - 1.001)
    lower_level = level.astype(np.int32)
    (lower_row, above_row), (lower_column, above_column) = _between_nodes(row), _between_nodes(column)
    first = (lower_level * len(_NODES) + lower_row) * len(_NODES) + lower_column
    indices = np.empty((*row.shape, 2, 2, 2), dtype=np.int32)
    weights = np.empty(indices.shape, dtype=np.float32)
    for i, of_level in enumerate(_split(weight, level - lower_level)):
        for j, of_row in enumerate(_split(of_level, above_row)):
            for k, of_column in enumerate(_split(of_row, above_column)):
                indices[..., i, j, k] = first + ((i * len(_NODES) + j) * len(_NODES) + k)
                weights[..., i, j, k] = of_column
    table = _components()
    ends = np.arange(len(row) + 1) * (8 * row.shape[1])
    matrix = csr_array((weights.ravel(), indices.ravel(), ends), shape=(len(row), len(table)))
    return np.maximum(matrix @ table, 0.0)


def _between_nodes(x: FloatArray) -> tuple[NDArray[np.int32], FloatArray]:
    """The node below, and how far on the way to the next."""
    x = np.clip(x, _NODES[0], _NODES[-1] - 1e-6)
    below = _node_below()[((x - _NODES[0]) * _FINE).astype(np.int32)]
    return below, (x - _NODES[below]) / (_NODES[below + 1] - _NODES[below])


def _split(weight: FloatArray, above: FloatArray) -> tuple[FloatArray, FloatArray]:
    return weight * (1 - above), weight * above


@cache
def soft_windows(half_width: int, pitch_cm: float) -> NDArray[np.float32]:
    """Mean shares, (energies, positions, positions, window): what falls outside the window is put on its rim.

    The axis is at ((row, column) + 0.5) / SOFT_POSITIONS - 0.5 off the centre.
    """
    kept = slice(HALF_WIDTH - half_width, HALF_WIDTH + half_width + 1)
    cut = _mean_windows(pitch_cm)[..., kept, kept].copy()
    is_rim = np.ones(cut.shape[-2:], dtype=bool)
    is_rim[1:-1, 1:-1] = False
    rim = cut[..., is_rim]
    cut[..., is_rim] = rim * ((1 - cut[..., ~is_rim].sum(-1)) / rim.sum(-1))[..., None]
    return cut.reshape(*cut.shape[:3], -1).astype(np.float32)


@cache
def _mean_windows(pitch_cm: float) -> FloatArray:
    """(energies, positions, positions, 11, 11) of mean showers, tilted against the crystals to either side."""
    count = SOFT_POSITIONS * _SUBDIVISIONS
    at = (np.arange(count) + 0.5) / count - 0.5
    row, column = (grid.ravel() for grid in np.meshgrid(at, at, indexing="ij"))
    windows = np.zeros((len(SOFT_ENERGIES), count * count, WINDOW, WINDOW))
    profile = shower.mean_profile(SOFT_ENERGIES)
    slices = shower.slice_depths(profile, np.zeros(len(SOFT_ENERGIES)))
    from_centre_cm = (slices.depth_x0 - (profile.shape / profile.rate)[:, None]) * shower.X0_CM
    shift = from_centre_cm * np.tan(TILT) / pitch_cm
    for e, energy in enumerate(SOFT_ENERGIES):
        tau = slices.depth_x0[e] / profile.maximum_x0[e]
        core, tail, weight = shower.radial_profile(tau, np.full(len(tau), energy))
        for radii, shares in ((core, weight * slices.share[e]), (tail, (1 - weight) * slices.share[e])):
            for radius, share, moved in zip(radii / pitch_cm, shares, shift[e], strict=True):
                for side in (-moved, moved):
                    windows[e] += share / 2 * box_shares(row + side, column + side, np.full(len(row), radius))
    bins = windows.reshape(-1, SOFT_POSITIONS, _SUBDIVISIONS, SOFT_POSITIONS, _SUBDIVISIONS, WINDOW, WINDOW)
    return bins.mean((2, 4))
