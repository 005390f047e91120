"""A training runs, resumes and leaves nothing that would have to be unpickled."""

import json
from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Callback
from safetensors import safe_open
from safetensors.torch import load_file

from e2e.datasets import candidate_store, load_candidates
from e2e.datasets.convert import convert
from e2e.problems import InputError
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training import train as training
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.recipes import RECIPES


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return simulate("electron-photon", tmp_path_factory.mktemp("events") / "e", num_events=500, seed=9)


@pytest.fixture
def small(monkeypatch):
    recipe = replace(RECIPES["electron-photon-debug"], max_events=300)
    monkeypatch.setitem(RECIPES, "electron-photon-debug", recipe)


class KilledError(Exception):
    pass


class KillAfter(Callback):
    """Stands for a kill: stops the process's training in the middle of the second epoch."""

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if trainer.current_epoch == 1 and batch_index == 2:
            raise KilledError


class Stopped(Callback):
    """Writes a checkpoint after some batches of the second epoch, as the clock would, and is killed a batch later."""

    def __init__(self, output, batch):
        self.output, self.batch = output, batch

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if trainer.current_epoch == 1 and batch_index == self.batch - 1:
            trainer.save_checkpoint(self.output / "last.ckpt")

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if trainer.current_epoch == 1 and batch_index == self.batch:
            raise KilledError


def run(events, output):
    return training.train("electron-photon-debug", [events], output, seed=3, threads=1, progress=False)


def test_a_resumed_run_ends_with_the_same_weights(events, tmp_path, small, monkeypatch):
    whole = load_file(run(events, tmp_path / "whole") / "weights.safetensors")

    with monkeypatch.context() as patch:
        patch.setattr(training, "EarlyStopping", lambda *args, **kwargs: KillAfter())
        with pytest.raises(KilledError):
            run(events, tmp_path / "killed")
    assert json.loads((tmp_path / "killed" / "run.json").read_text())["state"] == "running"
    resumed = load_file(run(events, tmp_path / "killed") / "weights.safetensors")
    assert json.loads((tmp_path / "killed" / "run.json").read_text())["state"] == "finished"
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


@pytest.fixture(scope="module")
def stores(events, tmp_path_factory):
    """The same candidates, on disk in many row groups."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate_store, "ROW_GROUP_CANDIDATES", 7)
        return convert([events], tmp_path_factory.mktemp("stores") / "s").output


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_run_from_candidate_stores_goes_on_in_the_middle_of_an_epoch(stores, tmp_path, small, monkeypatch, batch):
    whole = last_weights(run(stores, tmp_path / "whole"))

    def checkpointed(*args, **kwargs):
        return Stopped(tmp_path / "killed", batch)

    with monkeypatch.context() as patch:
        patch.setattr(training, "EarlyStopping", checkpointed)
        with pytest.raises(KilledError):
            run(stores, tmp_path / "killed")
    resumed = last_weights(run(stores, tmp_path / "killed"))
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


def last_weights(run):
    """Not the best epoch's, which may be the first."""
    return SafeCheckpointIO().load_checkpoint(run / "last.ckpt")["state_dict"]


def test_run_folder_tells_its_story_and_holds_no_pickle(events, tmp_path, small):
    folder = run(events, tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    assert about["seed"] == 3
    assert about["data"][0]["process"] == "electron-photon"
    assert about["epochs_trained"] == 2
    for name in ("last.ckpt", "best.ckpt"):
        with safe_open(folder / name, framework="pt") as file:
            assert "tree" in file.metadata()
    with pytest.raises(InputError, match="finished run"):
        run(events, folder)


def test_a_folder_of_another_run_is_left_alone(events, tmp_path, small):
    other = {"recipe": "other", "seed": 3, "data": [], "state": "running"}
    (tmp_path / "run.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="another recipe"):
        run(events, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == other


@pytest.mark.parametrize("content", ["", "[]", "{", '{"recipe": {}}'])
def test_a_damaged_run_is_one_line(events, tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        run(events, tmp_path)


@pytest.mark.parametrize(
    "options",
    [{"seed": -1}, {"epochs": 0}, {"epochs": -1}, {"threads": 0}, {"learning_rate": 0.0}, {"learning_rate": 2.0}],
)
def test_impossible_options_leave_nothing_behind(events, tmp_path, options):
    with pytest.raises(InputError, match=r"give (at least|a number)"):
        training.train("electron-photon-debug", [events], tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_events_of_another_task_are_refused(events, tmp_path):
    with pytest.raises(InputError, match="not those of diphoton-mass"):
        training.train("diphoton-mass-debug", [events], tmp_path / "run", progress=False)


def test_the_held_back_part_is_random_and_fixed(events):
    whole = load_candidates(TASKS["electron-photon"], [events])
    first, again, other = (whole.split(0.3, seed)[1].truth["pt"] for seed in (1, 1, 2))
    assert len(first) == 150
    assert (first == again).all()
    assert not (first == other).all()


def test_unknown_recipe_is_named(events, tmp_path):
    with pytest.raises(InputError, match="unknown recipe 'electron'"):
        training.train("electron", [events], tmp_path / "run")


def test_checkpoint_round_trip(tmp_path):
    tree = {"a": torch.arange(3), 1: [None, True, 2.5, "x"], "t": (1, {"deep": torch.zeros(2, 2)}), "e": {}}
    io = SafeCheckpointIO()
    io.save_checkpoint(tree, tmp_path / "c.ckpt")
    loaded = io.load_checkpoint(tmp_path / "c.ckpt")
    torch.testing.assert_close(loaded["a"], tree["a"])
    torch.testing.assert_close(loaded["t"][1]["deep"], tree["t"][1]["deep"])
    assert loaded[1] == tree[1]
    assert loaded["e"] == {}
    with pytest.raises(TypeError, match="cannot hold"):
        io.save_checkpoint({"f": object()}, tmp_path / "d.ckpt")
