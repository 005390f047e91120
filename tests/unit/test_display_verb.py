"""The verb `display`: which events, whose answers, what is written, and one line for a mistake."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from display_events import busy_event, empty_event
from event_samples import good_events

from e2e import cli
from e2e.display.crops import describe_bundles, find_crops
from e2e.display.display import display
from e2e.display.phoenix import to_phoenix
from e2e.display.selection import MAX_EVENTS, Shown, identity, select_events
from e2e.events.reader import read_events
from e2e.events.store import write_events
from e2e.files import write_json
from e2e.inference import predict as inference
from e2e.inference.predict import predict
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "zoo"
BUNDLES = (ZOO / "electron-photon-nano", ZOO / "diphoton-mass-nano")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """30 events with numbers from 1."""
    path = tmp_path_factory.mktemp("display") / "events.parquet"
    write_events(path, [good_events(30)])
    return path


@pytest.fixture(scope="module")
def guns(tmp_path_factory) -> Path:
    return simulate("electron-photon", tmp_path_factory.mktemp("guns") / "guns", num_events=6, seed=4)


# ---- which events


def numbers(inputs, wanted) -> list[int]:
    shown, _ = select_events(inputs, wanted, Problems())
    return [identity(one.events)[2] for one in shown]


def test_events_by_place_by_range_and_by_number(store):
    assert numbers([store], ()) == list(range(1, 21))
    assert numbers([store], ("29", "3-5", "4")) == [4, 5, 6, 30]
    assert numbers([store], ("7:7:7",)) == [7]
    assert numbers([store, store], ("29-31",)) == [30, 1, 2]
    assert select_events([store], ("0",), Problems())[1] == 30


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (("30",), "no event 30; give 0 to 29"),
        (("0", "25-40"), "no event 30; give 0 to 29"),
        (("9-3",), "events 9-3"),
        (("0-999",), f"at most {MAX_EVENTS}"),
        (("three",), "RUN:BLOCK:EVENT"),
        (("1:1:999",), "no event 1:1:999"),
        (("-1",), "events '-1'"),
    ],
)
def test_a_wrong_event_is_one_line_with_the_range(store, wanted, said):
    with pytest.raises(InputError) as caught:
        select_events([store], wanted, Problems())
    assert said in str(caught.value)


def test_an_event_without_hits_is_told_and_the_others_are_shown(tmp_path):
    hitless = replace(empty_event(), hits={})
    path = tmp_path / "some.parquet"
    write_events(path, [hitless, busy_event()])
    problems = Problems()
    shown, total = select_events([path], (), problems)
    assert (len(shown), total) == (1, 2)
    assert "no rec hits" in str(problems[0])
    write_events(path, [hitless])
    with pytest.raises(InputError, match="no events to show"):
        select_events([path], (), Problems())


# ---- answers


def test_crops_carry_the_answers_of_predict(guns):
    problems = Problems()
    loaded, described = describe_bundles(BUNDLES)
    shown, _ = select_events([guns], (), problems)
    crops = find_crops(loaded, shown, problems)
    assert not problems
    assert [bundle["name"] for bundle in described] == [path.name for path in BUNDLES]
    for path in BUNDLES:
        for row in predict(path, [guns]).to_json():
            of_event = crops[row["event"] - 1]
            crop = next(
                one for one in of_event if (one["seed_ieta"], one["seed_iphi"]) == (row["seed_ieta"], row["seed_iphi"])
            )
            assert crop["answers"][path.name] == {name: row[name] for name in crop["answers"][path.name]}
            assert crop["pt"] == row["pt"]
    assert all(set(crop["answers"]) == {path.name for path in BUNDLES} for of_event in crops for crop in of_event)


def test_a_bundle_for_other_candidates_is_a_warning(guns):
    problems = Problems()
    shown, _ = select_events([guns], ("0",), problems)
    loaded, _ = describe_bundles([ZOO / "quark-gluon-nano"])
    assert find_crops(loaded, shown, problems) == [[]]
    (said,) = problems
    assert said.severity == "warning"
    assert "no candidates for bundle quark-gluon-nano" in said.what


def test_bundles_that_cannot_be_used(tmp_path):
    with pytest.raises(InputError, match="nothing-here"):
        describe_bundles([tmp_path / "nothing-here"])
    with pytest.raises(InputError, match="two bundles of the name"):
        describe_bundles([BUNDLES[0], BUNDLES[0]])


# ---- Phoenix


def test_phoenix_gets_what_its_guide_asks_for(guns):
    events = [Shown(Path("x"), busy_event()), Shown(Path("x"), busy_event()), Shown(Path("x"), empty_event())]
    content = to_phoenix(events, [[], [], []])
    assert list(content)[:2] == [f"Run 200000, LS 7, Event {2**60 + 1}", f"Run 200000, LS 7, Event {2**60 + 1} (2)"]
    event = content[next(iter(content))]
    assert (event["run number"], event["event number"]) == (200_000, 2**60 + 1)
    assert set(event) - {"run number", "event number", "lumiBlock"} == {
        "Tracks", "CaloCells", "CaloClusters", "Jets", "Hits", "Vertices", "Photons",
    }  # fmt: skip
    for track in event["Tracks"]["tracks"]:
        assert all(len(point) == 3 for point in track["pos"])
        assert len(track["pos"]) > 2
    one = next(track for track in event["Tracks"]["tracks"] if track["pT"] == 1000.0)
    assert np.hypot(*one["pos"][-1][:2]) == pytest.approx(1290.0, abs=0.02)
    crystal = event["CaloCells"]["EB"][0]
    assert crystal["energy"] == 30_000.0
    assert crystal["length"] == 900.0
    assert crystal["radius"] / np.cosh(crystal["eta"]) == pytest.approx(1290.0 + 450.0, abs=0.1)  # its middle
    assert [cell["z"] - cell["length"] / 2 for cell in event["CaloCells"]["EE"]] == pytest.approx([3170.0] * 2)
    assert all(cell["length"] >= cell["side"] for cells in event["CaloCells"].values() for cell in cells)
    assert [jet["et"] for jet in event["Jets"]["jets"]] == [60_000.0, 25_000.0]
    assert event["Jets"]["taus"] == [{"eta": pytest.approx(0.4), "phi": 1.5, "et": 33_000.0}]
    assert event["Hits"] == {"tracker hits": [[40.0, 5.0, 20.0]]}
    assert event["Vertices"]["vertices"] == [{"x": 1.0, "y": 1.0, "z": 30.0}]
    assert event["Photons"]["photons"][0]["LinkedClusters"] == ["photons:0"]
    assert set(content["Run 1, LS 1, Event 1"]) == {"run number", "event number", "lumiBlock"}


def test_phoenix_carries_answers_as_decoration(guns, tmp_path):
    problems = Problems()
    loaded, _ = describe_bundles(BUNDLES)
    shown, _ = select_events([guns], (), problems)
    crops = find_crops(loaded, shown, problems)
    content = to_phoenix(shown, crops)
    write_json(tmp_path / "events.json", content)  # refuses NaN
    assert json.loads((tmp_path / "events.json").read_text()) == content
    candidates = [one for event in content.values() for one in event.get("CaloClusters", {}).get("candidates", [])]
    assert len(candidates) == sum(map(len, crops)) > 0
    assert all("electron-photon-nano score" in one for one in candidates)


# ---- the verb


def test_the_verb_writes_both_and_says_so(guns, tmp_path, capsys):
    page, phoenix = tmp_path / "event.html", tmp_path / "event.json"
    code = cli.main(["display", str(guns), "--event", "2", "-o", str(page), "--phoenix", str(phoenix)])
    assert code == 0
    assert capsys.readouterr().out.splitlines() == [f"1 of 6 events in {phoenix}", f"1 of 6 events in {page}"]
    assert 'data-module="three"' in page.read_text()
    assert len(json.loads(phoenix.read_text())) == 1


def test_mistakes_are_one_line_and_leave_nothing(guns, tmp_path, capsys):
    page = tmp_path / "event.html"
    (tmp_path / "empty").mkdir()
    for arguments in (
        [str(tmp_path / "missing.ig"), "-o", str(page)],
        [str(guns), "--event", "6", "-o", str(page)],
        [str(guns), "-o", str(tmp_path / "event.png")],
        [str(guns), "-o", str(tmp_path / "no" / "folder.html")],
        [str(guns), "-o", str(page), "--bundle", str(tmp_path / "no-bundle")],
        [str(tmp_path / "empty"), "-o", str(page)],
        [str(guns), "--port", "70000"],
    ):
        assert cli.main(["display", *arguments]) == 1, arguments
        assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.glob("*.html"))


def test_inputs_are_not_written_over(guns, tmp_path):
    events = tmp_path / "events.parquet"
    write_events(events, [good_events(3)])
    before = events.read_bytes()
    (tmp_path / "folder").mkdir()
    page = tmp_path / "folder" / "a.html"
    page.write_text("<p>")
    shutil.copy(events, tmp_path / "folder")
    for options in ({"phoenix": events}, {"phoenix": tmp_path / "folder" / "events.parquet"}, {"output": page}):
        with pytest.raises(InputError, match="exists among the inputs"):
            display([events, tmp_path / "folder"], **options)
    new = tmp_path / "new.html"
    with pytest.raises(InputError, match="give them two names"):
        display([events], output=new, phoenix=tmp_path / "folder" / ".." / "new.html")
    assert events.read_bytes() == before and not new.exists()


def test_of_two_files_both_are_written_or_none(guns, tmp_path):
    phoenix, page = tmp_path / "a.json", tmp_path / "no" / "a.html"
    with pytest.raises(InputError, match="no folder"):
        display([guns], output=page, phoenix=phoenix)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_does_not_take_the_others_with_it(store, tmp_path):
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1junk")
    for events in ((), ("0-19",), tuple(f"{n}:{n}:{n}" for n in (7,))):
        problems = Problems()
        shown, _ = select_events([bad, store], events, problems)
        assert len(shown) == (1 if ":" in "".join(events) else 20)
        assert problems[0].where == str(bad)


def test_an_event_by_place_and_number_is_shown_once(store):
    assert numbers([store], ("6", "7:7:7")) == [7]


def test_a_dropped_event_is_told_by_its_reason(tmp_path):
    write_events(tmp_path / "some.parquet", [replace(empty_event(), hits={}), busy_event()])
    with pytest.raises(InputError, match=r"no event 1:1:1 .*no rec hits"):
        select_events([tmp_path / "some.parquet"], ("1:1:1",), Problems())


def test_a_problem_of_a_crop_names_its_event(guns, monkeypatch):
    problems = Problems()
    shown, _ = select_events([guns], ("2",), problems)
    loaded, _ = describe_bundles(BUNDLES[:1])
    run = inference._run
    monkeypatch.setattr(inference, "_run", lambda *given: run(*given)._replace(outputs=np.full((1, 1), np.nan)))
    find_crops(loaded, shown, problems)
    assert {problem.where.rpartition(" candidate")[0] for problem in problems} == {"bundle electron-photon-nano: 1:1:3"}


def test_a_page_that_is_written_is_opened(guns, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    display([guns], events=("0",), output=tmp_path / "a.HTML", open_browser=True)
    assert opened == [(tmp_path / "a.HTML").as_uri()]
    with pytest.raises(InputError, match="no page to open"):
        display([guns], events=("0",), phoenix=tmp_path / "a.json", open_browser=True)


def test_hosts(guns):
    def stop(said):
        found.append(said)
        raise KeyboardInterrupt

    found = []
    with pytest.raises(InputError, match="give another --host"):
        display([guns], host="no.such.host.invalid")
    if socket.has_ipv6:
        with contextlib.suppress(KeyboardInterrupt):
            display([guns], host="::1", port=0, say=stop)
        assert "at http://[::1]:" in found[0]


def test_a_port_in_use_is_one_line(guns):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="give another --port"):
            display([guns], port=taken.getsockname()[1])


def test_the_server_answers_here_alone_and_ends_when_asked(guns, tmp_path):
    command = [sys.executable, "-m", "e2e.cli", "display", str(guns), "--port", "0", "--open"]
    browser, seen = tmp_path / "browser", tmp_path / "seen"  # of the console: it holds on until it has the page
    fetch = f"pathlib.Path({str(seen)!r}).write_bytes(urllib.request.urlopen(sys.argv[1]).read())"
    browser.write_text(f"#!{sys.executable}\nimport pathlib, sys, urllib.request\n{fetch}\n")
    browser.chmod(0o755)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={**os.environ, "BROWSER": f"{browser} %s"}, **pipes) as server:
        try:
            line = server.stdout.readline()
            url = line.split()[-1]
            port = int(url.rstrip("/").rpartition(":")[2])
            assert line.startswith("ready: 6 of 6 events at http://127.0.0.1:")
            with urllib.request.urlopen(url, timeout=30) as answer:
                page = answer.read().decode()
            assert page.startswith("<!doctype html>")
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url + "etc/passwd")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", port))
            leave_early(port)
            while not (seen.exists() and seen.stat().st_size == len(page.encode())):
                time.sleep(0.05)
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(20) == 0
        assert server.stderr.read() == ""


def leave_early(port):
    """Ask for the page and reset the connection."""
    with socket.create_connection(("127.0.0.1", port)) as left:
        left.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        left.recv(100)
        left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("name", ["edm_aod_2012.root", "edm_aod_run2.root", "event_store_v1.parquet"])
def test_edm_files_and_old_stores_are_shown(name, tmp_path):
    path = ROOT / "tests" / "golden" / name
    shown = display([path], output=tmp_path / "page.html")
    assert shown.num_events == sum(len(batch) for batch in read_events(path, Problems()))
