"""The ECAL, barrel and endcaps: showers of many events -> energy in crystals.

Electromagnetic showers follow `shower`: above a few GeV slice by slice in depth, with longitudinal fluctuations; softer
ones by the mean shower at their impact. Hadrons that interact in the crystals leave clumps around their axis, others
what a minimum ionising particle leaves along its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.detector.ecal_cells import EB, NUM_ECAL_CELLS, cell_map, place_of, steps
from e2e.simulation import shower
from e2e.simulation import shower_table as table
from e2e.simulation.ecal_coordinates import crystal_coordinates, pitch_cm, region_of
from e2e.simulation.hadrons import EcalShare
from e2e.simulation.particles import ELECTRON, PHOTON, FloatArray, IntArray, Particles
from e2e.simulation.stages import CellEnergies
from e2e.simulation.transport import conversion_share

ELECTROMAGNETIC, HADRONIC, MIP = 0, 1, 2  # kinds of shower

MIN_SHOWER_GEV = 0.01
MIN_PAIR_GEV = 1.0  # a softer photon is one shower, not the two of its pair
SLICED_ABOVE_GEV = 5.0
MIN_DEPOSIT_GEV = 1e-4  # in a crystal; less is a five-hundredth of the noise

# The preshower: lead before the endcap's crystals. Source: CMS, JINST 3 (2008) S08004, section 4.4.
PRESHOWER_ETA, PRESHOWER_X0 = (1.65, 2.6), 3.0

# Window of a soft shower: half width in crystals, up to this energy.
_SOFT_WINDOWS = ((1, 0.3), (2, 3.0), (3, np.inf))
_SOFT_DEPTH_CM = 0.3 * shower.CRYSTAL_LENGTH_CM  # where the pitch of their windows is taken

# Hadrons. Radial density 2 r R^2 / (r^2 + R^2)^2 as of Grindhammer et al., NIM A290 (1990) 469, with R of the order of
# a tenth of the interaction length: a core and a halo, chosen by us, as are number, share and
# fluctuation of the clumps, for want of a source.
_CLUMPS_PER_GEV, _CLUMP_SHAPE, _MAX_CLUMPS = 2.0, 0.7, 40
_HADRON_RADII_CM, _CORE_CLUMPS, _MAX_RADIUS_CM = (1.5, 5.0), 0.6, 25.0
_CLUMP_DEPTH_CM = 4.0  # behind the interaction, for the lateral shift of slanting showers
_MIP_DEPTHS = (0.25, 0.75)  # of the crystal, where half the energy each is placed


@dataclass(frozen=True)
class Showers:
    """Energy entering the ECAL, one row a shower, in any order.

    entry_cm: (showers, 3) point on the face of the ECAL. direction: (showers, 3), unit. start_x0: depth behind the face
    where the shower begins, in radiation lengths; below 0 it began in the preshower. energy: GeV that it deposits when
    nothing leaks out. kind: ELECTROMAGNETIC, HADRONIC or MIP.
    """

    event: IntArray
    entry_cm: FloatArray
    direction: FloatArray
    start_x0: FloatArray
    energy: FloatArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.event)

    def where(self, keep: NDArray[Any]) -> Showers:
        """A copy of some: boolean mask or indices."""
        return Showers(**{field.name: getattr(self, field.name)[keep] for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: Sequence[Showers]) -> Showers:
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def electromagnetic_showers(arrivals: Particles, rng: Generator) -> Showers:
    """Of the photons and electrons on the face of the ECAL; all other particles are passed over.

    An electron showers from the face on; a photon first converts, after 9/7 X0 on average, into two electrons.
    """
    is_electromagnetic = (np.abs(arrivals.pdg_id) == ELECTRON) | (arrivals.pdg_id == PHOTON)
    particles = arrivals.where(is_electromagnetic & (arrivals.energy > MIN_SHOWER_GEV))
    energy = particles.energy
    is_photon = particles.pdg_id == PHOTON
    start = np.where(is_photon, rng.exponential(9 / 7, len(particles)), 0.0) - _before_crystals(particles.position)
    pairs = np.flatnonzero(is_photon & (energy > MIN_PAIR_GEV))
    share = conversion_share(rng, len(pairs))
    index = np.concatenate((np.arange(len(particles)), pairs))
    energies = np.concatenate((energy, energy[pairs] * (1 - share)))
    energies[pairs] *= share
    momentum = particles.momentum
    direction = momentum / np.linalg.norm(momentum, axis=1, keepdims=True)
    showers = Showers(
        particles.event[index],
        particles.position[index],
        direction[index],
        start[index],
        energies,
        np.full(len(index), ELECTROMAGNETIC),
    )
    return showers.where((energies > MIN_SHOWER_GEV) & (start[index] < shower.LENGTH_X0))


def hadron_showers(share: EcalShare) -> Showers:
    """Of what hadrons and muons leave in the ECAL."""
    kind = np.where(share.is_mip, MIP, HADRONIC)
    start = share.start_cm / shower.X0_CM
    return Showers(share.event, share.entry_cm, share.direction, start, share.energy, kind)


def _before_crystals(entry_cm: FloatArray) -> FloatArray:
    """X0 of the preshower on the way to this point of the face."""
    eta = np.abs(np.arcsinh(entry_cm[:, 2] / np.hypot(entry_cm[:, 0], entry_cm[:, 1])))
    is_covered = (region_of(entry_cm) != EB) & (eta > PRESHOWER_ETA[0]) & (eta < PRESHOWER_ETA[1])
    return np.where(is_covered, PRESHOWER_X0, 0.0)


def spread(showers: Showers, rng: Generator) -> CellEnergies:
    """Energy of every shower over the crystals it reaches. What lies in gaps and beyond the ends is lost."""
    is_electromagnetic = showers.kind == ELECTROMAGNETIC
    is_sliced = is_electromagnetic & (showers.energy > SLICED_ABOVE_GEV)
    parts = [_sliced(showers.where(is_sliced), rng), *_soft(showers.where(is_electromagnetic & ~is_sliced), rng)]
    parts += [_hadronic(showers.where(showers.kind == HADRONIC), rng), _mips(showers.where(showers.kind == MIP))]
    event, place, energy = (np.concatenate([part[k] for part in parts]) for k in range(3))
    cell = cell_map()[place]
    is_kept = (energy > MIN_DEPOSIT_GEV) & (cell < NUM_ECAL_CELLS)
    return CellEnergies(event[is_kept], cell[is_kept], energy[is_kept].astype(np.float32))


class _Part(NamedTuple):
    event: IntArray
    place: IntArray
    energy: NDArray[Any]


def _part(showers: Showers, place: IntArray, energy: NDArray[Any]) -> _Part:
    """place, energy: (showers, crystals)."""
    return _Part(np.repeat(showers.event, place.shape[1]), place.ravel(), energy.ravel())


def _point(showers: Showers, depth_cm: FloatArray) -> FloatArray:
    return showers.entry_cm + showers.direction * depth_cm[:, None]


def _sliced(showers: Showers, rng: Generator) -> _Part:
    """Depth slice by depth slice, each with its own place and width."""
    profile = shower.sample_profile(showers.energy, rng)
    slices = shower.slice_depths(profile, showers.start_x0)
    shape = slices.share.shape
    depth_cm = (showers.start_x0[:, None] + slices.depth_x0) * shower.X0_CM
    points = showers.entry_cm[:, None, :] + showers.direction[:, None, :] * depth_cm[:, :, None]
    region = region_of(showers.entry_cm)
    is_barrel = np.repeat(region == EB, shape[1])
    row, column = (x.reshape(shape) for x in crystal_coordinates(is_barrel, points.reshape(-1, 3), depth_cm.ravel()))
    column = column[:, :1] + (column - column[:, :1] + 180) % 360 - 180  # one shower, one branch of phi
    weight = np.maximum(slices.share, 1e-12)
    centre_row, centre_column = (np.rint((x * weight).sum(1) / weight.sum(1)).astype(np.int64) for x in (row, column))
    core, tail, core_weight = shower.radial_profile(
        slices.depth_x0 / profile.maximum_x0[:, None], showers.energy[:, None]
    )
    width = pitch_cm(is_barrel, depth_cm.ravel()).reshape(shape)
    shares = table.add_components(
        np.tile(row - centre_row[:, None], 2),
        np.tile(column - centre_column[:, None], 2),
        np.concatenate((core / width, tail / width), axis=1),
        np.concatenate((slices.share * core_weight, slices.share * (1 - core_weight)), axis=1),
    )
    place = place_of(region, centre_row, centre_column)[:, None] + steps(table.HALF_WIDTH, table.HALF_WIDTH).ravel()
    return _part(showers, place, shower.fluctuate(shares, showers.energy, rng))


def _soft(showers: Showers, rng: Generator) -> list[_Part]:
    """Mean showers at the depth of their centre of gravity, in windows that grow with the energy."""
    profile = shower.mean_profile(showers.energy)
    centre_x0 = showers.start_x0 + profile.shape / profile.rate
    depth_cm = np.clip(centre_x0, 0.0, shower.LENGTH_X0) * shower.X0_CM
    region = region_of(showers.entry_cm)
    row, column = crystal_coordinates(region == EB, _point(showers, depth_cm), depth_cm)
    energy = showers.energy * shower.contained_share(showers.energy, showers.start_x0)
    level = np.rint(np.log2(np.clip(showers.energy / table.SOFT_ENERGIES[0], 1.0, None)))
    level = np.minimum(level.astype(np.int64), len(table.SOFT_ENERGIES) - 1)
    parts = []
    low = 0.0
    for half_width, high in _SOFT_WINDOWS:
        inside = np.flatnonzero((showers.energy > low) & (showers.energy <= high))
        low = high
        centre_row, centre_column = np.rint(row[inside]), np.rint(column[inside])
        bins = [
            np.minimum((x + 0.5) * table.SOFT_POSITIONS, table.SOFT_POSITIONS - 1).astype(np.int64)
            for x in (row[inside] - centre_row, column[inside] - centre_column)
        ]
        shares = _soft_windows(half_width)[(region[inside] == EB).astype(np.int64), level[inside], bins[0], bins[1]]
        centre = place_of(region[inside], centre_row.astype(np.int64), centre_column.astype(np.int64))
        place = centre[:, None] + steps(half_width, half_width).ravel()
        parts.append(_part(showers.where(inside), place, shower.fluctuate(shares, energy[inside], rng)))
    return parts


@cache
def _soft_windows(half_width: int) -> NDArray[np.float32]:
    """Mean shares in the endcaps and in the barrel, (2, energies, positions, positions, window)."""
    pitches = pitch_cm(np.array([False, True]), np.full(2, _SOFT_DEPTH_CM))
    return np.stack([table.soft_windows(half_width, pitch) for pitch in pitches.tolist()])


def _hadronic(showers: Showers, rng: Generator) -> _Part:
    """Clumps of very different energies, the first on the axis, the others around it."""
    count = 1 + np.minimum(rng.poisson(_CLUMPS_PER_GEV * showers.energy), _MAX_CLUMPS)
    depth_cm = np.clip(showers.start_x0 * shower.X0_CM + _CLUMP_DEPTH_CM, 0.0, shower.CRYSTAL_LENGTH_CM)
    region = region_of(showers.entry_cm)
    row, column = crystal_coordinates(region == EB, _point(showers, depth_cm), depth_cm)
    width = pitch_cm(region == EB, depth_cm)
    owner = np.repeat(np.arange(len(showers)), count)
    is_first = np.concatenate(([True], np.diff(owner) > 0))[: len(owner)]
    u, side, angle = rng.random((3, len(owner)))
    radius = np.where(side < _CORE_CLUMPS, *_HADRON_RADII_CM) * np.sqrt(u / (1 - u))
    radius = np.where(is_first, 0.0, np.minimum(radius, _MAX_RADIUS_CM)) / width[owner]
    place = place_of(
        region[owner],
        np.rint(row[owner] + radius * np.cos(2 * np.pi * angle)).astype(np.int64),
        np.rint(column[owner] + radius * np.sin(2 * np.pi * angle)).astype(np.int64),
    )
    drawn = rng.standard_gamma(_CLUMP_SHAPE, len(owner))
    total = np.bincount(owner, drawn, minlength=len(showers))
    return _Part(showers.event[owner], place, drawn / total[owner] * showers.energy[owner])


def _mips(showers: Showers) -> _Part:
    """Half of the energy at a quarter of the crystal's depth, half at three quarters: one crystal, or two."""
    region = region_of(showers.entry_cm)
    places = []
    for fraction in _MIP_DEPTHS:
        depth_cm = np.full(len(showers), fraction * shower.CRYSTAL_LENGTH_CM)
        row, column = crystal_coordinates(region == EB, _point(showers, depth_cm), depth_cm)
        places.append(place_of(region, np.rint(row).astype(np.int64), np.rint(column).astype(np.int64)))
    place = np.stack(places, axis=1)
    return _part(showers, place, np.broadcast_to(showers.energy[:, None] / len(_MIP_DEPTHS), place.shape))
