"""Where the channels are: ECAL crystals from their table, HCAL towers from their edges; and the field between."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.detector import detid as ids
from e2e.detector.crystals import COLUMNS_PER_SUPERMODULE, FloatArray, barrel_table, endcap_table

ECAL_BARREL_FRONT_RADIUS_CM = 129.0

FIELD_TESLA = 3.8  # along +z, in the tracker. Source: CMS, JINST 5 (2010) T03021
HELIX_RADIUS_CM_PER_GEV = 100 / (0.299792458 * FIELD_TESLA)  # of charge 1, per GeV of pT: pT = 0.2998 x tesla x metre

# |eta| edges of the towers, index |ieta| - 1. Source: corners in the event-display geometry; CMS HCAL TDR.
HBHE_EDGES = np.array([*np.arange(0, 21) * 0.087, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, 3.0])
_HF_EDGES = np.array(  # from |ieta| 29
    [2.853, 2.964, 3.139, 3.314, 3.489, 3.664, 3.839, 4.013, 4.191, 4.363, 4.538, 4.716, 4.889, 5.191]
)
_HF_FIRST_IETA, _HF_FIRST_WIDE_IETA = 29, 40
_HF_EDGE_PLANE_CM = (
    1122.8  # where the towers have the edges above; short fibres (even depth) begin 22 cm behind the face
)
_HF_LONG_FIBRE_CM, _HF_SHORT_FIBRE_CM = 1115.0, 1137.0
_HO_RING_GAPS = {4: (0.261, 0.3075), 5: (0.3395, 0.435), 10: (0.783, 0.8494), 11: (0.873, 0.957)}
_HE_LAST_SPLIT_IETA = 28  # its deepest layer reaches to 3.0 and takes tower 29 in


class Position(NamedTuple):
    """Direction from the origin of the detector; radians."""

    eta: FloatArray
    phi: FloatArray


def wrap_phi(phi: ArrayLike) -> FloatArray:
    """phi in [-pi, pi)."""
    return (np.asarray(phi, dtype=np.float64) + np.pi) % (2 * np.pi) - np.pi


def barrel_position(ieta: ArrayLike, iphi: ArrayLike) -> Position:
    """Front-face centre of valid EB crystals."""
    ieta, iphi = np.asarray(ieta), np.asarray(iphi)
    row, column = np.where(ieta > 0, ieta + 84, ieta + 85), (iphi - 1) % COLUMNS_PER_SUPERMODULE
    table = barrel_table()
    phi = np.deg2rad(iphi - 10.5) + table.phi_offset_front[row, column]
    return Position(table.eta_front[row, column], wrap_phi(phi))


def endcap_position(ix: ArrayLike, iy: ArrayLike, side: ArrayLike) -> Position:
    """Front-face centre of valid EE crystals."""
    x, y, z = np.moveaxis(endcap_table()[np.asarray(ix), np.asarray(iy)], -1, 0)
    return Position(np.arcsinh(z / np.hypot(x, y)) * np.asarray(side), np.arctan2(y, x))


def hcal_position(name: str, ieta: ArrayLike, iphi: ArrayLike, depth: ArrayLike) -> Position:
    """Centre of valid HCAL towers; a tower of |ieta| > 20 is 10 degrees wide, of |ieta| > 39 (HF) 20 degrees."""
    ieta, iphi, depth = np.asarray(ieta), np.asarray(iphi), np.asarray(depth)
    low, high = _hcal_edges(name, ieta, depth)
    centre = (low + high) / 2
    if name == "HF":
        plane_cm = np.where(depth % 2 == 1, _HF_LONG_FIBRE_CM, _HF_SHORT_FIBRE_CM)
        centre = centre + np.log(plane_cm / _HF_EDGE_PLANE_CM)
    phi = np.deg2rad(5.0 * (iphi - 1) + 2.5 * _hcal_phi_steps(ieta))
    return Position(np.sign(ieta) * centre, wrap_phi(phi))


def hcal_tower_size(name: str, ieta: ArrayLike, depth: ArrayLike) -> Position:
    """How wide valid HCAL towers are in eta and in phi (radian)."""
    low, high = _hcal_edges(name, np.asarray(ieta), np.asarray(depth))
    return Position(high - low, np.deg2rad(5.0 * _hcal_phi_steps(np.asarray(ieta))))


def _hcal_edges(name: str, ieta: NDArray[Any], depth: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """|eta| between which a tower lies; of HF in the plane of `_HF_EDGE_PLANE_CM`."""
    size = np.abs(ieta)
    if name == "HF":
        edges, first = _HF_EDGES, _HF_FIRST_IETA
    else:
        edges, first = HBHE_EDGES, 1
    low, high = edges[size - first], edges[size - first + 1]
    if name == "HE":
        high = np.where((size == _HE_LAST_SPLIT_IETA) & (depth == 3), edges[-1], high)
    if name == "HO":
        for gap_ieta, gap_edges in _HO_RING_GAPS.items():
            low, high = (np.where(size == gap_ieta, g, e) for g, e in zip(gap_edges, (low, high), strict=True))
    return low, high


def _hcal_phi_steps(ieta: NDArray[Any]) -> NDArray[np.int64]:
    """Width of a tower in steps of 5 degrees."""
    size = np.abs(ieta)
    return np.where(size >= _HF_FIRST_WIDE_IETA, 4, np.where(size > 20, 2, 1))


def position(detid: ArrayLike, name: str) -> Position:
    """Direction of every channel, NaN where the id is not a valid one of this subdetector; ES has no table: all NaN."""
    detid = np.atleast_1d(np.asarray(detid, dtype=np.uint32))
    eta, phi = np.full(detid.shape, np.nan), np.full(detid.shape, np.nan)
    is_known = ids.is_valid(detid, name) & (name != "ES")
    known = detid[is_known]
    if name == "EB":
        found = barrel_position(*ids.unpack_eb(known))
    elif name == "EE":
        found = endcap_position(*ids.unpack_ee(known))
    elif name == "ES":
        return Position(eta, phi)
    else:
        found = hcal_position(name, *ids.unpack_hcal(known))
    eta[is_known], phi[is_known] = found
    return Position(eta, phi)
