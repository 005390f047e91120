"""The ECAL barrel: showers -> crystals -> rec hits as the reduced collections of real events keep them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.detector.detid import pack_eb
from e2e.detector.geometry import COLUMNS_PER_SUPERMODULE, ECAL_BARREL_FRONT_RADIUS_CM, barrel_table
from e2e.detector.grids import barrel_crystal
from e2e.simulation import shower
from e2e.simulation.particles import FloatArray, Particles, direction_angles
from e2e.simulation.transport import conversion_share

CRYSTAL_LENGTH_CM = shower.LENGTH_X0 * shower.X0_CM

# Response of one crystal. Source: CMS ECAL TDR and test beam: 2.8 %/sqrt(E) + 12 %/E + 0.3 % for 3 x 3 sums, of which
# photostatistics and the lateral spread share the first term; noise and times were taken from the real files.
PHOTOSTATISTICS = 0.023  # relative, at 1 GeV
INTERCALIBRATION = 0.005  # relative
NOISE_GEV = 0.05
TIME_NOISE_NS_GEV = 1.3  # time resolution = this / energy ...
TIME_CONSTANT_NS = 0.25  # ... plus this in quadrature
MAX_TIME_SIGMA_NS = 20.0

# Read-out. Source: shape of the reduced collections around real photons and electrons: 5 x 5 about every local maximum;
# along phi, every column of five that a hybrid supercluster would add; around them, single crystals above 0.1 GeV.
CLUSTER_SEED_ET_GEV = 1.0
DOMINO_MIN_GEV = 0.1
DOMINO_REACH = 17  # columns, each way
ROW_REACH = 2
ZERO_SUPPRESSION_GEV = 0.08  # outside the fully read towers
SINGLE_CRYSTAL_GEV = 0.1
FULL_READOUT_TOWER_ET_GEV = 2.0  # a 5 x 5 tower above this is read out fully, with its 8 neighbours

# The part of the barrel that is simulated for one event, around its primary's impact.
PATCH_HALF_ROWS, PATCH_HALF_COLUMNS = 20, 32
PATCH_SHAPE = (2 * PATCH_HALF_ROWS + 1, 2 * PATCH_HALF_COLUMNS + 1)

_NUM_DEPTHS = 12


class CrystalMap(NamedTuple):
    """Crystal coordinates at several depths: |row| centres against eta, columns against the phi in a supermodule."""

    depth_cm: FloatArray  # (depths,)
    eta: FloatArray  # (depths, 170) eta of the crystal centres, ascending
    phi_degrees: FloatArray  # (depths, 22) phi of the centres in a supermodule, one neighbour on each side


@cache
def crystal_map() -> CrystalMap:
    """Centres on straight lines from the front to the back face: crystals point 3 degrees off the origin."""
    table = barrel_table()
    depth = np.linspace(0.0, CRYSTAL_LENGTH_CM, _NUM_DEPTHS)
    fraction = (depth / CRYSTAL_LENGTH_CM)[:, None, None]
    rho = table.rho_front_cm + fraction * (table.rho_back_cm - table.rho_front_cm)
    z_front, z_back = (
        r * np.sinh(e) for r, e in ((table.rho_front_cm, table.eta_front), (table.rho_back_cm, table.eta_back))
    )
    eta = np.arcsinh((z_front + fraction * (z_back - z_front)) / rho).mean(2)
    offset = table.phi_offset_front + fraction * (table.phi_offset_back - table.phi_offset_front)
    centres = np.arange(COLUMNS_PER_SUPERMODULE) + 0.5 + np.rad2deg(offset.mean(1))
    around = np.concatenate((centres[:, -1:] - 20, centres, centres[:, :1] + 20), axis=1)
    return CrystalMap(depth, eta, around)


def crystal_coordinates(point: FloatArray, depth_cm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Continuous (row, column) of points (n, 3) in cm at a depth below the front face; centres are whole numbers.

    Rows go on past the barrel's ends; columns are not wrapped.
    """
    mapping = crystal_map()
    eta = np.arcsinh(point[:, 2] / np.hypot(point[:, 0], point[:, 1]))
    phi = np.rad2deg(np.arctan2(point[:, 1], point[:, 0])) + 10.0
    supermodule, within = np.divmod(phi, COLUMNS_PER_SUPERMODULE)
    layer = np.clip(np.rint(depth_cm / CRYSTAL_LENGTH_CM * (_NUM_DEPTHS - 1)).astype(int), 0, _NUM_DEPTHS - 1)
    row, column = np.empty(len(point)), np.empty(len(point))
    for k in range(_NUM_DEPTHS):
        here = layer == k
        centres = mapping.eta[k]
        beyond = np.clip(np.abs(eta[here]) - centres[-1], 0.0, None) * np.sign(eta[here]) / 0.0174
        row[here] = np.interp(eta[here], centres, np.arange(170.0)) + beyond
        column[here] = np.interp(within[here], mapping.phi_degrees[k], np.arange(-1.0, COLUMNS_PER_SUPERMODULE + 1))
    return row, column + supermodule * COLUMNS_PER_SUPERMODULE


