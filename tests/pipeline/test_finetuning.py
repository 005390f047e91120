"""Labels that a training without them saves: from a run to the table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from e2e.comparison.finetuning import WAYS, compare_starts
from e2e.datasets.convert import convert
from e2e.problems import InputError
from e2e.simulation.simulate import simulate
from e2e.training.pretrain import pretrain
from e2e.training.run_folder import read_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Candidates and two runs on them: an encoder, and a vector."""
    folder = tmp_path_factory.mktemp("finetuning")
    for name, seed in (("train", 71), ("test", 72)):
        convert([simulate("electron-photon", folder / f"{name}-events", num_events=260, seed=seed)], folder / name)
    options = {"model": "sparse-vit-nano", "epochs": 1, "threads": 1, "progress": False}
    pretrain("electron-photon-debug", [folder / "train"], folder / "encoder", **options)
    pretrain("electron-photon-debug", [folder / "train"], folder / "vector", features=4, **options)
    return folder


def compared(folder, start="encoder", task="electron-photon", test="test", **options):
    given = {"shares": (0.5,), "seeds": 2, "epochs": 1, **options}
    return compare_starts(folder / start, task, [folder / "train"], [folder / test], folder / f"out-{start}", **given)


@pytest.mark.slow
def test_every_way_has_its_row_and_nothing_is_trained_twice(folder):
    result = compared(folder)
    out = folder / "out-encoder"
    assert json.loads((out / "finetuning.json").read_text()) == json.loads(json.dumps(result))
    rows = {row["way"]: row for row in result["rows"]}
    assert tuple(rows) == WAYS
    count = rows["scratch"]["labels"]
    for way, row in rows.items():
        assert row["labels"] == count and row["epochs"] == (2 if way in WAYS[:2] else None)  # half: twice the epochs
        assert len(row["of_seeds"]) == 2 and row["auc"]["value"] == pytest.approx(np.mean(row["of_seeds"]), abs=2e-5)
        assert row["auc"]["error"] == pytest.approx(abs(np.diff(row["of_seeds"])[0]) / 2, abs=2e-5)
        assert row["test_error"] > 0
    assert rows["scratch"]["better_than_scratch"] == {"value": 0.0, "error": 0.0}
    gain = rows["fine-tuned"]["auc"]["value"] - rows["scratch"]["auc"]["value"]
    assert rows["fine-tuned"]["better_than_scratch"]["value"] == pytest.approx(gain, abs=3e-5)
    tuned = read_run(out / f"fine-tuned-{count}" / "runs" / "sparse-vit-nano-seed1")
    assert tuned["start"]["recipe"]["pretraining"] and tuned["selection"]["random"] == count
    assert "start" not in read_run(out / f"scratch-{count}" / "runs" / "sparse-vit-nano-seed1")
    assert "| fine-tuned |" in (out / "table.md").read_text() and "<svg" in (out / "labels.svg").read_text()

    before = {path: path.stat().st_mtime_ns for path in out.glob("*/runs/*/run.json")}
    assert len(before) == 4 and compared(folder) == result
    assert {path: path.stat().st_mtime_ns for path in before} == before
    run = folder / "encoder"
    weights = {name: tensor + 0.01 for name, tensor in load_file(run / "weights.safetensors").items()}
    (folder / "other").mkdir()
    save_file(weights, folder / "other" / "weights.safetensors")
    about = {**read_run(run), "seed": 5}
    (folder / "other" / "run.json").write_text(json.dumps(about))
    (folder / "out-other").symlink_to(out)
    with pytest.raises(InputError, match="was begun with other weights"):
        compared(folder, "other")


@pytest.mark.slow
def test_a_vector_is_probed_as_it_is(folder):
    result = compared(folder, "vector", seeds=1, shares=(1.0,))
    assert result["start"]["features"] == 4
    assert [row["auc"]["error"] for row in result["rows"]] == [None] * 4  # one seed says nothing of others


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "photons"}, "task photons"),
        ({"shares": ()}, r"shares \(\)"),
        ({"shares": (0.0, 1.0)}, "shares up to 1"),
        ({"seeds": 0}, "0 seeds"),
        ({"test": "train"}, "was trained on"),
        ({"start": "train"}, "not a training run"),
        ({"task": "diphoton-mass"}, "of electron-photon"),
    ],
)
def test_what_does_not_go_together_is_one_line(folder, options, message):
    with pytest.raises(InputError, match=message):
        compared(folder, **options)
