"""Folders of shards: the same bytes whoever makes them, taken up where they were left, refused in one line."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from event_samples import good_events, random_events

from e2e.events.reader import expand_inputs, read_inputs
from e2e.problems import InputError, Problems
from e2e.scale import engines, shards
from e2e.scale.engines import Dask, Processes, Serial, choose_engine
from e2e.scale.plan import PLAN, read_plan
from e2e.scale.progress import progress_bar
from e2e.scale.shards import shard_path, write_shards

NUM_SHARDS, NUM_EVENTS = 5, 60
MAKING = {"verb": "simulate", "process": "top", "seed": 7, "gun": {"pt": [20.0, 100.0]}}


def make(seed, number):
    """Three batches a shard."""
    for part in range(3):
        events = good_events(20, first=NUM_EVENTS * number + 20 * part)
        objects = random_events(20, seed=100 * seed + 10 * number + part).objects
        some = {name: objects[name] for name in ("truth", "tracker_hits", "vertices")}
        yield replace(events, objects=some, provenance={"seed": seed})


def make_or_die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from make(7, number)


def never(number):
    raise AssertionError(f"shard {number} is made again")


def write(folder, engine=Serial(), making=MAKING, make_shard=partial(make, 7), **options):  # noqa: B008 - frozen
    return write_shards(folder, making, NUM_SHARDS, make_shard, engine, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return contents(write(tmp_path_factory.mktemp("shards") / "made"))


@pytest.fixture(scope="module")
def scheduler():
    """Address of a Dask scheduler with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_processes_give_the_same_bytes(tmp_path, undisturbed):
    before = set(multiprocessing.active_children())
    assert contents(write(tmp_path, Processes(2))) == undisturbed
    assert set(multiprocessing.active_children()) <= before
    assert undisturbed.keys() == {PLAN, *(f"part-0000{number}.parquet" for number in range(NUM_SHARDS))}


def test_dask_gives_the_same_bytes_and_takes_over_from_others(tmp_path, undisturbed, scheduler, monkeypatch):
    assert contents(write(tmp_path / "all", Dask(scheduler))) == undisturbed
    half = write(tmp_path / "half")
    for number in (0, 3):
        shard_path(half, number).unlink()
    monkeypatch.setattr(engines, "MAX_DASK_TASKS", 1)
    assert contents(write(half, Dask(scheduler))) == undisturbed


def test_what_goes_wrong_on_dask_is_one_line(tmp_path, scheduler, monkeypatch):
    with pytest.raises(InputError, match=r"workers are not like this process \(No module named 'only_here'\)"):
        (tmp_path / "only_here.py").write_text("def make(number): return []")
        monkeypatch.syspath_prepend(tmp_path)
        import only_here

        write(tmp_path / "a", Dask(scheduler), make_shard=only_here.make)
    monkeypatch.setattr(engines, "CONNECT_TIMEOUT_S", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense", "tls://127.0.0.1:9"):
        with pytest.raises(InputError, match=r"no Dask scheduler there \(.+\); start `dask scheduler`"):
            write(tmp_path / "a", Dask(address))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"distributed is not installed; install it: pip install 'cms-e2e\[scale\]'"):
        write(tmp_path / "a", Dask(scheduler))


def test_the_folder_is_an_input_in_the_order_of_numbers(tmp_path):
    write(tmp_path, Processes(2))
    problems = Problems()
    events = [events.event for _, events in read_inputs([tmp_path], problems)]
    assert np.concatenate(events).tolist() == list(range(NUM_SHARDS * NUM_EVENTS))
    assert not problems


def test_a_finished_folder_needs_no_engine_and_one_that_lost_a_part_is_no_input(tmp_path):
    write(tmp_path)
    write(tmp_path, Dask("tcp://127.0.0.1:1"))  # nobody there
    shard_path(tmp_path, 1).unlink()
    with pytest.raises(InputError, match=f"lacks 1 of {NUM_SHARDS} event stores; give the command"):
        expand_inputs([tmp_path])


