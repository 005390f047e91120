"""Convert: any number of workers gives the same bytes, a kill loses nothing, a bad file does not stop the others."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot

from e2e.cli import main
from e2e.datasets import convert as converting
from e2e.datasets import load_candidates
from e2e.datasets.convert import convert
from e2e.datasets.stored import open_candidates
from e2e.detector.detid import pack_eb
from e2e.evaluation.evaluate import check_unseen
from e2e.events import store
from e2e.events.record import Events, Table
from e2e.events.store import write_events
from e2e.info import info
from e2e.problems import InputError
from e2e.scale.shards import shard_path
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS

EDM = Path(__file__).parents[1] / "golden" / "edm_aod_run2.root"


@pytest.fixture(scope="module")
def jets(tmp_path_factory) -> Path:
    return simulate("quark-gluon", tmp_path_factory.mktemp("jets") / "events", num_events=60, seed=4)


@pytest.fixture(scope="module")
def electrons(tmp_path_factory) -> Path:
    return simulate("electron-photon", tmp_path_factory.mktemp("guns") / "events", num_events=120, seed=4)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(converting, "SHARD_ENTRIES", 25)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


def tiny_events(count: int, first: int = 1) -> Events:
    """One crystal each, whose energy tells the event; a photon did it."""
    number = np.arange(first, first + count, dtype=np.uint64)
    ones = np.ones(count, dtype=np.float32)
    hits = {"detid": pack_eb(ones * 7, ones * 9), "energy": 5 + (number % 1000).astype(np.float32), "time": 0 * ones}
    truth = dict.fromkeys(("pt", "eta", "phi", "energy", "mass", "x_cm", "y_cm", "z_cm", "decay_mode"), ones)
    tables = {"truth": Table.from_counts(np.ones(count, int), {"pdg_id": 22 * ones, **truth})}
    run = np.ones(count, dtype=np.uint32)
    provenance = {"process": "electron-photon"}
    return Events(run, run, number, {"EB": Table.from_counts(np.ones(count, int), hits)}, tables, provenance)


def damage_energies(path: Path) -> None:
    """One bit of the barrel's energies in the second row group."""
    content, group = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(1)
    chunks = map(group.column, range(group.num_columns))
    chunk = next(chunk for chunk in chunks if chunk.path_in_schema.startswith("EB.energy"))
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)


def write_images(path: Path, seed: int) -> None:
    """Ten jets, not compressed: of the same size whatever they are."""
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file["X_jets"] = np.random.default_rng(seed).random((10, 125, 125, 3), dtype=np.float32)
        file["y"] = np.arange(10) % 2


def damaged_basket(good: bytes) -> bytes:
    """The energies of the barrel's rec hits cannot be unpacked."""
    with uproot.open(EDM) as file:
        hits = next(b for b in file["Events"].branches if "EcalRecHitsSorted" in b.name and "EB" in b.name)
        energy = next(b for name, b in hits.iteritems(recursive=True) if name.endswith("energy_"))
        start, size = (int(energy.member(name)[0]) for name in ("fBasketSeek", "fBasketBytes"))
    spoilt = bytearray(good)
    for place in range(start + size - 40, start + size - 10):
        spoilt[place] ^= 0xFF
    return bytes(spoilt)


