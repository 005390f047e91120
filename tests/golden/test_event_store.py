"""A version-1 event store, written once on 2 events and never again: every later e2e reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e.detector.detid import pack_eb, pack_hcal
from e2e.events.reader import read_events
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.problems import Problems

GOLDEN = Path(__file__).with_name("event_store_v1.parquet")


def golden_events() -> Events:
    """What was written, by `write_events(GOLDEN, [golden_events()])` at version 1."""
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
    photons["e5x5"][1] = np.nan
    return Events(
        np.array([1, 4294967295], np.uint32),
        np.array([2, 3], np.uint32),
        np.array([5, 2**63 + 1], np.uint64),
        {"EB": Table.from_counts([2, 1], eb), "HB": Table.from_counts([0, 2], hb)},
        {"photons": Table.from_counts([2, 0], photons), "truth": Table.from_counts([0, 1], truth)},
        {"seed": 1, "source": "golden"},
    )


def test_the_version_1_store_is_still_read_to_the_bit():
    assert GOLDEN.stat().st_size < 30_000
    problems = Problems()
    found, expected = Events.concatenate(read_events(GOLDEN, problems)), golden_events()
    assert problems == []
    assert found.provenance == expected.provenance
    for name in ("run", "luminosity_block", "event"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)
    for ours, theirs in ((found.hits, expected.hits), (found.objects, expected.objects)):
        assert ours.keys() == theirs.keys()
        for name, table in theirs.items():
            np.testing.assert_array_equal(ours[name].offsets, table.offsets)
            assert ours[name].columns.keys() == table.columns.keys()
            for column, values in table.columns.items():
                assert ours[name][column].dtype == values.dtype
                assert ours[name][column].tobytes() == values.tobytes(), f"{name}.{column}"
