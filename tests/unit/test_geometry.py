"""Positions: order, symmetry and the numbers that the sources give."""

import numpy as np

from e2e.detector import detid as ids
from e2e.detector import geometry
from e2e.detector.grids import barrel_crystal, phi_column


def barrel() -> tuple[np.ndarray, np.ndarray, geometry.Position]:
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(170), np.arange(360), indexing="ij"))
    return row, column, geometry.barrel_position(*barrel_crystal(row, column))


def test_barrel_crystals_lie_in_their_pixel() -> None:
    row, column, position = barrel()
    centre_eta = (row - 84.5) * 0.0174
    assert np.abs(position.eta - centre_eta).max() < 0.0174
    np.testing.assert_array_equal(phi_column(position.phi), column)


def test_barrel_eta_grows_with_the_row() -> None:
    eta = barrel()[2].eta.reshape(170, 360)
    assert (np.diff(eta, axis=0) > 0).all()
    assert np.abs(eta).max() < 1.479


def test_endcap_is_symmetric() -> None:
    ix, iy = np.array([30, 30, 71, 71]), np.array([70, 31, 70, 31])
    plus, minus = geometry.endcap_position(ix, iy, 1), geometry.endcap_position(ix, iy, -1)
    np.testing.assert_allclose(plus.eta, plus.eta[0])
    np.testing.assert_array_equal(plus.eta, -minus.eta)
    np.testing.assert_array_equal(plus.phi, minus.phi)
    np.testing.assert_allclose(np.sin(plus.phi), np.sin(plus.phi[0]) * np.array([1, -1, 1, -1]))


def test_hcal_towers() -> None:
    position = geometry.hcal_position("HE", np.array([17, -21]), np.array([1, 72]), np.array([1, 1]))
    np.testing.assert_allclose(position.eta, [(16.5) * 0.087, -(1.74 + 1.83) / 2])
    np.testing.assert_allclose(position.phi, np.deg2rad([2.5, 0.0]), atol=1e-12)


def test_position_is_nan_for_what_is_no_channel() -> None:
    found = geometry.position(np.array([0, ids.pack_eb(1, 1), ids.pack_eb(86, 1)], dtype=np.uint32), "EB")
    np.testing.assert_array_equal(np.isfinite(found.eta), [False, True, False])


def test_phi_wraps() -> None:
    np.testing.assert_allclose(geometry.wrap_phi([np.pi, -np.pi, 3 * np.pi + 0.1]), [-np.pi, -np.pi, -np.pi + 0.1])