@pytest.mark.parametrize("sample", ["jets", "electrons"])
def test_converted_candidates_are_those_of_the_events(sample, request, tmp_path, small_shards):
    events = request.getfixturevalue(sample)
    result = convert([events], tmp_path / "c")
    assert result.problems == []
    task = TASKS[json.loads((tmp_path / "c" / "plan.json").read_text())["plan"]["task"]]
    cut, opened = load_candidates(task, [events]), load_candidates(task, [tmp_path / "c"])
    assert len(cut) == len(opened) >= 10
    for one, other in zip(cut.batches(16), opened.batches(16), strict=True):
        for ours, theirs in zip((*one.packed, one.targets), (*other.packed, other.targets), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert {**cut.truth}.keys() == {**opened.truth}.keys()
    np.testing.assert_array_equal(cut.truth["pt"], opened.truth["pt"])
    assert opened.provenance == cut.provenance


def test_two_workers_make_what_one_makes(tmp_path, monkeypatch):
    write_events(tmp_path / "a.parquet", [tiny_events(12_000)])
    for workers in (1, 2):
        convert([tmp_path / "a.parquet"], tmp_path / str(workers), workers=workers)
    assert len(content(tmp_path / "1")) == 3
    assert content(tmp_path / "1") == content(tmp_path / "2")


def test_channels_of_a_store_can_be_left_out_when_it_is_converted_again(jets, tmp_path):
    convert([jets], tmp_path / "a")
    convert([tmp_path / "a"], tmp_path / "b", channels=["hcal_energy", "track_pt"])
    three, two = open_candidates([shard_path(tmp_path / "a", 0)]), open_candidates([shard_path(tmp_path / "b", 0)])
    assert two.candidates.spec.channels == ("hcal_energy", "track_pt")
    dense = three.candidates.load().to_dense()
    np.testing.assert_array_equal(two.candidates.load().to_dense(), dense[:, [2, 0]])


def test_events_without_truth_give_unlabelled_candidates(tmp_path):
    events = tiny_events(30)
    nothing = Events(events.run, events.luminosity_block, events.event, events.hits)
    write_events(tmp_path / "a.parquet", [nothing])
    with pytest.raises(InputError, match="say --task"):
        convert([tmp_path / "a.parquet"], tmp_path / "c")
    result = convert([tmp_path / "a.parquet"], tmp_path / "c", task="electron-photon")
    assert result.num_candidates == 30
    found = open_candidates([shard_path(tmp_path / "c", 0)])
    assert np.isnan(found.target).all() and found.labels["event"].tolist() == list(range(1, 31))
    with pytest.raises(InputError, match="no targets"):
        load_candidates(TASKS["electron-photon"], [tmp_path / "c"])


def test_a_bad_file_is_named_and_the_others_are_converted(tmp_path, small_shards, monkeypatch, capsys):
    monkeypatch.setattr(store, "ROW_GROUP_EVENTS", 20)
    for number in range(3):
        write_events(tmp_path / f"{number}.parquet", [tiny_events(40, 1 + 40 * number)])
    damage_energies(tmp_path / "1.parquet")
    (tmp_path / "text").write_text("no data")
    # what is read together with the damage, ten events of the row group before, is lost with it
    names = [str(tmp_path / name) for name in ("0.parquet", "1.parquet", "text", "2.parquet")]
    assert main(["convert", *names, "-o", str(tmp_path / "c")]) == 1
    said = capsys.readouterr()
    assert "90 candidates of 120 events or images" in said.out
    lines = said.err.splitlines()
    assert any("text: of no known format" in line for line in lines)
    assert any("1.parquet: truncated or damaged event store" in line for line in lines)
    # the file is fetched again, and so is what it lacked
    write_events(tmp_path / "1.parquet", [tiny_events(40, 41)])
    assert main(["convert", *names, "-o", str(tmp_path / "c")]) == 1
    assert "120 candidates of 120" in capsys.readouterr().out
    events = open_candidates(sorted((tmp_path / "c").glob("part-*"))).labels["event"]
    assert events.tolist() == list(range(1, 121))


def test_other_inputs_of_the_same_name_size_and_count_are_refused(tmp_path):
    for number in range(2):
        write_images(tmp_path / str(number) / "img.h5", seed=number)
    assert (tmp_path / "0" / "img.h5").stat().st_size == (tmp_path / "1" / "img.h5").stat().st_size
    convert([tmp_path / "0" / "img.h5"], tmp_path / "c")
    before = content(tmp_path / "c")
    with pytest.raises(InputError, match=r"holds shards of another plan \(inputs.0 img.h5"):
        convert([tmp_path / "1" / "img.h5"], tmp_path / "c")
    assert content(tmp_path / "c") == before


def test_files_that_could_not_be_opened_are_taken_in_when_they_are_mended(tmp_path, small_shards):
    """The folder is then what it would have been from the beginning."""
    names = [tmp_path / f"{number}.parquet" for number in range(4)]
    for number, path in enumerate(names):
        write_events(path, [tiny_events(20, 1 + 20 * number)])
    convert(names, tmp_path / "whole")
    missing, damaged = names[1].read_bytes(), names[2].read_bytes()
    names[1].unlink()
    names[2].write_bytes(damaged[:-50])
    first = convert(names, tmp_path / "c")
    assert first.num_candidates == 40 and len(first.problems) == 2
    assert len(convert(names, tmp_path / "c").problems) == 2, "the same again"
    names[1].write_bytes(missing)
    names[2].write_bytes(damaged)
    again = convert(names, tmp_path / "c")
    assert (again.num_candidates, again.problems) == (80, [])
    assert content(tmp_path / "c") == content(tmp_path / "whole")
    write_events(names[0], [tiny_events(20, 500)])
    with pytest.raises(InputError, match="another plan"):
        convert(names, tmp_path / "c")


def test_events_that_a_reader_could_not_read_are_tried_again(tmp_path):
    good = EDM.read_bytes()
    events = tmp_path / "a.root"
    events.write_bytes(damaged_basket(good))
    lacking = convert([events], tmp_path / "c", task="quark-gluon")
    assert any("cannot be read" in problem.what for problem in lacking.problems)
    events.write_bytes(good)
    mended = convert([events], tmp_path / "c", task="quark-gluon")
    assert lacking.problems.has_unread and not mended.problems.has_unread
    convert([events], tmp_path / "whole", task="quark-gluon")
    assert content(tmp_path / "c") == content(tmp_path / "whole")


def test_a_shard_that_is_damaged_later_is_made_again(tmp_path, small_shards):
    write_events(tmp_path / "a.parquet", [tiny_events(60)])
    convert([tmp_path / "a.parquet"], tmp_path / "c")
    before, path = content(tmp_path / "c"), shard_path(tmp_path / "c", 1)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.rfind(b'"provenance"') + 3] ^= 1
    path.write_bytes(damaged)
    convert([tmp_path / "a.parquet"], tmp_path / "c")
    assert content(tmp_path / "c") == before


