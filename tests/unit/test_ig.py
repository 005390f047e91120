"""The .ig reader on files written here, in both dialects and several versions of the collections."""

from __future__ import annotations

from pathlib import Path

import ig_files
import numpy as np
import pytest

from e2e.events import ig
from e2e.events.reader import expand_inputs, read_events, read_inputs
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, Events
from e2e.problems import InputError, Problems


def read(path: Path) -> Events:
    """All events of a file in which nothing is wrong."""
    problems = Problems()
    events = Events.concatenate(read_events(path, problems))
    assert problems == []
    return events


@pytest.mark.parametrize("spell", [ig_files.as_json, ig_files.as_python])
def test_both_dialects_say_the_same(tmp_path, spell):
    events = read(ig_files.write_ig(tmp_path / "a.ig", ig_files.event(11), ig_files.event(12), spell=spell))
    assert (events.run.tolist(), events.luminosity_block.tolist()) == ([7, 7], [42, 42])
    assert events.event.tolist() == [11, 12]
    assert events.hits["EB"]["detid"].tolist() == ig_files.CRYSTALS * 2
    assert events.hits["EB"]["energy"].tolist() == [1, 2, 3, 4] * 2
    assert events.hits["EB"]["time"].tolist() == [0.5] * 8
    assert events.hits["HB"]["eta"].tolist() == [0.2175] * 2
    for name, dtype in HIT_COLUMNS.items():
        assert events.hits["EB"][name].dtype == dtype
    for name, columns in OBJECT_COLUMNS.items():
        if name not in ("truth", "tracker_hits"):
            assert tuple(events.objects[name].columns) == columns
            assert all(column.dtype == np.float32 for column in events.objects[name].columns.values())


def test_objects_are_read_by_name_and_positions_are_centimetres(tmp_path):
    objects = read(ig_files.write_ig(tmp_path / "a.ig", ig_files.event())).objects
    rows = {name: {k: v.tolist() for k, v in table.rows_of(0).items()} for name, table in objects.items()}
    approx = pytest.approx
    assert rows["tracks"] == {
        "pt": [3.0], "eta": [-0.5], "phi": [0.25], "charge": [-1.0],
        "x_cm": approx([1.0]), "y_cm": approx([2.0]), "z_cm": approx([3.0]),
        **{column: approx([np.nan], nan_ok=True) for column in ("d0_error_cm", "dz_error_cm", "is_high_purity")},
    }  # fmt: skip
    assert rows["photons"] == {
        "pt": [11.0], "eta": approx([0.4]), "phi": approx([0.3]), "energy": [12.0],
        "x_cm": approx([0.1]), "y_cm": [0.0], "z_cm": approx([-5.0]),
        "max_energy_crystal": [5.0], "e3x3": [8.0], "e5x5": [9.0], "sigma_ieta_ieta": approx([0.01]),
    }  # fmt: skip
    assert rows["jets"] == {"pt": [40.0], "eta": [0.5], "phi": [-2.0]}
    assert rows["taus"] == {"pt": [30.0], "eta": [0.25], "phi": [-1.5]}
    assert rows["electrons"]["charge"] == [1.0]
    assert rows["vertices"]["z_cm"] == approx([3.0]), "the fake vertex is the beam spot"
    assert rows["vertices"]["ndof"] == [25.0]


