"""Helices against small steps along them, and where they end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.detector.helix import (
    ECAL_ENDCAP_FRONT_Z_CM,
    bend_of,
    follow,
    path_to_cylinder,
    path_to_plane,
    to_barrel,
    to_ecal,
)


def stepped(x: float, y: float, phi: float, bend: float, radius: float) -> float:
    """Path to the cylinder by steps of 0.001 cm; infinite after two turns."""
    path, step = 0.0, 1e-3
    limit = 4 * np.pi / abs(bend) if bend else 1e4
    walked = np.arange(0, min(limit, 2000.0), step)
    angles = phi + bend * (walked + step / 2)
    radii = np.hypot(x + np.cumsum(np.cos(angles)) * step, y + np.cumsum(np.sin(angles)) * step)
    outside = np.flatnonzero(radii >= radius)
    path = walked[outside[0]] + step if len(outside) else np.inf
    return float(path)


@pytest.mark.parametrize("bend", [0.0, 1e-10, -1e-4, 0.008, 0.015, -0.02, 0.1])
@pytest.mark.parametrize("phi", [0.0, 1.0, 3.0, -2.0])
@pytest.mark.parametrize("point", [(0.0, 0.0), (20.0, -30.0), (-60.0, 5.0)])
def test_the_first_crossing_is_that_of_small_steps(bend: float, phi: float, point: tuple[float, float]) -> None:
    x, y = (np.array([value]) for value in point)
    path = path_to_cylinder(x, y, np.array([phi]), np.array([bend]), 70.0)[0]
    expected = stepped(*point, phi, bend, 70.0)
    assert (np.isnan(path) and np.isinf(expected)) or path == pytest.approx(expected, abs=0.01)


ANGLES, PLACES = st.floats(-np.pi, np.pi), st.floats(-30, 30)


@given(PLACES, PLACES, PLACES, st.floats(-2.5, 2.5), ANGLES, st.floats(0.1, 1e4), st.sampled_from((-1, 0, 1)))
def test_every_track_ends_on_the_front_of_the_ecal(
    x: float, y: float, z: float, eta: float, phi: float, pt: float, charge: int
) -> None:
    track = [np.array([value]) for value in (x, y, z, eta, phi)]
    bend = bend_of([charge], [pt])
    radial = path_to_cylinder(track[0], track[1], track[4], bend, 129.0)
    if np.isfinite(radial[0]):
        reached = follow(*track, bend, radial)
        assert np.hypot(*reached[:2])[0] == pytest.approx(129.0, rel=1e-6)
    impact = to_ecal(*track, bend)
    if np.isfinite(impact.phi[0]) and abs(impact.eta[0]) < 1.4:
        np.testing.assert_allclose(impact, to_barrel(*track, bend), rtol=0, atol=1e-9)
    elif np.isfinite(impact.phi[0]):
        along = path_to_plane(track[2], track[3], ECAL_ENDCAP_FRONT_Z_CM)
        assert np.isnan(radial[0]) or radial[0] > 0
        assert abs(follow(*track, bend, along)[2][0]) == pytest.approx(ECAL_ENDCAP_FRONT_Z_CM)


def test_radius_in_the_field() -> None:
    """1 GeV turns with 87.8 cm in 3.8 T, positive charge clockwise seen from +z."""
    np.testing.assert_allclose(1 / bend_of([1, -1], [1.0, 1.0]), [-87.78, 87.78], rtol=1e-4)
    assert bend_of([0, np.nan], [1.0, 1.0]).tolist() == [0, 0]


def test_what_never_arrives_is_nan() -> None:
    zero = np.zeros(1)
    for eta, pt, arrives in (
        (0.0, 0.5, False),
        (0.0, 0.75, True),
        (0.5, 0.3, False),
        (2.0, 0.3, True),
        (2.9, 0.1, True),
    ):
        impact = to_ecal(zero, zero, zero, np.array([eta]), zero, bend_of([1], [pt]))
        assert np.isfinite(impact.phi[0]) == np.isfinite(impact.eta[0]) == arrives
    outside = path_to_cylinder(np.array([130.0]), zero, zero, zero, 129.0)
    assert np.isnan(outside[0])
    assert np.isnan(path_to_plane(np.array([0.0, 320.0]), np.array([0.0, 1.0]), 317.0)).all()