def test_the_plan_says_what_was_made_and_that_it_is_finished(tmp_path):
    states = []
    write(tmp_path, progress=lambda done: states.append((done, read_plan(tmp_path)["state"])))
    assert states == [(done, "running") for done in range(0, 301, NUM_EVENTS)]
    plan = read_plan(tmp_path)
    assert (plan["state"], plan["events"], plan["shards"], plan["plan"]) == ("finished", 300, 5, MAKING)
    assert plan["versions"]["numpy"] == np.__version__


def test_the_same_call_makes_what_is_missing_and_nothing_else(tmp_path, undisturbed):
    write(tmp_path)
    assert contents(write(tmp_path, make_shard=never)) == undisturbed
    shard_path(tmp_path, 1).unlink()
    shard_path(tmp_path, 4).write_bytes(undisturbed["part-00004.parquet"][:-100])
    shard_path(tmp_path, 2).write_bytes(b"")
    for name in (".part-00001.parquet.0123abcd.tmp", f".{PLAN}.0123abcd.tmp"):
        (tmp_path / name).write_bytes(b"half")
    kept = shard_path(tmp_path, 0).stat().st_ino
    done = []
    assert contents(write(tmp_path, progress=done.append)) == undisturbed
    assert done == [120, 180, 240, 300]
    assert shard_path(tmp_path, 0).stat().st_ino == kept


def test_another_plan_is_refused_naming_what_differs(tmp_path, undisturbed, monkeypatch):
    write(tmp_path)
    other = MAKING | {"seed": 8, "gun": {"pt": [20.0, 90.0]}, "pileup": 35.0}
    with pytest.raises(InputError) as error:
        write(tmp_path, making=other)
    differs = "seed 7, not 8; gun.pt [20.0, 100.0], not [20.0, 90.0]; pileup None, not 35.0"
    expected = f"{tmp_path}: holds shards of another plan ({differs}); choose another folder, or delete it"
    assert str(error.value) == expected
    with pytest.raises(InputError, match=r"\(shards 5, not 6\)"):
        write_shards(tmp_path, MAKING, 6, never, Serial())
    (tmp_path / PLAN).write_text((tmp_path / PLAN).read_text().replace(np.__version__, "0.1"))
    with pytest.raises(InputError, match=rf"versions.numpy 0.1, not {np.__version__}"):
        write(tmp_path)
    assert len(contents(tmp_path)) == len(undisturbed)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\xff", '{"state": "finished"}'])
def test_a_strange_plan_is_refused(tmp_path, text):
    (tmp_path / PLAN).write_text(text, encoding="latin1")
    with pytest.raises(InputError, match=r"plan\.json: not a plan that e2e wrote; choose another folder"):
        write(tmp_path, make_shard=never)


def test_a_place_that_is_not_for_shards_is_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"is not empty \(thesis\.tex\) and has no plan\.json"):
        write(tmp_path, make_shard=never)
    with pytest.raises(InputError, match="is a file, not a folder"):
        write(tmp_path / "thesis.tex", make_shard=never)
    with pytest.raises(InputError, match="100001 shards; at most 100000"):
        write_shards(tmp_path / "a", MAKING, 100_001, never, Serial())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_all_shards_need_is_made_in_a_folder_of_ours_and_only_when_a_shard_is_missing(tmp_path):
    calls = []

    def prepare():
        calls.append(read_plan(tmp_path)["state"])
        (tmp_path / ".pool").touch()

    write(tmp_path, prepare=prepare)
    write(tmp_path, prepare=prepare)
    with pytest.raises(InputError):
        write(tmp_path, making={"seed": 8}, prepare=prepare)
    assert calls == ["running"]


def test_two_do_not_write_into_one_folder(tmp_path, undisturbed):
    def also(number):
        with pytest.raises(InputError, match="another process is writing here"):
            write(tmp_path)
        return make(7, number)

    assert contents(write(tmp_path, make_shard=also)) == undisturbed


def test_a_worker_that_dies_is_one_line_and_costs_only_its_shard(tmp_path, undisturbed):
    with pytest.raises(InputError, match=r"^2 workers: one died, perhaps .* memory; give fewer and call again"):
        write(tmp_path, Processes(2), make_shard=make_or_die)
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(InputError, match="is not finished; give the command that makes it again"):
        expand_inputs([tmp_path])
    assert contents(write(tmp_path)) == undisturbed


