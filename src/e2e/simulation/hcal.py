"""Energy in the cells of the HCAL: every spot of a shower is put beside the shower's axis, into the cell that is there.

HB is layers about the beam, HE layers across it; sizes from CMS, JINST 3 (2008) S08004, 5.1. Left out: the gap between
the two, where services run; HO behind the coil, and HF beyond |eta| 3: what gets there is lost.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from e2e.detector.hcal_cells import HB_LENGTH, HB_MAX_ETA, HE_LENGTH, hcal_cell_at
from e2e.simulation.era import Era
from e2e.simulation.hadrons import HcalShare
from e2e.simulation.particles import FloatArray
from e2e.simulation.stages import CellEnergies

HB_FRONT_CM, HB_BACK_CM = 181.0, 287.0  # radii
HE_FRONT_CM, HE_BACK_CM = 400.0, 550.0  # |z|
HB_CM_PER_LENGTH = (HB_BACK_CM - HB_FRONT_CM) / HB_LENGTH
HE_CM_PER_LENGTH = (HE_BACK_CM - HE_FRONT_CM) / HE_LENGTH

# Distances from the axis, Gaussian in both directions across it. Estimates after hep-ex/0001020 and Wigmans: a core of
# the size of an electromagnetic shower, a halo of about half an interaction length.
CORE_CM, HALO_CM = 2.5, 8.0


def deposit_hcal(share: HcalShare, era: Era, rng: Generator) -> CellEnergies:
    """Spots that end in no cell (behind the HCAL, or beyond |eta| 3) are left out."""
    axis = _axes(share)
    particle = share.particle
    along = axis.front_cm[particle] + axis.cm_per_length[particle] * share.depth
    x, y, z = (axis.entry_cm[i][particle] + axis.direction[i][particle] * along for i in range(3))
    across = rng.standard_normal((2, len(particle)), dtype=np.float32) * np.where(share.is_prompt, CORE_CM, HALO_CM)
    # The axis comes from near the centre: a step across it changes eta, or phi, by the step over the radius.
    radius = np.sqrt(x * x + y * y)
    phi = np.arctan2(y, x) + across[0] / radius
    eta = np.arcsinh(z / radius) + across[1] / radius
    cell = hcal_cell_at(eta, phi, share.depth * axis.slant[particle], era)
    found = np.flatnonzero(cell >= 0)
    return CellEnergies(share.event[particle[found]], cell[found], share.energy[found])


class _Axes(NamedTuple):
    """entry_cm, direction: (3, particles). front_cm: path to the HCAL. slant: depth square to the layers over path."""

    entry_cm: FloatArray
    direction: FloatArray
    front_cm: FloatArray
    cm_per_length: FloatArray
    slant: FloatArray


def _axes(share: HcalShare) -> _Axes:
    entry, direction = np.ascontiguousarray(share.entry_cm.T), np.ascontiguousarray(share.direction.T)
    across2 = direction[0] ** 2 + direction[1] ** 2
    inward = (entry[0] * direction[0] + entry[1] * direction[1]) / across2
    reach2 = (HB_FRONT_CM**2 - entry[0] ** 2 - entry[1] ** 2) / across2
    to_barrel = np.sqrt(np.maximum(inward**2 + reach2, 0.0)) - inward
    is_barrel = np.abs(entry[2] + direction[2] * to_barrel) < HB_FRONT_CM * np.sinh(HB_MAX_ETA)
    forward = np.maximum(np.abs(direction[2]), 1e-9)
    to_endcap = (HE_FRONT_CM - entry[2] * np.sign(direction[2])) / forward
    return _Axes(
        entry,
        direction,
        np.where(is_barrel, to_barrel, to_endcap),
        np.where(is_barrel, HB_CM_PER_LENGTH, HE_CM_PER_LENGTH),
        np.where(is_barrel, np.sqrt(across2), np.abs(direction[2])),
    )