def test_candidates_of_stores_keep_their_names_apart(tmp_path, small_shards):
    for number in range(3):
        write_events(tmp_path / f"{number}.parquet", [tiny_events(20)])  # the same numbers in each
    convert([tmp_path / f"{number}.parquet" for number in range(3)], tmp_path / "a")
    convert([tmp_path / "a"], tmp_path / "b")
    convert([tmp_path / "b", tmp_path / "a"], tmp_path / "c")
    for folder, count in (("a", 60), ("b", 60), ("c", 120)):
        found = open_candidates(sorted((tmp_path / folder).glob("part-*"))).labels
        names = {*zip(*(found[n].tolist() for n in ("input", "run", "event", "number")), strict=True)}
        assert len(names) == len(found["event"]) == count


def test_one_damaged_file_does_not_take_the_others_with_it_in_info(electrons, tmp_path):
    first = tmp_path / "a.parquet"
    write_events(first, [tiny_events(40)])
    damaged = bytearray(first.read_bytes())
    damaged[100:2000] = bytes(1900)
    first.write_bytes(damaged)
    write_events(tmp_path / "b.parquet", [tiny_events(30)])
    found = info([first, tmp_path / "b.parquet"])
    assert found.problems.has_errors and len(found.sample) == 30
    events = tiny_events(5)
    write_events(tmp_path / "c.parquet", [Events(events.run, events.luminosity_block, events.event, events.hits)])
    with pytest.raises(InputError, match="no candidates to draw; give files with some, and --task"):
        info([tmp_path / "c.parquet"], plot=tmp_path / "p.svg")
    assert not (tmp_path / "p.svg").exists()
    convert([tmp_path / "b.parquet"], tmp_path / "s")
    both = info([tmp_path / "b.parquet", tmp_path / "s"])
    assert both.counts == {"events": 30, "candidates": 30} and len(both.sample) == 60


