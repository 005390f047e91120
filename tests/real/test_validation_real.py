"""Real files compared with each other: what is the same, and what their triggers made different."""

from __future__ import annotations

import pytest

from e2e.events.reader import read_events
from e2e.events.store import write_events
from e2e.problems import Problems
from e2e.validation import validate_simulation


@pytest.fixture(scope="module")
def stores(shared_data, tmp_path_factory):
    """Name of a data set -> its .ig file, and a store of the same events."""
    folder, found = tmp_path_factory.mktemp("stores"), {}
    for name in ("DoubleElectron", "DoubleMuParked"):
        source = shared_data / "ig" / f"{name}_Run2012C_0.ig"
        write_events(folder / f"{name}.parquet", read_events(source, Problems()))
        found[name] = source, folder / f"{name}.parquet"
    return found


def test_a_file_agrees_with_itself(stores, tmp_path):
    source, store = stores["DoubleElectron"]
    result = validate_simulation([source], tmp_path, simulated=[store])
    assert len(result.compared) == 25 and result.largest is None
    assert all(row.distance.wasserstein.value == 0 and row.distance.p_value == 1 for row in result.compared)


def test_two_data_sets_differ_in_their_pileup(stores, tmp_path):
    """Medians of 13 and 20 vertices an event; HE is nearly empty in both."""
    result = validate_simulation([stores["DoubleElectron"][0]], tmp_path, simulated=[stores["DoubleMuParked"][1]])
    rows = {row.quantity.name: row for row in result.rows}
    assert rows["vertices"].is_disagreement and rows["tracks"].is_disagreement
    assert (rows["vertices"].real.median, rows["vertices"].simulated.median) == (13, 20)
    assert rows["HE-hits"].why_not == "HE nearly empty in the real events"
    assert not rows["track-eta"].is_disagreement
    assert any("Selected by a trigger: DoubleElectron_Run2012C_0.ig" in note for note in result.notes)
