"""Training in other ways than the plain one: other networks, compiled, by two processes, with a loss that fails."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from e2e import cli
from e2e.bundles import load_bundle
from e2e.bundles.columns import answer_for
from e2e.cli.errors import EXIT_BAD_INPUT
from e2e.datasets import load_candidates
from e2e.evaluation.evaluate import evaluate
from e2e.models import build_model
from e2e.problems import InputError
from e2e.release import export
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training import module, trainer
from e2e.training import train as training
from e2e.training.pieces import TOGETHER
from e2e.training.recipes import RECIPES
from e2e.training.run_folder import load_weights, read_history
from e2e.training.train import train


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return simulate("electron-photon", tmp_path_factory.mktemp("events") / "e", num_events=200, seed=9)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    recipe = replace(RECIPES["electron-photon-debug"], epochs=1, batch_size=40)
    monkeypatch.setitem(RECIPES, "electron-photon-debug", recipe)


def run(events, output, **options):
    return train("electron-photon-debug", [events], output, seed=3, threads=1, progress=False, **options)


def about(folder):
    return json.loads((folder / "run.json").read_text())


class Failing(nn.Module):
    """Gives no number in the last piece of the third batch."""

    def __init__(self):
        super().__init__()
        self.linear, self.calls = nn.Linear(2, 1), 0
        self.pieces = 3 * RECIPES["electron-photon-debug"].batch_size // TOGETHER

    def forward(self, pixel_index, pixel_value, seed):
        self.calls += 1
        return self.linear(seed) * (float("nan") if self.calls == self.pieces else 1.0)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_loss_that_is_no_number_is_one_line_and_leaves_its_batch(events, tmp_path, monkeypatch, capsys, precision):
    monkeypatch.setattr(training, "build_model", lambda *args: Failing())
    arguments = ["train", "electron-photon-debug", str(events), "-o", str(tmp_path / "run"), "--precision", precision]
    assert cli.main(arguments) == EXIT_BAD_INPUT
    lines = capsys.readouterr().err.strip().splitlines()
    assert sum("FloatingPointError" in line for line in lines) == 1 and not any("Traceback" in line for line in lines)
    error = lines[-1]
    assert error.startswith("error: train: FloatingPointError: loss is nan in epoch 0, batch 2")
    assert error.endswith(str(tmp_path / "run" / module.BAD_BATCH))
    batch = load_file(tmp_path / "run" / module.BAD_BATCH)
    assert {name: len(part) for name, part in batch.items()} == dict.fromkeys(
        ("pixel_index", "pixel_value", "seed", "target"), 40
    )
    assert about(tmp_path / "run")["state"] == "running"
    assert not list((tmp_path / "run").glob(".*"))


def test_a_compiled_network_is_trained_to_the_same_weights_under_the_same_names(events, tmp_path, monkeypatch):
    plain = load_file(run(events, tmp_path / "plain") / "weights.safetensors")
    compiler, compiled = torch.compile, []

    def with_eager_backend(function, **options):
        compiled.append(function)
        return compiler(function, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", with_eager_backend)
    weights = load_file(run(events, tmp_path / "compiled", compile=True) / "weights.safetensors")
    assert len(compiled) == 1
    assert set(weights) == set(plain)
    for name, tensor in plain.items():
        torch.testing.assert_close(weights[name], tensor)


def test_another_network_takes_the_place_of_the_recipes(events, tmp_path, monkeypatch):
    recipe = replace(RECIPES["electron-photon-debug"], layer_decay=0.7)
    monkeypatch.setitem(RECIPES, "electron-photon-debug", recipe)
    folder = run(events, tmp_path / "run", model="sparse-vit-nano")
    assert about(folder)["recipe"]["family"] == "sparse-vit"
    assert about(folder)["config"]["input_scale"] == [0.04]
    with pytest.raises(InputError, match="no layers"):
        run(events, tmp_path / "other")
    assert not (tmp_path / "other" / "run.json").exists()


def test_a_joint_training_answers_what_the_task_has_beside_its_own_output(tmp_path):
    events = simulate("diphoton-mass", tmp_path / "events", num_events=300, seed=9)
    other = simulate("diphoton-mass", tmp_path / "other", num_events=100, seed=10)
    folder = train("diphoton-mass-debug", [events], tmp_path / "run", threads=1, progress=False, joint=True, epochs=1)
    bundle = export(folder, tmp_path / "bundle", test=[other])
    names = load_bundle(bundle).contract.output_names
    assert names[4:6] == ("score", "particle_pt") and names[0] == "mass"
    found = evaluate(bundle, [other], tmp_path / "evaluation")["beside"]
    assert 0 <= found["score"]["area_under_the_curve"]["value"] <= 1
    assert 0 < found["particle_pt"]["coverage"]["value"] <= 1
    assert found["particle_pt"]["mean_absolute_error_of_a_constant"]["value"] == pytest.approx(20, abs=5)


def test_a_relative_training_of_what_is_not_above_zero_is_one_line(events, tmp_path):
    with pytest.raises(InputError, match="relative is for top-mass, ditau-mass"):
        run(events, tmp_path / "run", relative=True)
    assert answer_for(TASKS["top-mass"].output, "quantiles", relative=True).relative
    assert not answer_for(TASKS["diphoton-mass"].output, "quantiles", relative=True).relative


def test_a_joint_training_of_a_task_with_one_output_is_one_line(events, tmp_path):
    with pytest.raises(InputError, match="it has one output"):
        run(events, tmp_path / "run", joint=True)


def test_a_start_of_another_network_is_one_line(events, tmp_path):
    zoo = Path(__file__).parents[2] / "zoo"
    with pytest.raises(InputError, match="is of the family sparse-vit, the network to train resnet15"):
        run(events, tmp_path / "run", start=zoo / "diphoton-mass-nano")
    with pytest.raises(InputError, match="does not fit the network; begin with one of the same model"):
        run(events, tmp_path / "other", start=zoo / "ditau-mass")


def test_an_unknown_network_is_one_line_with_those_that_are_known(events, tmp_path):
    with pytest.raises(InputError, match=r"unknown model 'resnet16'; did you mean 'resnet15'\? known: resnet15, "):
        run(events, tmp_path / "run", model="resnet16")


def test_too_few_candidates_are_one_line(events, tmp_path):
    with pytest.raises(InputError, match="2 candidates are too few"):
        run(events, tmp_path / "run", max_candidates=2)


def test_more_candidates_than_there_are_is_one_line(events, tmp_path):
    with pytest.raises(InputError, match=r"200 candidates, fewer than max_candidates 201; give at most 200"):
        run(events, tmp_path / "run", max_candidates=201)
    assert not (tmp_path / "run").exists()


def test_some_of_the_candidates_are_of_both_kinds_whatever_the_order_of_the_data(tmp_path):
    kinds = [simulate(kind, tmp_path / kind, num_events=60, seed=5) for kind in ("electron", "photon")]
    folder = train("electron-photon-debug", kinds, tmp_path / "run", threads=1, progress=False, max_candidates=50)
    (row,) = read_history(folder)
    assert 0 <= row["validation_auc"] <= 1


@pytest.mark.parametrize("has_tensorboard", [True, False])
def test_the_history_has_losses_and_the_learning_rate(events, tmp_path, monkeypatch, has_tensorboard):
    def missing(*args, **kwargs):
        raise ModuleNotFoundError("tensorboard")

    monkeypatch.setattr(trainer, "LOG_EVERY", 1)
    if not has_tensorboard:
        monkeypatch.setattr(trainer, "TensorBoardLogger", missing)
    part = run(events, tmp_path / "run") / "history" / "0"
    columns = (part / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"loss", "step_loss", "learning_rate", "validation_loss", "validation_auc"} <= set(columns)
    assert bool(list(part.glob("events.out.tfevents*"))) == has_tensorboard


@pytest.mark.slow
def test_two_processes_train_together(events, tmp_path):
    """The measured loss is that of all candidates held back, whichever process looked at them."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "e2e.cli"]
    arguments = ["train", "electron-photon-debug", str(events), "-o", str(tmp_path / "run"), "--epochs", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*launch, *arguments], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained:") == 1
    found = about(tmp_path / "run")
    assert (found["state"], found["ranks"]) == ("finished", 2)
    task = TASKS["electron-photon"]
    network = build_model("resnet15", task.frame, found["config"])
    load_weights(network, tmp_path / "run")
    ((packed, target),) = load_candidates(task, [events]).split(0.2, 1)[1].batches(1000)
    with torch.no_grad():
        answer = network(*map(torch.from_numpy, packed))[:, 0]
    loss = functional.binary_cross_entropy_with_logits(answer, torch.from_numpy(target[:, 0]))
    assert float(loss) == pytest.approx(found["best_validation_loss"], abs=1e-5)
    with pytest.raises(InputError, match="processes 2, not 1"):
        run(events, tmp_path / "run")