def test_the_file_that_was_trained_on_is_not_unseen(tmp_path):
    for number in range(2):
        write_images(tmp_path / f"{number}.h5", seed=number)
        convert([tmp_path / f"{number}.h5"], tmp_path / f"c{number}")
    one, other = (open_candidates([shard_path(tmp_path / name, 0)]) for name in ("c0", "c1"))
    simulated = [{"process": "quark-gluon", "seed": 1}]
    check_unseen(tmp_path, [*one.provenance, *simulated, {"reader": "images"}], other)
    with pytest.raises(InputError, match=r"was trained on 0\.h5; evaluate on another file"):
        check_unseen(tmp_path, one.provenance, one)
    with pytest.raises(InputError, match="was trained on process quark-gluon with seed 1"):
        check_unseen(tmp_path, simulated, replace(one, provenance=simulated))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "quark-gloun"}, "did you mean 'quark-gluon'"),
        ({"endcap_factor": 0.0}, "endcap factor 0.0; give a number above 0"),
        ({"endcap_factor": 4.0}, "events, not images"),
        ({"channels": ["track_pt"]}, "events, not images"),
        ({"workers": 0}, "give at least 1"),
    ],
)
def test_impossible_options_leave_nothing_behind(electrons, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        convert([electrons], tmp_path / "c", **options)
    assert not (tmp_path / "c").exists()


def test_inputs_of_different_frames_are_refused(electrons, jets, tmp_path):
    with pytest.raises(InputError, match=r"gives quark-gluon with 125 x 125 .* gives electron-photon with 32 x 32"):
        convert([electrons, jets], tmp_path / "c")


def test_another_plan_in_the_folder_is_named(electrons, jets, tmp_path):
    convert([electrons], tmp_path / "c")
    with pytest.raises(InputError, match="task electron-photon, not quark-gluon"):
        convert([jets], tmp_path / "c")


def test_a_folder_that_is_not_finished_is_no_input(electrons, tmp_path):
    convert([electrons], tmp_path / "c")
    plan = json.loads((tmp_path / "c" / "plan.json").read_text())
    (tmp_path / "c" / "plan.json").write_text(json.dumps({**plan, "state": "running"}))
    with pytest.raises(InputError, match="is not finished"):
        load_candidates(TASKS["electron-photon"], [tmp_path / "c"])


KILLED_LOOP = """
import sys
from pathlib import Path
from e2e.datasets import convert as converting
converting.SHARD_ENTRIES = int(sys.argv[3])
converting.convert([Path(sys.argv[1])], Path(sys.argv[2]))
"""


def killed_and_resumed(events: Path, output: Path, num_events: int, shard: int, kills: int) -> None:
    """Killed at random points of the loop, then left alone; the folder holds every event once then."""
    moments = random.Random(1)
    command = [sys.executable, "-c", KILLED_LOOP, str(events), str(output), str(shard)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    num_shards = -(-num_events // shard)
    for made in sorted(moments.randrange(num_shards - 1) for _ in range(kills)):
        process = subprocess.Popen(command, env=environment, start_new_session=True)
        while process.poll() is None and len(list(output.glob("part-*"))) <= made:
            time.sleep(0.001 * moments.random())
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it must not have ended before"
    assert 0 < len(list(output.glob("part-*"))) < num_shards
    subprocess.run(command, check=True, env=environment)
    found = open_candidates(sorted(output.glob("part-*")))
    assert found.labels["event"].tolist() == list(range(1, num_events + 1))
    assert not list(output.glob(".*.tmp"))


def test_a_loop_killed_at_random_points_loses_nothing_and_repeats_nothing(tmp_path):
    write_events(tmp_path / "a.parquet", [tiny_events(20_000)])
    killed_and_resumed(tmp_path / "a.parquet", tmp_path / "c", 20_000, 100, kills=4)


@pytest.mark.slow
def test_a_million_events_killed_at_random_points(tmp_path):
    write_events(tmp_path / "a.parquet", (tiny_events(20_000, 1 + 20_000 * k) for k in range(50)))
    killed_and_resumed(tmp_path / "a.parquet", tmp_path / "c", 1_000_000, 2000, kills=10)