class Patches(NamedTuple):
    """Energy deposited around each event's centre: (events, 41, 65) in GeV, and the barrel row and column of corner."""

    energy: FloatArray
    first_row: NDArray[np.int64]
    first_column: NDArray[np.int64]


def deposit(particles: Particles, axis: FloatArray, vertex_cm: FloatArray, num_events: int, rng: Generator) -> Patches:
    """Shower every particle at the front face into the patch of its event.

    axis, vertex_cm: (events, 3) the direction and origin of the primary, which place the patch.
    """
    first_row, first_column = _patch_corner(axis, vertex_cm)
    event, start, energy, place, direction = _showers(particles, rng)
    profile = shower.sample_profile(energy, rng)
    slices = shower.slice_depths(profile, start)
    depth_cm = (start[:, None] + slices.depth_x0) * shower.X0_CM
    points = place[:, None, :] + direction[:, None, :] * depth_cm[:, :, None]
    row, column = crystal_coordinates(points.reshape(-1, 3), depth_cm.ravel())
    row, column = row.reshape(depth_cm.shape), column.reshape(depth_cm.shape)
    column = column[:, :1] + (column - column[:, :1] + 180) % 360 - 180  # one shower, one branch of phi
    pitch_cm = 2.2 + 0.4 * np.minimum(depth_cm / CRYSTAL_LENGTH_CM, 1.0)
    tau = slices.depth_x0 / profile.maximum_x0[:, None]
    centre_row, centre_column, shares = shower.spread(row, column, pitch_cm, tau, slices.share, energy)
    energies = shower.fluctuate(shares, energy, rng)
    steps = np.arange(-shower.HALF_WIDTH, shower.HALF_WIDTH + 1)
    rows = (centre_row - first_row[event])[:, None, None] + steps[:, None]
    column_from_centre = (centre_column - first_column[event] - PATCH_HALF_COLUMNS + 180) % 360 - 180
    columns = (column_from_centre + PATCH_HALF_COLUMNS)[:, None, None] + steps
    barrel_row = rows + first_row[event][:, None, None]
    is_inside = (rows >= 0) & (rows < PATCH_SHAPE[0]) & (columns >= 0) & (columns < PATCH_SHAPE[1])
    is_inside &= (barrel_row >= 0) & (barrel_row < 170)
    flat = (event[:, None, None] * PATCH_SHAPE[0] + rows) * PATCH_SHAPE[1] + columns
    total = np.bincount(flat[is_inside], energies[is_inside], minlength=num_events * PATCH_SHAPE[0] * PATCH_SHAPE[1])
    return Patches(total.astype(np.float64).reshape(num_events, *PATCH_SHAPE), first_row, first_column)


