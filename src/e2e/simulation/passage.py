"""From production points to the face of the ECAL, in closed form: where each particle arrives, if it does."""

from __future__ import annotations

import numpy as np

from e2e.contract import TRACK_MAX_ETA
from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM
from e2e.detector.helix import BARREL_MAX_ETA, ECAL_ENDCAP_FRONT_Z_CM, bend_of, follow, path_to_cylinder, path_to_plane
from e2e.simulation.particles import FloatArray, Particles, direction_angles, momentum_vector

_BARREL_MAX_Z_CM = ECAL_BARREL_FRONT_RADIUS_CM * np.sinh(BARREL_MAX_ETA)


def move(particles: Particles, path_cm: FloatArray) -> Particles:
    """After a transverse path; the momentum turns with the field."""
    pt, eta, phi = direction_angles(particles.momentum)
    bend = bend_of(particles.charge, pt)
    x, y, z = particles.position.T
    position = np.stack(follow(x, y, z, eta, phi, bend, path_cm), axis=1)
    return Particles(particles.event, particles.pdg_id, momentum_vector(pt, eta, phi + bend * path_cm), position)


def path_outwards(particles: Particles, radius_cm: FloatArray | float) -> FloatArray:
    """Transverse path to a cylinder; NaN for what never gets there or is beyond it."""
    pt, _, phi = direction_angles(particles.momentum)
    x, y, _ = particles.position.T
    return path_to_cylinder(x, y, phi, bend_of(particles.charge, pt), radius_cm)


def arrive(particles: Particles) -> Particles:
    """Those that reach the front of the barrel or of an endcap, there. A looper has one turn to do so."""
    pt, eta, _ = direction_angles(particles.momentum)
    z = particles.position[:, 2]
    path = path_outwards(particles, ECAL_BARREL_FRONT_RADIUS_CM)
    with np.errstate(invalid="ignore", over="ignore"):
        is_barrel = np.abs(z + path * np.sinh(eta)) < _BARREL_MAX_Z_CM
        path = np.where(is_barrel, path, path_to_plane(z, eta, ECAL_ENDCAP_FRONT_Z_CM))
        arrives = np.abs(bend_of(particles.charge, pt)) * path < 2 * np.pi  # False for NaN
    there = move(particles.where(arrives), path[arrives])
    size = np.hypot(there.position[:, 0], there.position[:, 1])
    return there.where(np.abs(there.position[:, 2]) < np.sinh(TRACK_MAX_ETA) * size)
