"""A training runs, resumes and leaves nothing that would have to be unpickled."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import pytest
import torch
from lightning.pytorch import Callback
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn import functional

from e2e.datasets import candidate_store, load_candidates
from e2e.datasets.convert import convert
from e2e.models import build_model
from e2e.problems import InputError
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training import trainer
from e2e.training.augment import Augmentation
from e2e.training.checkpoint import SafeCheckpointIO
from e2e.training.recipes import RECIPES
from e2e.training.run_folder import load_weights
from e2e.training.train import train


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
    """Stands for a kill: stops the process's training, unless told otherwise in the middle of the second epoch."""

    def __init__(self, epoch=1, batch=2):
        self.place = epoch, batch

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if (trainer.current_epoch, batch_index) == self.place:
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


def run(events, output, **options):
    return train("electron-photon-debug", [events], output, seed=3, threads=1, progress=False, **options)


def test_a_resumed_run_ends_with_the_same_weights(events, tmp_path, small, monkeypatch):
    whole = load_file(run(events, tmp_path / "whole") / "weights.safetensors")

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "EarlyStopping", lambda *args, **kwargs: KillAfter())
        with pytest.raises(KilledError):
            run(events, tmp_path / "killed")
    assert json.loads((tmp_path / "killed" / "run.json").read_text())["state"] == "running"
    resumed = load_file(run(events, tmp_path / "killed") / "weights.safetensors")
    assert json.loads((tmp_path / "killed" / "run.json").read_text())["state"] == "finished"
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


def test_a_run_whose_task_has_other_numbers_since_is_not_gone_on_with(events, tmp_path, small, monkeypatch):
    """Weights of a graph fit whatever its reach is."""
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "EarlyStopping", lambda *args, **kwargs: KillAfter())
        with pytest.raises(KilledError):
            run(events, tmp_path / "killed")
    monkeypatch.setitem(TASKS["electron-photon"].network, "sees_phi", True)
    with pytest.raises(InputError, match="holds another run: of_task: sees_phi null, not true; choose"):
        run(events, tmp_path / "killed")


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
        patch.setattr(trainer, "EarlyStopping", checkpointed)
        with pytest.raises(KilledError):
            run(stores, tmp_path / "killed")
    resumed = last_weights(run(stores, tmp_path / "killed"))
    for name, tensor in whole.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


@pytest.fixture(scope="module")
def all_at_once():
    """Seven steps, four updates an epoch; all that is random, averaged or gathered over steps."""
    everything = Augmentation(True, True, True, pixel_drop=0.1, smearing=0.05)
    options = {"accumulate": 2, "ema_decay": 0.8, "augmentation": everything, "batch_size": 37}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "electron-photon-debug", replace(RECIPES["electron-photon-debug"], **options))
        patch.setattr(trainer, "CHECKPOINT_EVERY", timedelta(microseconds=1))
        yield


@pytest.fixture(scope="module")
def uninterrupted(events, all_at_once, tmp_path_factory):
    return run(events, tmp_path_factory.mktemp("runs") / "whole", max_candidates=300)


@pytest.mark.parametrize("place", random.Random(8).sample([(e, b) for e in (0, 1) for b in range(1, 7)], 3))
def test_a_kill_anywhere_changes_no_bit(events, uninterrupted, tmp_path, monkeypatch, place):
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "EarlyStopping", lambda *args, **kwargs: KillAfter(*place))
        with pytest.raises(KilledError):
            run(events, tmp_path / "killed", max_candidates=300)
    killed = SafeCheckpointIO().load_checkpoint(tmp_path / "killed" / "last.ckpt")
    assert killed["global_step"] == 4 * place[0] + place[1] // 2
    resumed = run(events, tmp_path / "killed", max_candidates=300)
    ends = [SafeCheckpointIO().load_checkpoint(folder / "last.ckpt") for folder in (uninterrupted, resumed)]
    for kind in ("state_dict", "current_model_state"):
        for name, tensor in ends[0][kind].items():
            assert torch.equal(ends[1][kind][name], tensor), (kind, name)
    about = [json.loads((folder / "run.json").read_text()) for folder in (uninterrupted, resumed)]
    assert about[0]["selection"] == {"random": 300, "of": 500, "seed": 0}
    for kind in ("best_epoch", "best_validation_loss", "temperature", "temperature_not_fitted", "selection"):
        assert about[0].get(kind) == about[1].get(kind)
    assert about[1]["training_seconds"] > killed["callbacks"]["Clock"]["seconds"] > 0


