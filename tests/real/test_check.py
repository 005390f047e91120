"""`e2e check` on every public .ig file: our decoding and our windows beside what CMS stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.checking.check import CheckResult, check, format_report
from e2e.events.reader import read_events
from e2e.events.record import Events
from e2e.events.store import write_events
from e2e.problems import Problems

# barrel photons: all, agree, but for one crystal
PHOTONS = {
    "BJetPlusX_Run2012C_0": (25, 23, 2),
    "DoubleElectron_Run2012C_0": (28, 27, 1),
    "DoubleMuParked_Run2012C_0": (10, 10, 0),
    "Electron_Run2010B": (19, 19, 0),
    "FullReco_4lepton": (5, 5, 0),
    "MinimumBias_Run2012C_0": (1, 1, 0),
    "Run2_13TeV_nleps": (2, 2, 0),
    "Run2_13TeV_pt_j": (2, 1, 1),
    "Small_EventData_test": (2, 2, 0),
    "TauParked_Run2012C_0": (29, 29, 0),
}


@pytest.fixture(scope="module")
def result(shared_data: Path) -> CheckResult:
    return check([shared_data / "ig" / f"{name}.ig" for name in PHOTONS])


def test_every_file_passes(result):
    assert [Path(path).stem for path in result.files] == list(PHOTONS)
    assert result.passed
    for path, file in result.files.items():
        assert list(file.failures()) == [], path


def test_all_detids_decode_and_lie_where_the_file_says(result):
    found = result.to_json()["subdetectors"]
    assert list(found) == ["EB", "EE", "ES", "HB", "HE", "HO", "HF"]
    assert {name: (sub["hits"], sub["undecodable"], sub["duplicates"]) for name, sub in found.items()} == {
        "EB": (61097, 0, 4),
        "EE": (37387, 0, 1),
        "ES": (12926, 0, 0),
        "HB": (8533, 0, 0),
        "HE": (1962, 0, 0),
        "HO": (7020, 0, 0),
        "HF": (2760, 0, 0),
    }
    half_crystal = 0.01745 / 2
    assert found["EB"]["max_abs_deta"] < half_crystal and found["EB"]["max_abs_dphi"] < half_crystal
    assert all(found[name]["max_abs_dphi"] < 1e-4 for name in ("HB", "HE", "HO", "HF"))
    assert found["ES"]["max_abs_deta"] is None and found["ES"]["max_abs_dphi"] is None


def test_ideal_geometry_is_exact_before_2016(shared_data):
    found = check([shared_data / "ig" / "DoubleElectron_Run2012C_0.ig"]).to_json()["subdetectors"]
    for name in ("EB", "EE"):
        assert found[name]["max_abs_deta"] < 1e-3 and found[name]["max_abs_dphi"] < 1e-3


@pytest.mark.parametrize("name, expected", PHOTONS.items())
def test_photon_windows_equal_those_of_cms(result, name, expected):
    photons = next(file for path, file in result.files.items() if Path(path).stem == name).photons
    assert (photons.count, photons.agree, photons.one_crystal_excluded) == expected
    assert photons.disagree == 0


def test_the_sum_of_all_photons(result):
    photons = result.to_json()["photons"]
    assert photons.pop("max_abs_difference_gev") < 0.002
    assert photons == {"count": 123, "agree": 119, "one_crystal_excluded": 4, "disagree": 0}


def test_the_hits_stored_twice_are_warned_of_and_pass(result):
    twice = [problem for problem in result.problems if "Electron_Run2010B" in problem.where]
    assert len(twice) == len(result.problems) == 3
    assert all("twice with the same energy" in problem.what for problem in twice)
    assert not result.problems.has_errors


def test_the_report_names_every_file_and_is_json(result):
    report = format_report(result)
    assert all(name in report for name in PHOTONS)
    assert report.endswith("passed")
    json.dumps(result.to_json(), allow_nan=False)


def test_a_store_of_the_events_says_the_same(shared_data, tmp_path):
    source = shared_data / "ig" / "Small_EventData_test.ig"
    problems = Problems()
    write_events(tmp_path / "a.parquet", read_events(source, problems))
    assert problems == []
    assert check([tmp_path / "a.parquet"]).to_json() == check([source]).to_json()
    back = Events.concatenate(read_events(tmp_path / "a.parquet", problems))
    assert back.provenance == {"reader": "ig", "input": "Small_EventData_test.ig"}
    assert {name: len(table) for name, table in back.objects.items()} == {
        "tracks": 255, "photons": 4, "electrons": 4, "jets": 72, "taus": 90, "vertices": 17,
    }  # fmt: skip
