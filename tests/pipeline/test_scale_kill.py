"""`kill -9` at any time: nothing is lost, nothing is made twice, and the bytes are those of an undisturbed run."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2e.scale.plan import PLAN, read_plan

NUM_SHARDS = 24

PROGRAM = f"""
import os, sys, time
from functools import partial
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1] / "unit")!r})
from event_samples import random_events
from e2e.scale.engines import choose_engine
from e2e.scale.shards import write_shards

def make(folder, pause_s, number):
    (folder / str(os.getpid())).touch()
    for part in range(4):
        time.sleep(pause_s)
        yield random_events(10, seed=10 * number + part)

if __name__ == "__main__":
    folder, pids, workers, pause_s = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    write_shards(folder, {{"seed": 1}}, {NUM_SHARDS}, partial(make, pids, pause_s), choose_engine(workers))
"""


def whole(folder):
    return {path.name: path.stat().st_ino for path in folder.glob("part-*")}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_until(condition, timeout_s=20.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(("workers", "num_kills"), [(1, 4), (2, 3)])
def test_killed_again_and_again_and_then_taken_up(tmp_path, workers, num_kills):
    program, pids, folder = tmp_path / "program.py", tmp_path / "pids", tmp_path / "made"
    program.write_text(PROGRAM)
    pids.mkdir()

    def command(place, pause_s):
        return [sys.executable, str(program), str(place), str(pids), str(workers), str(pause_s)]

    subprocess.run(command(tmp_path / "undisturbed", 0), check=True)
    chance = random.Random(workers)
    kept, saw_unfinished = {}, False
    for _ in range(num_kills):
        running = subprocess.Popen(command(folder, 0.01))
        wanted = len(kept) + chance.randint(0, 3)
        wait_until(lambda: (folder / PLAN).exists() and len(whole(folder)) >= wanted)  # noqa: B023
        time.sleep(chance.uniform(0, 0.03))
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        wait_until(lambda: all(has_ended(pid.name) for pid in pids.iterdir()))  # its workers went with it
        assert read_plan(folder)["state"] == "running"
        saw_unfinished |= bool(list(folder.glob(".part-*.tmp")))
        assert kept.items() <= whole(folder).items()  # none made again
        kept = whole(folder)
    assert 0 < len(kept) < NUM_SHARDS
    assert saw_unfinished
    done = subprocess.run(command(folder, 0), check=True, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    assert kept.items() <= whole(folder).items()
    assert contents(folder) == contents(tmp_path / "undisturbed")
