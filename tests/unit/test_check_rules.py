"""The check on events made here: what it counts, what it lets pass, and what it must not let pass."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from event_samples import good_events

from e2e.checking.check import CheckResult, FileCheck, PhotonCheck, SubdetectorCheck, check, format_report
from e2e.checking.photon_windows import PhotonResult, compare_photons, seed_region
from e2e.detector.detid import pack_eb
from e2e.detector.geometry import barrel_position, barrel_table
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Events, Table
from e2e.events.store import write_events
from e2e.frames import Frames, native
from e2e.problems import Problems

BARREL = (170, 360)


def photon_at(row: int, column: int, z_cm: float = 0.0, **cms: float) -> dict[str, float]:
    """A photon from (0, 0, z) to the front of that crystal."""
    ieta, iphi = barrel_crystal(row, column)
    eta, phi = (float(value) for value in barrel_position(ieta, iphi))
    rho = barrel_table().rho_front_cm[row, column % 20]
    return {"eta": np.arcsinh(np.sinh(eta) - z_cm / rho), "phi": phi, "x_cm": 0.0, "y_cm": 0.0, "z_cm": z_cm, **cms}


def verdicts(energies: np.ndarray, photon: dict[str, float]) -> list[PhotonResult]:
    """energies: of the whole barrel, 0 where there is no hit."""
    row, column = np.nonzero(energies)
    hits = {
        "detid": pack_eb(*barrel_crystal(row, column)),
        "energy": energies[row, column].astype(np.float32),
        "time": np.zeros(len(row), np.float32),
    }
    photons = {name: np.array([value], np.float32) for name, value in {"pt": 1.0, **photon}.items()}
    number = np.ones(1, np.uint64)
    tables = {"EB": Table.from_counts([len(row)], hits)}, {"photons": Table.from_counts([1], photons)}
    return list(compare_photons(Events(number.astype(np.uint32), number.astype(np.uint32), number, *tables)))


def noise_with(row: int, column: int, energy: float) -> np.ndarray:
    """Every crystal 0.5 GeV but one."""
    energies = np.full(BARREL, 0.5)
    energies[row, column] = energy
    return energies


# a window beyond the eta edge has fewer crystals; none is missing where phi wraps or eta changes its sign
@pytest.mark.parametrize(
    "row, column, crystals3, crystals5",
    [(100, 200, 9, 25), (85, 0, 9, 25), (84, 359, 9, 25), (0, 180, 6, 15), (169, 1, 6, 15), (1, 5, 9, 20)],
)
@pytest.mark.parametrize("z_cm", [-12.0, 0.0, 12.0])
def test_windows_wrap_in_phi_end_in_eta_and_skip_nothing(row, column, crystals3, crystals5, z_cm):
    cms = {"max_energy_crystal": 8.0, "e3x3": 8 + 0.5 * (crystals3 - 1), "e5x5": 8 + 0.5 * (crystals5 - 1)}
    energies = noise_with(row, column, 8.0)
    assert verdicts(energies, photon_at(row, column, z_cm, **cms)) == [(0, "agree", 0.0)]
    assert [v.verdict for v in verdicts(energies, photon_at(row, column, z_cm, **cms | {"e5x5": 8.25}))] == ["disagree"]


def test_negative_energies_are_summed():
    energies = noise_with(50, 50, 8.0)
    energies[51, 51] = -1.0
    cms = {"max_energy_crystal": 8.0, "e3x3": 10.5, "e5x5": 18.5}
    assert verdicts(energies, photon_at(50, 50, **cms)) == [(0, "agree", 0.0)]


def test_a_higher_crystal_at_another_eta_is_no_seed_but_one_at_another_phi_is():
    for row, column, is_seed in ((53, 50, False), (50, 56, True), (50, 61, False)):
        energies = noise_with(50, 50, 8.0)
        energies[row, column] = 20.0
        expected = {"max_energy_crystal": 20.0 if is_seed else 8.0}
        expected |= {name: expected["max_energy_crystal"] + 0.5 * n for name, n in (("e3x3", 8), ("e5x5", 24))}
        assert [v.verdict for v in verdicts(energies, photon_at(50, 50, **expected))] == ["agree"], (row, column)


@pytest.mark.parametrize(
    "left_out, highest, e3x3, e5x5",
    [
        ((50, 51), 8.0, 11.5, 19.5),
        ((48, 52), 8.0, 17.5, 25.0),
        ((50, 50), 6.0, 9.5, 17.5),  # the spike itself: the seed moves to (50, 51)
    ],
)
def test_one_crystal_left_out_by_cms_is_told_apart(left_out, highest, e3x3, e5x5):
    energies = noise_with(50, 50, 8.0)
    energies[50, 51] = 6.0
    cms = {"max_energy_crystal": highest, "e3x3": e3x3, "e5x5": e5x5}
    assert [v.verdict for v in verdicts(energies, photon_at(50, 50, **cms))] == ["one_crystal_excluded"]
    energies[left_out] = 0.0
    assert [v.verdict for v in verdicts(energies, photon_at(50, 50, **cms))] == ["agree"]


def test_two_crystals_left_out_disagree_unless_they_are_of_one_dead_tower():
    energies = noise_with(54, 54, 8.0)  # the window reaches into the tower of rows 55 to 59, columns 55 to 59
    eta = barrel_table().eta_front[55:60, 0][:, None]
    tower = np.float32(0.1) * np.cosh(eta) * np.ones((1, 5))
    energies[55:60, 55:60] = tower
    whole = {"max_energy_crystal": 8.0, "e3x3": 11.5 + tower[0, 0], "e5x5": 18.0 + tower[:2, :2].sum()}
    assert [v.verdict for v in verdicts(energies, photon_at(54, 54, **whole))] == ["agree"]
    without = {"max_energy_crystal": 8.0, "e3x3": 11.5, "e5x5": 18.0}
    assert [v.verdict for v in verdicts(energies, photon_at(54, 54, **without))] == ["one_crystal_excluded"]
    energies[59, 59] *= 1.1  # a living tower
    assert [v.verdict for v in verdicts(energies, photon_at(54, 54, **without))] == ["disagree"]


def test_photons_beyond_the_barrel_or_without_sums_do_not_count():
    cms = {"max_energy_crystal": 8.0, "e3x3": 12.0, "e5x5": 20.0}
    assert len(seed_region({**photon_at(169, 0), "eta": 1.51})) == 0
    assert len(seed_region({**photon_at(169, 0), "eta": 1.48})) > 0
    assert verdicts(noise_with(50, 50, 8.0), photon_at(50, 50, **cms | {"e3x3": np.nan})) == []


@pytest.mark.parametrize("energy_far_away, energy_near", [(0.0, 0.0), (50.0, 0.0), (50.0, -0.5)])
def test_a_barrel_photon_without_a_seed_disagrees(energy_far_away, energy_near):
    energies = np.zeros(BARREL)
    energies[120, 300], energies[50, 50] = energy_far_away, energy_near
    cms = {"max_energy_crystal": 8.0, "e3x3": 12.0, "e5x5": 20.0}
    assert verdicts(energies, photon_at(50, 50, **cms)) == [(0, "disagree", 20.0)]


def test_a_photon_of_an_event_without_barrel_hits_in_its_source_does_not_count():
    one = photon_at(50, 50, pt=1.0, max_energy_crystal=8.0, e3x3=12.0, e5x5=20.0)
    photons = Table.from_counts([1, 1], {name: np.array([value] * 2, np.float32) for name, value in one.items()})
    column = {"detid": np.zeros(0, np.uint32), "energy": np.zeros(0, np.float32), "time": np.zeros(0, np.float32)}
    hits = Table.from_counts([0, 0], column, np.array([True, False]))
    number = np.arange(2)
    events = Events(number, number, number, {"EB": hits}, {"photons": photons})
    assert [found.event for found in compare_photons(events)] == [0]


def spoil_frames(what):
    def build(hits: Table) -> Frames:
        frames = native.barrel_frames(hits)
        column = getattr(frames, what).copy()
        column[0] = np.nextafter(column[0], 1) if what == "energy" else column[0] + 1
        return replace(frames, **{what: column})

    return SimpleNamespace(barrel_frames=build)


@pytest.mark.parametrize("what", ["energy", "pixel_index"])
def test_a_frame_of_the_core_that_differs_in_one_bit_does_not_pass(tmp_path, monkeypatch, what):
    events = good_events(2)
    events.hits["EB"]["energy"][3] = -1.0
    write_events(tmp_path / "a.parquet", [events])
    assert check([tmp_path / "a.parquet"]).passed
    monkeypatch.setattr("e2e.checking.check.native", spoil_frames(what))
    result = check([tmp_path / "a.parquet"])
    assert not result.passed
    assert [str(problem) for problem in result.problems] == [
        f"error: {tmp_path / 'a.parquet'}: run 1 event 1: the barrel frame of the core is not what the hits say; "
        "report this as a bug"
    ]


PASSING = FileCheck()
PASSING.subdetectors["EB"] = SubdetectorCheck(10, 0, 1, 0.005, 0.004)
PASSING.subdetectors["HB"] = SubdetectorCheck(10, 0, 0, 0.3, 5e-6)
PASSING.photons = PhotonCheck(3, 2, 1, 0, 0.001)


def result_with(name: str | None = None, **values: object) -> CheckResult:
    """The passing result with one thing wrong."""
    other = FileCheck()
    if name is not None:
        part = other.photons if name == "photons" else other.subdetectors[name]
        for field, value in values.items():
            setattr(part, field, value)
    return CheckResult({"a.ig": PASSING, "b.ig": other}, Problems())


def test_the_sum_of_files_passes():
    result = result_with()
    assert result.passed
    assert result.to_json()["photons"] == {
        "count": 3, "agree": 2, "one_crystal_excluded": 1, "disagree": 0, "max_abs_difference_gev": 0.001,
    }  # fmt: skip
    assert result.to_json()["subdetectors"]["ES"] == {
        "hits": 0, "undecodable": 0, "duplicates": 0, "max_abs_deta": None, "max_abs_dphi": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, field, value, failure",
    [
        ("EB", "undecodable", 2, "EB: 2 DetIds do not decode"),
        ("HE", "undecodable", 1, "HE: 1 DetIds do not decode"),
        ("EB", "max_abs_deta", 0.009, "EB: decoded and stored positions differ by up to 0.0090, 0.0040"),
        ("EB", "max_abs_dphi", 0.009, "EB: decoded and stored positions differ by up to 0.0050, 0.0090"),
        ("HB", "max_abs_dphi", 2e-4, "HB: decoded and stored phi differ by up to 0.000200"),
        ("photons", "disagree", 1, "1 photons disagree with CMS's own window sums"),
    ],
)
def test_what_must_not_pass_does_not(name, field, value, failure):
    result = result_with(name, **{field: value})
    assert list(result.total.failures()) == [failure]
    assert not result.passed
    assert format_report(result).splitlines()[-2:] == [f"failed: {failure}", "not passed"]


def test_an_error_does_not_pass_and_a_warning_does(tmp_path):
    result = result_with()
    result.problems.report("a.ig", "odd", "kept", "warning")
    assert result.passed
    result.problems.report("a.ig", "wrong", "dropped")
    assert not result.passed
    assert not check([tmp_path / "absent.ig"]).passed
