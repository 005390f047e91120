"""Event stores of every version, each written once on 2 events and never again: every later e2e reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from e2e.detector.detid import pack_eb, pack_hcal
from e2e.events.reader import read_events
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.problems import Problems


def golden_file(version: int) -> Path:
    return Path(__file__).with_name(f"event_store_v{version}.parquet")


def golden_events(version: int) -> Events:
    """What was written, by `write_events(golden_file(version), [golden_events(version)])` at that version."""
    eb = {
        "detid": pack_eb([-85, 1, 85], [1, 180, 360]),
        "energy": np.array([0.25, -0.0, 1234.5], np.float32),
        "time": np.array([-1.5, 0.0, 25.0], np.float32),
        "eta": np.array([-1.475, 0.0087, 1.475]),
        "phi": np.array([-0.1658, 2.958, -0.1833]),
    }
    hb = {
        "detid": pack_hcal("HB", [-16, 16], [1, 72], [1, 2]),
        "energy": np.array([3.0, 4.0], np.float32),
        "time": np.array([0.5, -0.5], np.float32),
    }
    photons = {name: np.array([i, i + 0.5], np.float32) for i, name in enumerate(OBJECT_COLUMNS["photons"])}
    truth = {name: np.array([-i], np.float32) for i, name in enumerate(OBJECT_COLUMNS["truth"])}
    if version < 3:
        truth["decay_mode"][:] = np.nan
    photons["e5x5"][1] = np.nan
    objects = {"photons": Table.from_counts([2, 0], photons), "truth": Table.from_counts([0, 1], truth)}
    if version >= 2:
        tracks = {name: np.array([i, i + 0.5], np.float32) for i, name in enumerate(OBJECT_COLUMNS["tracks"])}
        tracks["d0_error_cm"][1] = np.nan
        tracker_hits = {
            name: np.array([i, -0.0, i], np.float32) for i, name in enumerate(OBJECT_COLUMNS["tracker_hits"])
        }
        objects["tracks"] = Table.from_counts([1, 1], tracks)
        objects["tracker_hits"] = Table.from_counts([3, 0], tracker_hits, np.array([True, False]))
    if version >= 4:
        taus = {name: np.array([i + 0.25], np.float32) for i, name in enumerate(OBJECT_COLUMNS["taus"])}
        objects["taus"] = Table.from_counts([0, 1], taus, np.array([False, True]))
    return Events(
        np.array([1, 4294967295], np.uint32),
        np.array([2, 3], np.uint32),
        np.array([5, 2**63 + 1], np.uint64),
        {"EB": Table.from_counts([2, 1], eb), "HB": Table.from_counts([0, 2], hb)},
        objects,
        {"seed": 1, "source": "golden"},
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_version_is_still_read_to_the_bit(version):
    path = golden_file(version)
    assert path.stat().st_size < 30_000
    problems = Problems()
    found, expected = Events.concatenate(read_events(path, problems)), golden_events(version)
    assert problems == []
    assert found.provenance == expected.provenance
    for name in ("run", "luminosity_block", "event"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
    for ours, theirs in ((found.hits, expected.hits), (found.objects, expected.objects)):
        assert ours.keys() == theirs.keys()
        for name, table in theirs.items():
            np.testing.assert_array_equal(ours[name].offsets, table.offsets)
            np.testing.assert_array_equal(ours[name].is_present, table.is_present)
            assert ours[name].columns.keys() == table.columns.keys()
            for column, values in table.columns.items():
                assert ours[name][column].dtype == values.dtype
                assert ours[name][column].tobytes() == values.tobytes(), f"{name}.{column}"
