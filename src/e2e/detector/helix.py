"""Tracks in the field of the tracker, in closed form: circles seen along the beam, straight lines against the path.

A track is its point (x_cm, y_cm, z_cm), its direction there (eta, phi) and `bend`, the change of azimuth per cm of
transverse path; 0 is a straight line. Arrays throughout, one element a track. Nothing is lost on the way: no material.
Mirrored by cpp/include/e2e/helix.h.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract.grids import HE_TOWER_EDGES
from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM, HELIX_RADIUS_CM_PER_GEV

FloatArray = NDArray[np.float64]

# Where the crystals of the endcaps begin, as seen along them. Source: tables/ee.csv; CMS, JINST 3 (2008) S08004.
ECAL_ENDCAP_FRONT_Z_CM = 317.0
BARREL_MAX_ETA = HE_TOWER_EDGES[0]  # where the endcap begins


class Direction(NamedTuple):
    """Seen from the origin of the detector; radians."""

    eta: FloatArray
    phi: FloatArray


def bend_of(charge: ArrayLike, pt: ArrayLike) -> FloatArray:
    """Radian per cm in the field along +z; pt in GeV. Neutral, or of an unknown charge (NaN): 0."""
    charge = np.nan_to_num(np.asarray(charge, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(charge == 0, 0.0, -charge * (1 / (HELIX_RADIUS_CM_PER_GEV * np.asarray(pt, dtype=np.float64))))


def path_to_cylinder(
    x_cm: FloatArray, y_cm: FloatArray, phi: FloatArray, bend: FloatArray, radius_cm: ArrayLike
) -> FloatArray:
    """Transverse path in cm until the track leaves the cylinder; NaN: curls up within, or starts outside."""
    radius = np.asarray(radius_cm, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # With tangent = bend x g of half the angle turned, the crossing solves a g^2 + 2 along g - reach = 0; the root
        # written here is the first on the way, and the straight line is no special case.
        cosine, sine = np.cos(phi), np.sin(phi)
        along, across = x_cm * cosine + y_cm * sine, y_cm * cosine - x_cm * sine
        reach = (radius**2 - x_cm**2 - y_cm**2) / 2
        a = 2 * (1 + across * bend) - bend**2 * reach
        g = reach / (along + np.sqrt(along**2 + reach * a))
        half = np.arctan(np.abs(bend) * g)
        half = np.where(half < 0, half + np.pi, half)
        path = 2 * np.where(bend == 0, g, half / np.abs(bend))
        return np.where(reach > 0, path, np.nan)


def path_to_plane(z_cm: FloatArray, eta: FloatArray, plane_z_cm: ArrayLike) -> FloatArray:
    """Transverse path in cm to |z| = `plane_z_cm` on the side the track flies to; NaN: never, or starts beyond."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        path = (np.copysign(plane_z_cm, eta) - z_cm) / np.sinh(eta)
        return np.where(np.isfinite(path) & (path >= 0), path, np.nan)


def follow(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray,
    path_cm: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """The point after a transverse path; the track's azimuth there is phi + bend x path."""
    with np.errstate(invalid="ignore", over="ignore"):
        turned = bend * path_cm / 2
        chord = path_cm * np.sinc(turned / np.pi)  # sin(turned) / turned
        return x_cm + chord * np.cos(phi + turned), y_cm + chord * np.sin(phi + turned), z_cm + path_cm * np.sinh(eta)


def to_barrel(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray
) -> Direction:
    """Impact on the cylinder of the barrel's front, however long; phi NaN: does not get there."""
    path = path_to_cylinder(x_cm, y_cm, phi, bend, ECAL_BARREL_FRONT_RADIUS_CM)
    x, y, z = follow(x_cm, y_cm, z_cm, eta, phi, bend, path)
    return Direction(np.arcsinh(z / ECAL_BARREL_FRONT_RADIUS_CM), np.arctan2(y, x))


def path_to_ecal(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray
) -> FloatArray:
    """Transverse path in cm to the ECAL: the barrel's front where that lies within |eta| 1.479, else the plane of the
    endcap.

    NaN: does not get there, or only after more than a full turn, by when the tracker has stopped it.
    """
    path = path_to_cylinder(x_cm, y_cm, phi, bend, ECAL_BARREL_FRONT_RADIUS_CM)
    with np.errstate(invalid="ignore", over="ignore"):
        z = z_cm + path * np.sinh(eta)
        is_barrel = np.abs(z) < ECAL_BARREL_FRONT_RADIUS_CM * np.sinh(BARREL_MAX_ETA)
        path = np.where(is_barrel, path, path_to_plane(z_cm, eta, ECAL_ENDCAP_FRONT_Z_CM))
        return np.where(np.abs(bend) * path < 2 * np.pi, path, np.nan)


def to_ecal(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray
) -> Direction:
    """Impact on the ECAL after `path_to_ecal`; NaN where that is."""
    path = path_to_ecal(x_cm, y_cm, z_cm, eta, phi, bend)
    with np.errstate(invalid="ignore", over="ignore"):
        x, y, z = follow(x_cm, y_cm, z_cm, eta, phi, bend, path)
        return Direction(np.arcsinh(z / np.sqrt(x**2 + y**2)), np.arctan2(y, x))
