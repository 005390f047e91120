"""Grids: every channel has its pixel, and the two prototype faults that lost energy stay away."""

import numpy as np
import pytest

from e2e.detector import grids
from e2e.detector.crystals import endcap_exists


def test_barrel_pixels_are_all_used_once() -> None:
    ieta, iphi = np.meshgrid(np.delete(np.arange(-85, 86), 85), np.arange(1, 361), indexing="ij")
    row, column = grids.barrel_pixel(ieta, iphi)
    assert len(np.unique(row * 360 + column)) == 61_200
    np.testing.assert_array_equal(grids.barrel_crystal(row, column), (ieta, iphi))


def test_endcap_rows_are_filled() -> None:
    """Fault 1 of cms-e2e/RecoE2E: endcap hits never reach the stitched frame."""
    ix, iy = np.nonzero(endcap_exists(*np.meshgrid(np.arange(101), np.arange(101), indexing="ij")))
    below, above = (grids.stitched_endcap_pixel(ix, iy, side) for side in (-1, 1))
    assert set(below.row) == set(range(55)) and set(above.row) == set(range(225, 280))
    np.testing.assert_array_equal(below.row, 279 - above.row)
    np.testing.assert_array_equal(below.column, above.column)


def test_hcal_energy_survives_upsampling() -> None:
    """Fault 2: 22 % of the energy was left."""
    image = np.random.default_rng(0).exponential(size=(56, 72)).astype(np.float32)
    fine = grids.upsample_hcal(image)
    assert fine.shape == (280, 360)
    np.testing.assert_allclose(fine.sum(dtype=np.float64), image.sum(dtype=np.float64), rtol=1e-6)
    blocks = fine.reshape(56, 5, 72, 5).sum(axis=(1, 3))
    np.testing.assert_allclose(blocks, np.roll(image, 2, axis=1), rtol=1e-6)


def test_hcal_tower_lies_under_its_crystals() -> None:
    """iphi 1 covers phi 0 to 5 degrees, ECAL columns 10 to 14."""
    image = np.zeros((56, 72), dtype=np.float32)
    image[28, 0] = 1
    rows, columns = np.nonzero(grids.upsample_hcal(image))
    assert set(rows) == set(range(140, 145)) and set(columns) == set(range(10, 15))
    np.testing.assert_array_equal(grids.phi_column(np.deg2rad([0.1, 4.9])), [10, 14])


def test_wide_hcal_towers_are_shared() -> None:
    share = grids.hcal_pixels([20, 21, -29], [72, 72, 3])
    np.testing.assert_array_equal(share.hit, [0, 1, 1, 2, 2])
    np.testing.assert_array_equal(share.row, [47, 48, 48, 0, 0])
    np.testing.assert_array_equal(share.column, [71, 71, 0, 2, 3])
    np.testing.assert_array_equal(share.fraction, [1, 0.5, 0.5, 0.5, 0.5])


def test_neighbours_wrap_in_phi_and_end_in_eta() -> None:
    np.testing.assert_array_equal(grids.neighbours(0), [-1, -1, -1, 359, 1, 719, 360, 361])
    with pytest.raises(ValueError, match=r"pixel 61200 is outside 0\.\.61199"):
        grids.neighbours([0, 61_200])