def test_the_order_of_fields_and_the_version_do_not_matter(tmp_path):
    data = ig_files.event()
    order = [4, 2, 0, 3, 1]
    rows = [[row[i] for i in order] for row in data["Collections"].pop("EBRecHits_V2")]
    data["Collections"]["EBRecHits_V3"] = rows
    data["Types"]["EBRecHits_V3"] = [data["Types"]["EBRecHits_V2"][i] for i in order]
    eb = read(ig_files.write_ig(tmp_path / "a.ig", data)).hits["EB"]
    assert eb["detid"].tolist() == ig_files.CRYSTALS
    assert eb["energy"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("rows_of_v10, expected", [([[70.0, 1, 1, 1]], 70.0), ([], 50.0)])
def test_of_several_versions_the_newest_with_rows_is_taken(tmp_path, rows_of_v10, expected):
    data = ig_files.event()
    for version, rows in (("V1", [[9.0, 0, 0, 0]]), ("V2", [[50.0, 1, 1, 1]]), ("V10", rows_of_v10)):
        data["Collections"][f"PFJets_{version}"] = rows
        data["Types"][f"PFJets_{version}"] = data["Types"]["PFJets_V1"]
    assert read(ig_files.write_ig(tmp_path / "a.ig", data)).objects["jets"]["pt"].tolist() == [expected]


def test_calorimeter_jets_stand_in_where_there_are_no_particle_flow_jets(tmp_path):
    data = ig_files.event()
    for part in data["Types"], data["Collections"]:
        part["Jets_V1"] = part.pop("PFJets_V1")
    assert read(ig_files.write_ig(tmp_path / "a.ig", data)).objects["jets"]["pt"].tolist() == [40.0]


def test_a_collection_that_no_event_has_is_absent_and_one_without_rows_is_empty(tmp_path):
    data = ig_files.event()
    del data["Collections"]["GsfElectrons_V2"]
    data["Collections"]["Tracks_V3"] = []
    events = read(ig_files.write_ig(tmp_path / "a.ig", data))
    assert "electrons" not in events.objects
    assert len(events.objects["tracks"]) == 0
    assert "EE" not in events.hits


def test_event_numbers_may_be_long_or_wrapped_to_negative(tmp_path):
    events = read(ig_files.write_ig(tmp_path / "a.ig", ig_files.event(-1), ig_files.event(2**40)))
    assert events.event.tolist() == [2**32 - 1, 2**40]


def test_without_an_event_collection_the_member_name_says(tmp_path):
    data = ig_files.event(99)
    del data["Collections"]["Event_V2"]
    events = read(ig_files.write_ig(tmp_path / "a.ig", data))
    assert (events.run.tolist(), events.luminosity_block.tolist(), events.event.tolist()) == ([7], [0], [1])


def test_batches_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "BATCH_EVENTS", 2)
    path = ig_files.write_ig(tmp_path / "a.ig", *map(ig_files.event, range(1, 6)))
    assert [batch.event.tolist() for batch in read_events(path, Problems())] == [[1, 2], [3, 4], [5]]


def test_batches_are_bounded_by_their_hits_too(tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "BATCH_HITS", 9)  # an event has 5
    path = ig_files.write_ig(tmp_path / "a.ig", *map(ig_files.event, range(1, 6)))
    assert [batch.event.tolist() for batch in read_events(path, Problems())] == [[1, 2], [3, 4], [5]]


def test_each_event_remembers_which_collections_it_has(tmp_path):
    events = [ig_files.event(number) for number in (1, 2, 3)]
    del events[1]["Collections"]["Photons_V1"]
    events[2]["Collections"]["Photons_V1"] = []
    photons = read(ig_files.write_ig(tmp_path / "a.ig", *events)).objects["photons"]
    assert photons.is_present.tolist() == [True, False, True]
    assert photons.counts.tolist() == [1, 0, 0]


def test_negative_energies_are_kept(tmp_path):
    data = ig_files.event()
    ig_files.hits(data)[1][0] = -0.25
    assert read(ig_files.write_ig(tmp_path / "a.ig", data)).hits["EB"]["energy"].tolist() == [1, -0.25, 3, 4]


def test_the_content_says_what_a_file_is_not_its_name(tmp_path):
    path = ig_files.write_ig(tmp_path / "events.dat", ig_files.event(3))
    assert read(path).event.tolist() == [3]
    assert ig.member_names(path) == ["Events/Run_7/Event_1"]
    assert ig.load_event_json(path, "Events/Run_7/Event_1") == ig_files.event(3)


def test_a_folder_is_read_in_name_order(tmp_path):
    for name, number in (("b.ig", 2), ("a.ig", 1), ("notes.txt", 3)):
        ig_files.write_ig(tmp_path / name, ig_files.event(number))
    assert expand_inputs([tmp_path]) == [tmp_path / "a.ig", tmp_path / "b.ig"]
    assert [batch.event.tolist() for _, batch in read_inputs([tmp_path], Problems())] == [[1], [2]]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="a folder without event files"):
        expand_inputs([tmp_path / "empty"])