def test_averaged_weights_are_those_that_were_validated(events, uninterrupted):
    best = SafeCheckpointIO().load_checkpoint(uninterrupted / "best.ckpt")
    weights = load_file(uninterrupted / "weights.safetensors")
    task, about = TASKS["electron-photon"], json.loads((uninterrupted / "run.json").read_text())
    assert not torch.equal(best["current_model_state"]["network.stem.weight"], weights["stem.weight"])
    network = build_model("resnet15", task.frame, about["config"])
    load_weights(network, uninterrupted)
    held_back = load_candidates(task, [events]).sample(300).split(0.2, 3)[1]
    ((packed, target),) = held_back.batches(1000)
    with torch.no_grad():
        answer = network(*map(torch.from_numpy, packed))[:, 0]
    loss = functional.binary_cross_entropy_with_logits(answer, torch.from_numpy(target[:, 0]))
    assert float(loss) == pytest.approx(about["best_validation_loss"], abs=1e-6)


def last_weights(run):
    """Not the best epoch's, which may be the first."""
    return SafeCheckpointIO().load_checkpoint(run / "last.ckpt")["state_dict"]


def test_run_folder_tells_its_story_and_holds_no_pickle(events, tmp_path, small):
    folder = run(events, tmp_path / "run")
    about = json.loads((folder / "run.json").read_text())
    assert about["seed"] == 3
    assert about["data"][0]["process"] == "electron-photon"
    assert about["epochs_trained"] == 2
    assert about["ranks"] == 1
    assert about["parameters"] == sum(tensor.numel() for tensor in load_file(folder / "weights.safetensors").values())
    assert about["training_seconds"] > 0
    assert ("temperature" in about) != ("temperature_not_fitted" in about)
    assert about["answer"]["scale"] == pytest.approx(1 / about.get("temperature", 1.0))
    assert "selection" not in about
    assert set(about["expected_calibration_error"]) == {"before", "after"}
    for name in ("last.ckpt", "best.ckpt"):
        with safe_open(folder / name, framework="pt") as file:
            assert "tree" in file.metadata()
    with pytest.raises(InputError, match="finished run"):
        run(events, folder)


def test_a_folder_of_another_run_is_left_alone(events, tmp_path, small):
    other = {"recipe": {"task": "other"}, "seed": 3, "data": [], "state": "running"}
    (tmp_path / "run.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match=r'another run: task "other", not "electron-photon".*; and more; choose'):
        run(events, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == other


@pytest.mark.parametrize("content", ["", "[]", "{", '{"recipe": {}}'])
def test_a_damaged_run_is_one_line(events, tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        run(events, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        *({"seed": -1}, {"epochs": 0}, {"epochs": -1}, {"threads": 0}, {"accumulate": 0}),
        *({"learning_rate": 0.0}, {"learning_rate": 2.0}),
    ],
)
def test_impossible_options_leave_nothing_behind(events, tmp_path, options):
    with pytest.raises(InputError, match=r"give (at least|a number)"):
        train("electron-photon-debug", [events], tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_events_of_another_task_are_refused(events, tmp_path):
    with pytest.raises(InputError, match="not those of diphoton-mass"):
        train("diphoton-mass-debug", [events], tmp_path / "run", progress=False)


def test_the_held_back_part_is_random_and_fixed(events):
    whole = load_candidates(TASKS["electron-photon"], [events])
    first, again, other = (whole.split(0.3, seed)[1].truth["pt"] for seed in (1, 1, 2))
    assert len(first) == 150
    assert (first == again).all()
    assert not (first == other).all()


def test_unknown_recipe_is_named(events, tmp_path):
    with pytest.raises(InputError, match="unknown recipe 'electron'"):
        train("electron", [events], tmp_path / "run")


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
