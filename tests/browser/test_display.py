"""The display as a person meets it: opened as a file and from the server, by mouse and by keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from e2e.detector.detid import pack_eb, pack_ee, pack_hcal
from e2e.display.cells import cells_of
from e2e.display.display import display
from e2e.display.objects import objects_of, polyline
from e2e.display.selection import select_events
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.events.store import write_events
from e2e.inference.predict import predict
from e2e.problems import Problems
from e2e.simulation.simulate import simulate

BUNDLES = [Path(__file__).parents[2] / "zoo" / name for name in ("electron-photon-nano", "diphoton-mass-nano")]


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return simulate("electron-photon", tmp_path_factory.mktemp("events") / "events", num_events=4, seed=11)


@pytest.fixture(scope="module")
def written(events, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "event.html"
    display([events], bundles=BUNDLES, output=path)
    return path


@pytest.fixture(scope="module")
def shown(events):
    return select_events([events], (), Problems())[0]


@pytest.fixture
def opened(page, written):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(written.as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    yield page
    assert page.console_errors == []


def wait_until(page, expression: str) -> None:
    """`wait_for_function` evaluates text in the page, which its policy forbids."""
    page.evaluate(
        "new Promise((done, fail) => { let frames = 1000; const look = () =>"
        f" ({expression}) ? done() : frames-- ? requestAnimationFrame(look) : fail(new Error('never')); look(); }})"
    )


def said(page) -> dict[str, str]:
    tip = page.locator("#tip")
    names, values = (tip.locator(tag).all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def test_it_asks_the_network_for_nothing(page, written):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == [written.as_uri()]


def test_stepping_through_events_by_button_key_and_list(opened, shown):
    numbers = [f"event {one.events.event[0]}" for one in shown]
    identity = opened.locator("#identity")
    assert identity.inner_text().endswith(numbers[0])
    assert opened.locator("#label").inner_text() == "Private work (fast simulation)"
    opened.locator("#next").click()
    assert identity.inner_text().endswith(numbers[1])
    opened.locator("canvas").first.focus()
    opened.keyboard.press("ArrowRight")
    assert identity.inner_text().endswith(numbers[2])
    opened.keyboard.press("ArrowLeft")
    assert identity.inner_text().endswith(numbers[1])
    opened.locator("#choose").select_option("3")
    assert identity.inner_text().endswith(numbers[3])
    assert opened.locator("#next").is_disabled()
    opened.evaluate("e2eDisplay.next()")  # there is none
    assert opened.evaluate("e2eDisplay.index") == 3


@pytest.mark.parametrize("place", ["placeOf", "placeInSpace"])
def test_the_pointer_on_a_cell_tells_its_energy(opened, shown, screenshots, place):
    """On the map and in three dimensions."""
    cells = cells_of(shown[0].events, 0, "EB")
    for name in ("tracks", "jets", "crops", "truth", "HB"):  # nothing before the cell
        opened.locator(f"#show-{name}").set_checked(False)
    opened.mouse.move(*opened.evaluate(f"e2eDisplay.{place}('EB', 0)"))
    opened.locator("#tip").wait_for()
    assert said(opened)["energy"] == f"{float(cells['energy'][0]):.4g} GeV"
    assert said(opened)["ieta, iphi"].replace("\u2212", "-") == f"{cells['ieta'][0]}, {cells['iphi'][0]}"
    assert opened.evaluate("e2eDisplay.hovered.index") == 0
    opened.screenshot(path=screenshots / f"display-hover-{place}.png")
    opened.mouse.move(5, 5)
    opened.locator("#tip").wait_for(state="hidden")


@pytest.fixture
def sparse(page, tmp_path):
    """One event: a crystal of the barrel, one of an endcap that stands askew on the map, HF, jets and a tau."""

    def table(detid, energy):
        columns = {"detid": detid, "energy": np.array(energy, np.float32), "time": np.zeros(len(energy), np.float32)}
        return Table.from_counts([len(energy)], columns)

    def cones(pt, eta, phi):
        return Table.from_counts(
            [len(pt)], dict(zip(("pt", "eta", "phi"), np.array([pt, eta, phi], np.float32), strict=True))
        )

    hits = {
        "EB": table(pack_eb([20], [100]), [10.0]),
        "EE": table(pack_ee([70], [70], [1]), [8.0]),
        "HF": table(pack_hcal("HF", [35], [3], [1]), [400.0]),
    }
    objects = {"jets": cones([60, 5], [0.0, 0.0], [-0.62, 2.52]), "taus": cones([30], [-0.76], [0.95])}
    one = np.ones(1, np.uint32)
    write_events(tmp_path / "sparse.parquet", [Events(one, one, one.astype(np.uint64), hits, objects)])
    display([tmp_path / "sparse.parquet"], output=tmp_path / "sparse.html")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto((tmp_path / "sparse.html").as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    yield page
    assert page.console_errors == []


def test_an_endcap_crystal_is_found_as_far_as_it_reaches(sparse):
    sparse.mouse.move(*sparse.evaluate("e2eDisplay.placeOf('EE', 0)"))
    sparse.mouse.wheel(0, -2000)
    wait_until(sparse, "e2eDisplay.range.eta[1] - e2eDisplay.range.eta[0] < 1")
    x, y = sparse.evaluate("e2eDisplay.placeOf('EE', 0)")
    sparse.mouse.move(x, y + 8)
    wait_until(sparse, "e2eDisplay.hovered?.kind === 'EE'")


def test_jets_that_come_above_the_threshold_are_found(sparse):
    """And a tau, which is not shown at first."""
    sparse.mouse.move(*sparse.evaluate("e2eDisplay.placeInSpace('jets', 0)"))
    wait_until(sparse, "e2eDisplay.hovered?.kind === 'jets'")
    sparse.locator("#above-jets").fill("0")
    sparse.mouse.move(*sparse.evaluate("e2eDisplay.placeInSpace('jets', 1)"))
    wait_until(sparse, "e2eDisplay.hovered?.index === 1")
    sparse.locator("#show-taus").set_checked(True)
    for place in ("placeInSpace", "placeOf"):
        sparse.mouse.move(5, 5)
        wait_until(sparse, "e2eDisplay.hovered === null")
        sparse.mouse.move(*sparse.evaluate(f"e2eDisplay.{place}('taus', 0)"))
        wait_until(sparse, "e2eDisplay.hovered?.title === 'tau'")


def test_what_is_hidden_is_no_measure_of_lengths_and_only_hf_moves_the_map(sparse):
    assert sparse.evaluate("e2eDisplay.lengthOf('EB', 0)") == 1
    sparse.locator("#show-HF").set_checked(True)
    assert sparse.evaluate("e2eDisplay.lengthOf('EB', 0)") < 1
    sparse.locator("#show-EB").set_checked(False)
    whole = sparse.evaluate("e2eDisplay.range")
    sparse.mouse.move(*sparse.evaluate("e2eDisplay.placeOf('EE', 0)"))
    sparse.mouse.wheel(0, -1000)
    wait_until(sparse, "e2eDisplay.range.eta[1] < 5")
    near = sparse.evaluate("e2eDisplay.range")
    sparse.locator("#show-tracks").set_checked(False)
    assert sparse.evaluate("e2eDisplay.range") == near
    sparse.locator("#show-HF").set_checked(False)
    assert sparse.evaluate("e2eDisplay.range.eta[1]") < whole["eta"][1]
    assert sparse.evaluate("e2eDisplay.range.phi") == whole["phi"]


def test_the_page_holds_the_numbers_of_the_record(opened, shown):
    for index, one in enumerate(shown):
        opened.evaluate(f"e2eDisplay.show({index})")
        for name in ("EB", "EE", "HB", "HE"):
            cells = cells_of(one.events, 0, name)
            for column in ("energy", "eta", "phi"):
                expected = cells[column].astype(np.float32).tolist() if cells else []
                assert opened.evaluate(f"e2eDisplay.column('{name}', '{column}')") == expected


def test_tracks_are_drawn_along_the_helix(page, tmp_path):
    tracks = {name: np.zeros(5, np.float32) for name in OBJECT_COLUMNS["tracks"]}
    tracks |= {
        "pt": np.array([40, 3, 1, 0.9, 0.4], np.float32),  # the last curls up
        "eta": np.array([0.1, -2.2, 1.0, 0, 0.2], np.float32),
        "phi": np.array([3, -3, 0, 1, 2], np.float32),
        "charge": np.array([1, -1, 1, np.nan, -1], np.float32),
        "z_cm": np.array([0, 5, -5, 0, 1], np.float32),
    }
    one = np.ones(1, np.uint32)
    hits = {"detid": pack_eb([1], [1]), "energy": np.ones(1, np.float32), "time": np.zeros(1, np.float32)}
    events = Events(
        one,
        one,
        one.astype(np.uint64),
        {"EB": Table.from_counts([1], hits)},
        {"tracks": Table.from_counts([5], tracks)},
    )
    write_events(tmp_path / "tracks.parquet", [events])
    display([tmp_path / "tracks.parquet"], output=tmp_path / "tracks.html")
    page.goto((tmp_path / "tracks.html").as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    drawn_from = objects_of(events, 0, "tracks")
    for i in range(5):
        drawn = np.array(page.evaluate(f"e2eDisplay.line('tracks', {i})"))
        expected = polyline({name: column[i : i + 1] for name, column in drawn_from.items()}, len(drawn))[0]
        np.testing.assert_allclose(drawn, expected, atol=2e-3)
    assert len(drawn) > 20  # half a turn in many pieces
    assert page.console_errors == []


def test_a_crop_that_is_chosen_shows_the_answers_of_predict(opened, events, screenshots):
    rows = [row for row in predict(BUNDLES[0], [events]).to_json() if row["event"] == 1]
    masses = [row for row in predict(BUNDLES[1], [events]).to_json() if row["event"] == 1]
    best = max(range(len(rows)), key=lambda i: rows[i]["pt"])
    opened.locator(".candidates button").first.click()
    chosen = opened.evaluate("e2eDisplay.selected")
    lines = {name: text.replace("\u2212", "-") for name, text in chosen["lines"]}
    assert lines["electron-photon-nano"] == f"score {rows[best]['score']:.3f}"
    mass = float("{mass:.3g}".format(**masses[best]))
    assert lines["diphoton-mass-nano"].startswith(f"mass {mass:g} (")
    assert opened.locator(".picked").is_visible()
    assert lines["electron-photon-nano"] in opened.locator(".picked").inner_text()
    opened.screenshot(path=screenshots / "display-crop.png")
    opened.mouse.move(*opened.evaluate("e2eDisplay.placeOf('crops', 0)"))
    opened.keyboard.press("Escape")
    assert opened.evaluate("e2eDisplay.selected") is None


def test_switches_and_thresholds_hide_what_they_name(opened, shown):
    cells = cells_of(shown[0].events, 0, "EB")
    opened.locator("#above-ecal").fill("0")
    assert opened.evaluate("e2eDisplay.numShown('EB')") == len(cells["energy"])
    opened.locator("#above-ecal").fill("50")
    lowest = 0.01 * (50 / 0.01) ** 0.5
    assert opened.evaluate("e2eDisplay.numShown('EB')") == np.count_nonzero(cells["energy"] >= np.float32(lowest))
    opened.locator("#show-EB").set_checked(False)
    assert opened.evaluate("e2eDisplay.numShown('EB')") == 0
    opened.mouse.move(*opened.evaluate("e2eDisplay.placeOf('EB', 0)"))
    assert opened.evaluate("e2eDisplay.hovered?.kind ?? null") != "EB"


def test_an_idle_page_draws_nothing_and_a_view_draws_once(opened):
    ten_frames = (
        "new Promise((done) => { let n = 10;"
        " const step = () => (n-- ? requestAnimationFrame(step) : done(true)); step(); })"
    )
    wait_until(opened, "e2eDisplay.numFrames > 0")
    opened.evaluate(ten_frames)  # what was asked for is drawn
    before = opened.evaluate("e2eDisplay.numFrames")
    opened.evaluate(ten_frames)
    assert opened.evaluate("e2eDisplay.numFrames") == before
    opened.get_by_role("button", name="r-z").click()
    wait_until(opened, f"e2eDisplay.numFrames > {before}")
    opened.evaluate(ten_frames)
    assert opened.evaluate("e2eDisplay.numFrames") <= before + 3
    drawn = opened.evaluate("e2eDisplay.renderFrames(2)")
    assert drawn["frames"] == 2


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (1440, "light"), (900, "light"), (390, "dark")])
def test_it_fits_the_window(page, written, screenshots, width, scheme):
    page.set_viewport_size({"width": width, "height": 850})
    page.emulate_media(color_scheme=scheme)
    page.goto(written.as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.wait_for_timeout(300)
    page.screenshot(path=screenshots / f"display-{width}-{scheme}.png", full_page=width < 1000)
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") != scheme
    assert page.console_errors == []


def test_without_webgl_the_map_still_works(page, written):
    page.add_init_script(
        "const get = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
        "  return kind.startsWith('webgl') ? null : get.call(this, kind, ...more); }"
    )
    page.goto(written.as_uri())
    page.locator("#identity:not(:empty)").wait_for()
    assert "No three-dimensional view" in page.locator("#three .note").inner_text()
    page.mouse.move(*page.evaluate("e2eDisplay.placeOf('EB', 0)"))
    page.locator("#tip").wait_for()


def test_from_the_server_it_is_the_same_page(page, events):
    command = [sys.executable, "-m", "e2e.cli", "display", str(events), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            page.goto(server.stdout.readline().split()[-1])
            page.locator("#identity:not(:empty)").wait_for()
            assert page.evaluate("e2eDisplay.numEvents") == 4
            page.keyboard.press("ArrowRight")
            assert page.evaluate("e2eDisplay.index") == 1
            assert page.console_errors == []
        finally:
            server.terminate()
