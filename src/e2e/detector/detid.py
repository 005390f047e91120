"""Pack and unpack CMS DetIds: 32 bits, detector in 28-31, subdetector in 25-27, the rest by subdetector.

All functions are vectorised over uint32 arrays. Source: DataFormats/EcalDetId and HcalDetId of CMSSW; every layout was
checked against the positions stored in real files (`e2e check`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.detector.crystals import endcap_exists

ECAL, HCAL = 3, 4

# name -> (detector, subdetector)
SUBDETECTORS: dict[str, tuple[int, int]] = {
    "EB": (ECAL, 1),
    "EE": (ECAL, 2),
    "ES": (ECAL, 3),
    "HB": (HCAL, 1),
    "HE": (HCAL, 2),
    "HO": (HCAL, 3),
    "HF": (HCAL, 4),
}

HCAL_NEW_FORMAT = 1 << 24  # set from 2017 on

# |ieta| range and number of depths (the new format has more) of each HCAL subdetector
HCAL_IETA_RANGE = {"HB": (1, 16), "HE": (16, 29), "HO": (1, 15), "HF": (29, 41)}
_MAX_DEPTH_OLD = {"HB": 2, "HE": 3, "HO": 4, "HF": 2}
_MAX_DEPTH_NEW = {"HB": 4, "HE": 7, "HO": 4, "HF": 4}

IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]


class EB(NamedTuple):
    """Barrel crystal: ieta -85..-1, 1..85; iphi 1..360."""

    ieta: IntArray
    iphi: IntArray


class EE(NamedTuple):
    """Endcap crystal: ix, iy 1..100; side -1 or +1."""

    ix: IntArray
    iy: IntArray
    side: IntArray


class ES(NamedTuple):
    """Preshower strip: strip 1..32, ix, iy 1..40, plane 1 or 2, side -1 or +1."""

    strip: IntArray
    ix: IntArray
    iy: IntArray
    plane: IntArray
    side: IntArray


class Tower(NamedTuple):
    """HCAL channel: ieta without 0, iphi 1..72, depth from 1."""

    ieta: IntArray
    iphi: IntArray
    depth: IntArray


def _bits(detid: ArrayLike, shift: int, width: int) -> IntArray:
    return (np.asarray(detid, dtype=np.uint32) >> np.uint32(shift) & np.uint32((1 << width) - 1)).astype(np.int32)


def _sign(detid: ArrayLike, bit: int) -> IntArray:
    return 2 * _bits(detid, bit, 1) - 1


def _base(name: str) -> int:
    detector, subdetector = SUBDETECTORS[name]
    return detector << 28 | subdetector << 25


def _join(base: int, *fields: tuple[ArrayLike, int]) -> NDArray[np.uint32]:
    word = np.asarray(base, dtype=np.uint32)
    for value, shift in fields:
        word = np.asarray(word | np.asarray(value).astype(np.uint32) << np.uint32(shift), dtype=np.uint32)
    return word


def is_subdetector(detid: ArrayLike, name: str) -> BoolArray:
    """True where the id names this subdetector; says nothing about the rest of its bits."""
    return (np.asarray(detid, dtype=np.uint32) >> np.uint32(25)) == np.uint32(_base(name) >> 25)


def unpack_eb(detid: ArrayLike) -> EB:
    return EB(_bits(detid, 9, 7) * _sign(detid, 16), _bits(detid, 0, 9))


def pack_eb(ieta: ArrayLike, iphi: ArrayLike) -> NDArray[np.uint32]:
    ieta = np.asarray(ieta)
    return _join(_base("EB"), (ieta > 0, 16), (np.abs(ieta), 9), (iphi, 0))


def unpack_ee(detid: ArrayLike) -> EE:
    return EE(_bits(detid, 7, 7), _bits(detid, 0, 7), _sign(detid, 14))


def pack_ee(ix: ArrayLike, iy: ArrayLike, side: ArrayLike) -> NDArray[np.uint32]:
    return _join(_base("EE"), (np.asarray(side) > 0, 14), (ix, 7), (iy, 0))


def unpack_es(detid: ArrayLike) -> ES:
    return ES(_bits(detid, 0, 6), _bits(detid, 6, 6), _bits(detid, 12, 6), _bits(detid, 18, 1) + 1, _sign(detid, 19))


def pack_es(strip: ArrayLike, ix: ArrayLike, iy: ArrayLike, plane: ArrayLike, side: ArrayLike) -> NDArray[np.uint32]:
    second_plane, positive = np.asarray(plane) == 2, np.asarray(side) > 0
    return _join(_base("ES"), (positive, 19), (second_plane, 18), (iy, 12), (ix, 6), (strip, 0))


def unpack_hcal(detid: ArrayLike) -> Tower:
    """Reads the old and the new (2017) layout; which one each id uses is in its bit 24."""
    is_new = (np.asarray(detid, dtype=np.uint32) & np.uint32(HCAL_NEW_FORMAT)) != 0
    ieta = np.where(is_new, _bits(detid, 10, 9) * _sign(detid, 19), _bits(detid, 7, 6) * _sign(detid, 13))
    iphi = np.where(is_new, _bits(detid, 0, 10), _bits(detid, 0, 7))
    depth = np.where(is_new, _bits(detid, 20, 4), _bits(detid, 14, 3))
    return Tower(ieta.astype(np.int32), iphi.astype(np.int32), depth.astype(np.int32))


def pack_hcal(
    name: str, ieta: ArrayLike, iphi: ArrayLike, depth: ArrayLike, new_format: bool = True
) -> NDArray[np.uint32]:
    """name: HB, HE, HO or HF."""
    ieta = np.asarray(ieta)
    if new_format:
        base = _base(name) | HCAL_NEW_FORMAT
        return _join(base, (depth, 20), (ieta > 0, 19), (np.abs(ieta), 10), (iphi, 0))
    return _join(_base(name), (depth, 14), (ieta > 0, 13), (np.abs(ieta), 7), (iphi, 0))


def is_valid(detid: ArrayLike, name: str) -> BoolArray:
    """True where the id names an existing channel of this subdetector.

    An endcap id must be one of the 14,648 crystals; an HCAL id must lie in the ranges of its subdetector.
    """
    is_ours = is_subdetector(detid, name)
    if name == "EB":
        eb = unpack_eb(detid)
        return is_ours & _within(np.abs(eb.ieta), 1, 85) & _within(eb.iphi, 1, 360) & (_bits(detid, 17, 8) == 0)
    if name == "EE":
        ee = unpack_ee(detid)
        return is_ours & endcap_exists(ee.ix, ee.iy) & (_bits(detid, 15, 10) == 0)
    if name == "ES":
        es = unpack_es(detid)
        in_range = _within(es.strip, 1, 32) & _within(es.ix, 1, 40) & _within(es.iy, 1, 40)
        return is_ours & in_range & (_bits(detid, 20, 5) == 0)
    tower = unpack_hcal(detid)
    is_new = (np.asarray(detid, dtype=np.uint32) & np.uint32(HCAL_NEW_FORMAT)) != 0
    max_depth = np.where(is_new, _MAX_DEPTH_NEW[name], _MAX_DEPTH_OLD[name])
    in_range = _within(np.abs(tower.ieta), *HCAL_IETA_RANGE[name]) & _within(tower.iphi, 1, 72)
    spare_bits = np.where(is_new, 0, _bits(detid, 17, 7))
    return is_ours & in_range & (tower.depth >= 1) & (tower.depth <= max_depth) & (spare_bits == 0)


def _within(value: IntArray, low: int, high: int) -> BoolArray:
    return (value >= low) & (value <= high)
