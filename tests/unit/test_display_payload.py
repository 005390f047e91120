"""What a display's page holds is what was read: cells, tracks, windows, and nothing that breaks the page."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from display_events import TRACKS, busy_event, empty_event, hits
from hypothesis import given
from hypothesis import strategies as st

from e2e.contract import GRIDS, FrameSpec
from e2e.detector.detid import pack_eb, pack_hcal, unpack_hcal
from e2e.detector.geometry import barrel_position, hcal_position, position
from e2e.detector.grids import barrel_crystal
from e2e.detector.helix import bend_of, follow, to_ecal
from e2e.display.cells import SURFACES, cells_of
from e2e.display.crops import row_edges, window_of
from e2e.display.objects import objects_of, polyline
from e2e.display.page import make_page, to_script_json
from e2e.display.payload import label_of, make_payload
from e2e.display.selection import Shown
from e2e.events.record import Events, Table


def payload_of(events: Events, path: Path = Path("some.ig")) -> dict:
    return make_payload([Shown(path, events)], [[]], [], 1)


def decoded(column: dict[str, str]) -> np.ndarray:
    ((kind, text),) = column.items()
    return np.frombuffer(base64.b64decode(text), {"f": "<f4", "i": "<i4"}[kind])


# ---- cells


def test_cells_are_the_hits_above_zero_where_the_detector_has_them():
    events = busy_event()
    cells = payload_of(events)["events"][0]["cells"]
    for name in ("EB", "EE"):
        table = events.hits[name]
        is_kept = table["energy"] > 0
        order = np.argsort(-table["energy"][is_kept])
        assert decoded(cells[name]["energy"]).tolist() == table["energy"][is_kept][order].tolist()
        assert decoded(cells[name]["time"]).tolist() == table["time"][is_kept][order].tolist()
        eta, phi = position(table["detid"][is_kept][order], name)
        np.testing.assert_array_equal(decoded(cells[name]["eta"]), eta.astype(np.float32))
        np.testing.assert_array_equal(decoded(cells[name]["phi"]), phi.astype(np.float32))
    assert decoded(cells["EB"]["ieta"]).tolist() == [5, 21, -85]
    assert decoded(cells["EE"]["side"]).tolist() == [1, -1]


def test_depths_of_a_tower_are_summed():
    cells = payload_of(busy_event())["events"][0]["cells"]
    assert decoded(cells["HB"]["energy"]).tolist() == [6.0]  # the one below zero is left out
    assert decoded(cells["HB"]["depths"]).tolist() == [2]
    assert decoded(cells["HE"]["energy"]).tolist() == [1.25]
    eta, phi = hcal_position("HE", [-28], [3], [1])
    assert decoded(cells["HE"]["eta"])[0] == pytest.approx(eta[0])
    assert decoded(cells["HE"]["phi"])[0] == pytest.approx(phi[0])
    assert decoded(cells["HE"]["phi_width"])[0] == pytest.approx(np.deg2rad(10))
    assert decoded(cells["HF"]["phi_width"])[0] == pytest.approx(np.deg2rad(20))
    assert decoded(cells["HB"]["eta_width"])[0] == pytest.approx(0.087)


TOWERS = st.tuples(st.integers(1, 16), st.booleans(), st.integers(1, 72), st.integers(1, 2))


@given(st.lists(TOWERS, unique=True, min_size=1, max_size=40), st.data())
def test_no_energy_of_the_hcal_is_lost_or_made(towers, data):
    size, is_positive, iphi, depth = np.array(towers, dtype=np.int64).T
    energy = data.draw(st.lists(st.floats(0.125, 100, width=32), min_size=len(towers), max_size=len(towers)))
    detid = pack_hcal("HB", np.where(is_positive, size, -size), iphi, depth)
    one = np.ones(1, np.uint32)
    cells = cells_of(Events(one, one, one.astype(np.uint64), {"HB": hits(detid, energy)}), 0, "HB")
    assert cells["energy"].sum() == pytest.approx(sum(energy), rel=1e-6)
    ieta, iphi, _ = unpack_hcal(detid)
    assert len(cells["energy"]) == len(set(zip(ieta.tolist(), iphi.tolist(), strict=True)))
    assert np.all(np.diff(cells["energy"]) <= 0)


def test_what_the_source_does_not_say_is_not_zero():
    event = payload_of(busy_event())["events"][0]
    assert event["cells"]["HO"] is None
    assert event["objects"]["electrons"] is None
    assert decoded(event["objects"]["truth"]["pt"]).size == 0
    nothing = payload_of(empty_event())["events"][0]
    assert decoded(nothing["cells"]["EB"]["energy"]).size == 0
    assert set(nothing["objects"].values()) == {None}


def test_a_collection_absent_in_this_event_alone():
    """Two events in one record, of which one lacks its jets."""
    events = Events.concatenate([busy_event(), empty_event()])
    assert isinstance(events.objects["jets"], Table)
    assert len(objects_of(events, 0, "jets")["pt"]) == 2
    assert objects_of(events, 1, "jets") is None


# ---- what flies


def test_tracks_end_where_the_helix_says():
    tracks = objects_of(busy_event(), 0, "tracks")
    assert tracks["pt"].tolist() == sorted((row["pt"] for row in TRACKS if row["eta"] < 10), reverse=True)
    bend = bend_of(tracks["charge"], tracks["pt"])
    state = [tracks[name].astype(np.float64) for name in ("x_cm", "y_cm", "z_cm", "eta", "phi")]
    impact = to_ecal(*state, bend)
    for i, pt in enumerate(tracks["pt"].tolist()):
        line = polyline({name: column[i : i + 1] for name, column in tracks.items()}, 33)[0]
        if pt in (0.0, 3.0, 4.0):  # without a path, or from outside
            assert tracks["path_cm"][i] == tracks["bend"][i] == 0
            assert np.isfinite(line).all()
            continue
        path = tracks["path_cm"][i]
        expected = follow(*(column[i] for column in state), bend[i], np.linspace(0, path, 33))
        np.testing.assert_allclose(line.T, expected, atol=1e-9)
        x, y, z = line[-1]
        if pt == 0.5:
            assert path == pytest.approx(np.pi / abs(bend[i]))
        else:
            assert np.arcsinh(z / np.hypot(x, y)) == pytest.approx(impact.eta[i])
            assert np.arctan2(y, x) == pytest.approx(impact.phi[i])


def test_a_positive_charge_turns_clockwise_seen_from_plus_z():
    tracks = objects_of(busy_event(), 0, "tracks")
    i = tracks["pt"].tolist().index(1.0)
    x, y, _ = polyline({name: column[i : i + 1] for name, column in tracks.items()}, 9)[0, -1]
    assert np.hypot(x, y) == pytest.approx(129.0)
    assert np.arctan2(y, x) == pytest.approx(-np.arcsin(129 / 2 / 87.78), abs=1e-3)


# ---- windows


SEEDS = st.tuples(st.integers(1, 85), st.booleans(), st.integers(1, 360))


@given(SEEDS)
def test_the_window_holds_the_crystals_of_the_crop_and_no_other(seed):
    ieta, iphi = seed[0] if seed[1] else -seed[0], seed[2]
    frame = FrameSpec()
    window = window_of(frame, ieta, iphi)
    row, column = np.indices((GRIDS["barrel"].rows, GRIDS["barrel"].columns))
    crystal = barrel_position(*barrel_crystal(row, column))
    seed_row = ieta + 84 if ieta > 0 else ieta + 85
    is_in_crop = (np.abs(row - seed_row + 15 - 15.5) < 16) & (((column - (iphi - 1) + 15) % 360) < 32)
    mean_eta = np.broadcast_to(crystal.eta.mean(axis=1, keepdims=True), row.shape)
    is_in_eta = (mean_eta > window["eta"][0]) & (mean_eta < window["eta"][1])
    is_in_phi = (crystal.phi - window["phi"][0]) % (2 * np.pi) < window["phi"][1]
    np.testing.assert_array_equal(is_in_eta & is_in_phi, is_in_crop)


def test_windows_on_the_stitched_grid_reach_into_the_endcaps():
    frame = FrameSpec("stitched", ("ecal_energy", "hcal_energy"), 125, 125, 62, 62)
    low, high = window_of(frame, 40, 1)["eta"]
    assert (low, high) == pytest.approx(tuple(row_edges("stitched")[[55 + 124 - 62, 55 + 124 + 63]]))
    assert 1.479 < high < 3.0
    beyond = window_of(frame, 100, 1)  # numbered on into the endcap, as `predict` does
    assert beyond["eta"][1] == pytest.approx(3.0)
    assert np.all(np.diff(row_edges("stitched")) > 0)
    whole = window_of(FrameSpec(rows=170, columns=360, centre_row=85, centre_column=180), 1, 1)
    assert whole["eta"] == pytest.approx((-1.479, 1.479))
    assert whole["phi"][1] == pytest.approx(2 * np.pi)


# ---- the page


def test_labels_tell_simulation_from_data():
    assert label_of(busy_event()) == "Private work (CMS open data)"
    assert label_of(empty_event()) == "Private work (fast simulation)"  # run 1


def test_nothing_in_the_data_can_end_a_script():
    evil = "</script><script>alert(1)</script><!--\u2028"
    text = to_script_json({"a": evil})
    assert "<" not in text
    assert json.loads(text) == {"a": evil}
    events = busy_event()
    events = Events(
        events.run, events.luminosity_block, events.event, events.hits, {}, {"note": evil, "x": float("nan")}
    )
    page = make_page(payload_of(events, Path("a <b>.ig")), "<i> & {{payload}}")
    assert evil not in page
    assert "<title>&lt;i&gt; &amp; {{payload}}</title>" in page
    assert page.count("</script>") == page.count("<script")


def test_a_file_whose_name_is_no_text():
    page = make_page(payload_of(busy_event(), Path("ev\udcff.ig")), "ev\udcff.ig")
    assert "<title>ev?.ig</title>" in page
    assert page.encode()


def test_the_same_events_give_the_same_page():
    assert make_page(payload_of(busy_event()), "x") == make_page(payload_of(busy_event()), "x")


def test_event_numbers_of_64_bits_survive():
    assert payload_of(busy_event())["events"][0]["event"] == str(2**60 + 1)


def test_every_surface_says_where_it_stands():
    for surface in SURFACES.values():
        assert (surface.radius_cm is None) != (surface.z_cm is None)
    eta = position(pack_eb([1, 85], [1, 1]), "EB").eta
    assert SURFACES["EB"].radius_cm * np.sinh(eta[1]) < SURFACES["EE"].z_cm
