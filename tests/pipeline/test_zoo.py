"""The shipped bundles on fresh events: as good as their cards say, and the demo that shows them."""

import shutil
from pathlib import Path

import pytest

from e2e.bundles import load_bundle
from e2e.demo import PILEUP, POOL, TASKS_SHOWN, demo
from e2e.evaluation.evaluate import evaluate
from e2e.simulation.simulate import simulate

ZOO = Path(__file__).parents[2] / "zoo"


@pytest.mark.parametrize("name", TASKS_SHOWN)
def test_a_bundle_is_as_good_as_its_card_says(name, tmp_path, pool_for):
    events = simulate(name, tmp_path / "fresh", num_events=2000, seed=77, pileup=PILEUP, pool=pool_for(name))
    result = evaluate(ZOO / name, [events], tmp_path / "evaluation")
    key, card = {
        "electron-photon": ("auc", "area under the curve"),
        "diphoton-mass": ("mean_absolute_error", "mean absolute error, this bundle"),
    }[name]
    measured = result[key].get("network", result[key])
    claimed = load_bundle(ZOO / name).contract.training["metrics"][card]
    error = (measured["error"] ** 2 + claimed["error"] ** 2) ** 0.5
    assert abs(measured["value"] - claimed["value"]) < 4 * error


def test_the_zoo_is_small():
    sizes = {bundle.name: sum(f.stat().st_size for f in bundle.rglob("*")) for bundle in ZOO.iterdir()}
    assert max(sizes.values()) < 10e6
    assert sum(sizes.values()) < 60e6


def test_demo_writes_its_page_and_names_a_bad_real_file(tmp_path, pool_for):
    (tmp_path / "demo").mkdir()
    shutil.copy(pool_for(TASKS_SHOWN[0]), tmp_path / "demo" / POOL)
    said: list[str] = []
    result = demo(tmp_path / "demo", num_events=300, zoo=ZOO, real=[tmp_path / "missing.ig"], say=said.append)
    page = (tmp_path / "demo" / "index.html").read_text()
    assert page.count("<svg") >= 5
    assert "area under the curve" in page
    assert len(said) >= 5
    assert result.problems.has_errors
    assert "missing.ig" in str(result.problems[0])