def _patch_corner(axis: FloatArray, vertex_cm: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pt, _, _ = direction_angles(axis)
    impact = vertex_cm + axis / pt[:, None] * ECAL_BARREL_FRONT_RADIUS_CM
    row, column = crystal_coordinates(impact, np.zeros(len(axis)))
    return np.rint(row).astype(np.int64) - PATCH_HALF_ROWS, np.rint(column).astype(np.int64) - PATCH_HALF_COLUMNS


class Starts(NamedTuple):
    """Where electron showers begin: event, depth of the start in X0, energy, point of entry, direction."""

    event: NDArray[np.int64]
    start_x0: FloatArray
    energy: FloatArray
    entry_cm: FloatArray
    direction: FloatArray


def _showers(particles: Particles, rng: Generator) -> Starts:
    """Electron showers: an electron starts one at the face; a photon first converts (9/7 X0 on average) into two."""
    is_photon = particles.charge == 0
    share = np.where(is_photon, conversion_share(rng, len(particles)), 1.0)
    start = np.where(is_photon, rng.exponential(9 / 7, len(particles)), 0.0)
    energy = particles.energy
    direction = particles.momentum / energy[:, None]
    first = np.arange(len(particles))
    second = np.flatnonzero(is_photon)
    index = np.concatenate((first, second))
    energies = np.concatenate((energy * share, (energy * (1 - share))[second]))
    enough = (energies > 0.01) & (start[index] < shower.LENGTH_X0)
    index, energies = index[enough], energies[enough]
    return Starts(particles.event[index], start[index], energies, particles.position[index], direction[index])


class RecHits(NamedTuple):
    """Rec hits of all events, sorted by event, row and column; counts: per event."""

    counts: NDArray[np.int64]
    detid: NDArray[np.uint32]
    energy: NDArray[np.float32]
    time: NDArray[np.float32]


def read_out(patches: Patches, rng: Generator) -> RecHits:
    """Resolution, noise, time, selective read-out and the windows that the reduced collection keeps."""
    true = patches.energy
    energy = true * (1 + INTERCALIBRATION * rng.normal(size=true.shape))
    energy += np.sqrt(PHOTOSTATISTICS**2 * np.maximum(true, 0.0) + NOISE_GEV**2) * rng.normal(size=true.shape)
    sigma_ns = np.minimum(TIME_NOISE_NS_GEV / np.maximum(np.abs(energy), 1e-3), MAX_TIME_SIGMA_NS)
    time = np.hypot(sigma_ns, TIME_CONSTANT_NS) * rng.normal(size=true.shape)
    row = patches.first_row[:, None] + np.arange(PATCH_SHAPE[0])
    column = patches.first_column[:, None] + np.arange(PATCH_SHAPE[1])
    is_crystal = np.broadcast_to(((row >= 0) & (row < 170))[:, :, None], energy.shape)
    energy = np.where(is_crystal, energy, 0.0)
    transverse = energy / np.cosh(np.interp(row, np.arange(170.0), crystal_map().eta[0]))[:, :, None]
    is_read = is_crystal & _full_readout(transverse, row, column, energy > ZERO_SUPPRESSION_GEV)
    windows = _cluster_windows(np.where(is_read, energy, 0.0), np.where(is_read, transverse, 0.0))
    is_kept = is_read & (windows | (energy > SINGLE_CRYSTAL_GEV))
    event, r, c = np.nonzero(is_kept)
    ieta, iphi = barrel_crystal(row[event, r], column[event, c] % 360)
    return RecHits(
        np.bincount(event, minlength=len(true)),
        pack_eb(ieta, iphi),
        energy[is_kept].astype(np.float32),
        time[is_kept].astype(np.float32),
    )


def _full_readout(
    transverse: FloatArray, row: NDArray[np.int64], column: NDArray[np.int64], is_above: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """True where a crystal passes zero suppression or lies in, or next to, a tower of high transverse energy."""
    num_events = len(transverse)
    # towers of 5 x 5 crystals aligned with the detector: 10 x 15 of them cover any patch
    tower_row, tower_column = row // 5 - (row[:, :1] // 5), column // 5 - (column[:, :1] // 5)
    shape = (int(tower_row.max()) + 1, int(tower_column.max()) + 1)
    tower = tower_row[:, :, None] * shape[1] + tower_column[:, None, :]
    flat = (np.arange(num_events) * shape[0] * shape[1])[:, None, None] + tower
    sums = np.bincount(flat.ravel(), transverse.ravel(), minlength=num_events * shape[0] * shape[1])
    is_high = (sums > FULL_READOUT_TOWER_ET_GEV).reshape(num_events, *shape)
    return _dilate(is_high, 1, 1).reshape(-1)[flat] | is_above


def _dilate(mask: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.bool_]:
    """True within +-rows and +-columns of a true pixel; axes 1 and 2, no wrapping."""
    for axis, reach in ((1, rows), (2, columns)):
        grown = mask.copy()
        for step in range(1, reach + 1):
            low, high = [slice(None)] * 3, [slice(None)] * 3
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            grown[tuple(low)] |= mask[tuple(high)]
            grown[tuple(high)] |= mask[tuple(low)]
        mask = grown
    return mask


def _cluster_windows(energy: FloatArray, transverse: FloatArray) -> NDArray[np.bool_]:
    """5 x 5 around every local maximum above the seed threshold, and the dominoes along phi that carry energy."""
    padded = np.pad(transverse, ((0, 0), (1, 1), (1, 1)), constant_values=-1.0)
    shape = transverse.shape[1:]
    around = [padded[:, r : r + shape[0], c : c + shape[1]] for r in range(3) for c in range(3) if (r, c) != (1, 1)]
    is_seed = (transverse > CLUSTER_SEED_ET_GEV) & np.all([transverse >= other for other in around], axis=0)
    sums = np.cumsum(np.pad(energy, ((0, 0), (ROW_REACH + 1, ROW_REACH), (0, 0))), axis=1)
    domino = sums[:, 2 * ROW_REACH + 1 :] - sums[:, : -(2 * ROW_REACH + 1)]
    in_reach = _dilate(is_seed, 0, DOMINO_REACH)
    is_domino = in_reach & (domino > DOMINO_MIN_GEV)
    return _dilate(is_domino, ROW_REACH, 0) | _dilate(is_seed, ROW_REACH, ROW_REACH)