@pytest.mark.parametrize("engine", [Serial(), Processes(2)])
def test_an_interrupt_ends_the_workers_and_keeps_what_is_done(tmp_path, undisturbed, engine):
    def interrupt(done):
        if done >= 2 * NUM_EVENTS:
            raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, engine, progress=interrupt)
    assert set(multiprocessing.active_children()) <= before
    assert len(list(tmp_path.glob("part-*"))) >= 2
    assert not list(tmp_path.glob(".*"))
    assert contents(write(tmp_path, engine)) == undisturbed


class Elsewhere:
    """An engine on whose machine something is different."""

    def __init__(self, change):
        self.change = change

    def map(self, function, numbers):
        for number in numbers:
            self.change()
            yield function(number)


def test_a_worker_of_another_environment_or_file_system_is_refused(tmp_path, monkeypatch):
    def hide():
        (tmp_path / "a" / PLAN).rename(tmp_path / "hidden")

    with pytest.raises(InputError, match=r"a: not seen by the worker on .*; give a folder of a file system that all"):
        write(tmp_path / "a", Elsewhere(hide), make_shard=never)

    older = {**shards.versions(), "numpy": "1.0"}
    with pytest.raises(InputError, match=rf"numpy 1.0 on .*, but {np.__version__} where the work was asked for"):
        write(
            tmp_path / "b", Elsewhere(lambda: monkeypatch.setattr(shards, "versions", lambda: older)), make_shard=never
        )


def test_a_forgotten_worker_does_not_write_into_another_plan(tmp_path):
    def slow(number):
        yield from make(7, number)
        plan = read_plan(tmp_path)
        (tmp_path / PLAN).write_text(json.dumps(plan | {"plan": MAKING | {"seed": 8}}))

    with pytest.raises(InputError, match="seed 8, not 7"):
        write(tmp_path, make_shard=slow)
    assert [path.name for path in tmp_path.iterdir()] == [PLAN]


PROGRAM = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_scale import *
if __name__ == "__main__":
    folder, limit, engine = Path(sys.argv[1]), int(sys.argv[2]), choose_engine(int(sys.argv[3]))
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        write(folder, engine)
    except InputError as error:
        print(error)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(tests=str(Path(__file__).parent)))
    return [sys.executable, str(path)]


def test_a_file_that_cannot_grow_is_one_line(tmp_path, undisturbed, program):
    folder = tmp_path / "made"
    command = [*program, str(folder), "20000", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert "parquet: cannot be written (File too large); make room and call again" in line
    assert not list(folder.iterdir())
    assert contents(write(folder)) == undisturbed


def test_a_full_disk_and_a_read_only_one_are_one_line(tmp_path, undisturbed, program):
    """A disk of 200 kB, mounted for the test alone, then made larger, then read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    folder = disk / "made"
    run = " ".join([*program, str(folder), "0", "1"])
    copy = tmp_path / "copy"
    script = f"""mount -t tmpfs -o size=200k none {disk} || exit 77
        {run} && ls -A {folder} && mount -o remount,size=9m {disk} && {run} && cp -r {folder} {copy}
        mount -o remount,ro {disk} && {run}"""
    if not shutil.which("unshare"):
        pytest.skip("no unshare")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    assert done.stderr == ""
    full, *names, read_only = done.stdout.splitlines()
    assert "cannot be written (No space left on device); make room and call again: what is done is kept" in full
    assert PLAN in names
    assert 1 < len(names) < len(undisturbed)
    assert contents(copy) == undisturbed
    assert "cannot be written (Permission denied)" in read_only


def test_engines_are_chosen_by_what_is_asked():
    assert choose_engine() == Serial()
    assert choose_engine(4) == Processes(4)
    assert choose_engine(dask="tcp://host:8786") == Dask("tcp://host:8786")
    with pytest.raises(InputError, match="give at least 1"):
        choose_engine(0)
    with pytest.raises(InputError, match="both 2 workers and a Dask scheduler"):
        choose_engine(2, "tcp://host:8786")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_shows_number_rate_and_time_left_on_a_terminal_only():
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        with progress_bar(400, stream=stream) as show:
            for done in (100, 200, 400):  # 100 of an earlier call
                show(done)
    last = terminal.getvalue().split("\r")[-1]
    assert "400/400" in last
    assert "events/s" in last
    assert pipe.getvalue() == ""
