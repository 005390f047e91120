"""The C++ core knows the same detector as NumPy: every channel, and random bits."""

import numpy as np
import pytest

from e2e import _core
from e2e.contract import GRIDS
from e2e.detector import detid as ids
from e2e.detector import grids
from e2e.detector.geometry import position

HCAL = ("HB", "HE", "HO", "HF")


def every_id(name: str) -> np.ndarray:
    """All ids with plausible fields, valid or one step beyond."""
    if name == "EB":
        return ids.pack_eb(*(a.ravel() for a in np.meshgrid(np.arange(-87, 88), np.arange(0, 364))))
    if name == "EE":
        return ids.pack_ee(*(a.ravel() for a in np.meshgrid(np.arange(128), np.arange(128), (-1, 1))))
    fields = [a.ravel() for a in np.meshgrid(np.arange(-43, 44), np.arange(0, 75), np.arange(0, 8))]
    return np.concatenate([ids.pack_hcal(name, *fields, new_format=new) for new in (False, True)])


@pytest.mark.parametrize("name", ["EB", "EE", *HCAL])
def test_detector_equals_numpy(name: str) -> None:
    rng = np.random.default_rng(3)
    every = every_id(name)
    flipped = every ^ (np.uint32(1) << rng.integers(0, 32, len(every)).astype(np.uint32))
    detid = np.concatenate((every, flipped, rng.integers(0, 1 << 32, 100_000, dtype=np.uint32)))
    valid, fields, eta, phi, packed = _core.describe(name, detid)

    expected = ids.is_valid(detid, name)
    assert expected.sum() > 1000
    np.testing.assert_array_equal(valid.astype(bool), expected)
    np.testing.assert_array_equal(packed[expected], detid[expected])
    np.testing.assert_allclose((eta, phi), position(detid, name), rtol=0, atol=1e-14)

    if name == "EB":
        ieta, iphi = ids.unpack_eb(detid[expected])
        columns: tuple = (ieta, iphi, flat(grids.stitched_barrel_pixel(ieta, iphi)))
    elif name == "EE":
        ix, iy, side = ids.unpack_ee(detid[expected])
        columns = (ix, iy, flat(grids.stitched_endcap_pixel(ix, iy, side)))
    else:
        columns = ids.unpack_hcal(detid[expected])
    np.testing.assert_array_equal(fields[expected], np.stack(columns, axis=-1))


def every_strip() -> np.ndarray:
    """Every preshower id with its fields in range or one step beyond."""
    ranges = (np.arange(34), np.arange(42), np.arange(42), (1, 2), (-1, 1))
    return ids.pack_es(*(a.ravel() for a in np.meshgrid(*ranges)))


def test_preshower_equals_numpy() -> None:
    rng = np.random.default_rng(4)
    every = every_strip()
    flipped = every ^ (np.uint32(1) << rng.integers(0, 32, len(every)).astype(np.uint32))
    anything = rng.integers(0, 1 << 32, 100_000, dtype=np.uint32)
    ours = ids.pack_es(0, 0, 0, 1, -1) | anything & np.uint32((1 << 25) - 1)
    for detid in (every, flipped, anything, ours, ours & ~np.uint32(31 << 20)):
        valid, fields, packed = _core.describe_preshower(detid)
        strip = ids.unpack_es(detid)
        np.testing.assert_array_equal(valid.astype(bool), ids.is_valid(detid, "ES"))
        np.testing.assert_array_equal(fields, np.stack(strip, axis=-1))
        np.testing.assert_array_equal(packed, ids.pack_es(*strip))
        np.testing.assert_array_equal(packed[valid > 0], detid[valid > 0])


def test_preshower_has_204800_strips() -> None:
    """32 strips on 40 x 40 places (not all of them built), 2 planes, 2 sides; the spare bits 20-24 are zero."""
    every = every_strip()
    is_valid = ids.is_valid(every, "ES")
    assert is_valid.sum() == 32 * 40 * 40 * 2 * 2
    for bit in range(20, 25):
        assert not ids.is_valid(every[is_valid] | np.uint32(1 << bit), "ES").any()


def flat(pixel: grids.Pixel) -> np.ndarray:
    return pixel.row * 360 + pixel.column


@pytest.mark.parametrize("name", GRIDS)
def test_neighbours_equal_numpy(name: str) -> None:
    grid = GRIDS[name]
    every = np.arange(grid.rows * grid.columns, dtype=np.int32)
    around = _core.neighbours(every, name)
    np.testing.assert_array_equal(around, grids.neighbours(every, grid))
    assert (around == -1).sum() == 2 * 3 * grid.columns
    assert _core.neighbours(every[:0], name).shape == grids.neighbours(every[:0], grid).shape == (0, 8)
    for bad in (-1, len(every), 2**31 - 1, -(2**31)):
        for function, argument in ((_core.neighbours, name), (grids.neighbours, grid)):
            with pytest.raises(ValueError, match=rf"pixel {bad} is outside 0\.\.{len(every) - 1}"):
                function(np.array([0, bad], dtype=np.int32), argument)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown grid 'endcap'; known: barrel, stitched, hcal"):
        _core.neighbours(np.zeros(1, dtype=np.int32), "endcap")
    with pytest.raises(ValueError, match="unknown subdetector 'XX'"):
        _core.describe("XX", np.zeros(1, dtype=np.uint32))
