"""The whole simulation, with pile-up: by one process, two, a Dask scheduler, or after kills, always the same bytes."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2e.scale.plan import read_plan
from e2e.scale.shards import shard_path
from e2e.simulation.simulate import simulate

NUMBER, SHARDS = 1700, 4  # the last shard is not full

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scale")
    simulate("top", folder / "one", num_events=NUMBER, seed=3, pileup=5.0, pool=folder / "pool.safetensors")
    return folder / "one"


def assert_same(one: Path, other: Path) -> None:
    assert read_plan(other) == read_plan(one)
    assert read_plan(other)["events"] == NUMBER
    for shard in range(SHARDS):
        assert shard_path(one, shard).read_bytes() == shard_path(other, shard).read_bytes()


def test_dask_workers_make_the_same_bytes(undisturbed, tmp_path):
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        made = simulate(
            "top",
            tmp_path / "dask",
            num_events=NUMBER,
            seed=3,
            pileup=5.0,
            pool=undisturbed.parent / "pool.safetensors",
            dask=cluster.scheduler_address,
        )
    assert_same(undisturbed, made)


def test_a_killed_simulation_goes_on_where_it_was(undisturbed, tmp_path):
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "e2e.cli", "simulate", "top", "-n", str(NUMBER), "--seed", "3", "--pileup", "5"]
    command += ["--workers", "2", "-o", str(output)]  # its own pool, of the same content
    rng = random.Random(8)
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(8, 16))
        process.kill()
        process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert_same(undisturbed, output)
