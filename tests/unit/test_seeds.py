"""Where photons and electrons should enter the barrel."""

import numpy as np
import pytest

from e2e.detector.detid import pack_eb
from e2e.detector.geometry import barrel_position
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Events, Table
from e2e.frames.places import expected_pixel
from e2e.frames.seeds import object_seeds


def particles(eta: np.ndarray, phi: np.ndarray, pt: float = 50.0, **more: float) -> dict[str, np.ndarray]:
    values = {"x_cm": np.nan, "y_cm": np.nan, "z_cm": np.nan, "pt": pt, **more}
    return {"eta": eta, "phi": phi, **{name: np.full(len(eta), value) for name, value in values.items()}}


def test_straight_from_the_origin_finds_every_crystal() -> None:
    row, column = (axis.ravel() for axis in np.meshgrid(np.arange(170), np.arange(360), indexing="ij"))
    found_row, found_column, is_found = expected_pixel(particles(*barrel_position(*barrel_crystal(row, column))))
    assert is_found.all()
    np.testing.assert_array_equal(found_row, row)
    np.testing.assert_array_equal(found_column, column)


def test_vertex_shifts_the_impact() -> None:
    """From z = 12.9 cm straight outwards: eta 0.1 at the front, row 90."""
    row, column, is_found = expected_pixel(particles(np.zeros(1), np.zeros(1), z_cm=12.9))
    assert (row[0], column[0], is_found[0]) == (90, 10, True)


@pytest.mark.parametrize("charge", [-1, 1])
def test_electrons_bend(charge: int) -> None:
    """At 129 cm the azimuth is off by asin(129 / 2R), R = pt / (0.003 x 3.8) cm; positive charge to smaller phi."""
    row, column, _ = expected_pixel(particles(np.zeros(1), np.full(1, 0.5), pt=10.0, charge=charge))
    expected = 0.5 - charge * np.arcsin(129 / 2 * 0.003 * 3.8 / 10.0)
    assert column[0] == int(np.floor(np.rad2deg(expected) + 10))
    assert row[0] in (84, 85)


def test_what_misses_the_barrel_is_dropped() -> None:
    eta, phi = np.array([1.6, 0.0, np.nan, 0.0]), np.array([0.0, np.nan, 0.0, 0.0])
    np.testing.assert_array_equal(expected_pixel(particles(eta, phi))[2], [False, False, False, True])
    assert not expected_pixel(particles(np.zeros(1), np.zeros(1), pt=0.5, charge=1.0))[2].any()  # curls up


@pytest.mark.filterwarnings("error")
def test_electrons_of_unknown_charge_or_without_pt_are_followed_straight_or_dropped_in_silence() -> None:
    eta, phi = np.zeros(1), np.full(1, 0.5)
    straight = expected_pixel(particles(eta, phi))
    for values in ({"charge": np.nan}, {"charge": 0.0, "pt": 0.0}, {"charge": np.nan, "pt": 0.0}):
        for one, other in zip(expected_pixel(particles(eta, phi, **values)), straight, strict=True):
            np.testing.assert_array_equal(one, other)
    assert not expected_pixel(particles(eta, phi, pt=0.0, charge=1.0))[2].any()
    assert not expected_pixel(particles(np.full(1, 1e3), phi))[2].any()


def test_object_seeds_are_ordered_by_event() -> None:
    detid = np.array([pack_eb(1, 11), pack_eb(1, 11), pack_eb(20, 100)])
    columns = {"detid": detid, "energy": np.array([5, 6, 7], "f4"), "time": np.zeros(3, "f4")}
    hits = Table.from_counts([1, 2], columns)
    eta, phi = np.array([0.0, 0.0, 1.6]), np.deg2rad([0.5, 0.5, 0.5])
    objects = {
        "photons": Table.from_counts([0, 3], particles(eta, phi)),
        "electrons": Table.from_counts([1, 1], particles(eta[:2], phi[:2], pt=1000.0, charge=1.0)),
    }
    number = np.arange(2)
    found = object_seeds(Events(number, number, number, {"EB": hits}, objects))
    assert found.source.tolist() == ["electrons", "photons", "photons", "electrons"]
    np.testing.assert_array_equal(found.index, [0, 0, 1, 1])
    np.testing.assert_array_equal(found.seeds.event_index, [0, 1, 1, 1])
    np.testing.assert_array_equal(found.seeds.energy, [5, 6, 6, 6])
