"""A training without labels runs, resumes to the bit, and is begun from."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file

from e2e.cli import main
from e2e.compression.learned import load_autoencoder
from e2e.datasets import load_candidates
from e2e.datasets.candidate_store import CandidateWriter
from e2e.problems import InputError
from e2e.release import export
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training import trainer
from e2e.training.pretrain import pretrain
from e2e.training.recipes import RECIPES
from e2e.training.run_folder import read_history, read_run, trained_before
from e2e.training.train import train

TASK = TASKS["electron-photon"]
MODEL = "sparse-vit-nano"


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "electron-photon-debug", replace(RECIPES["electron-photon-debug"], max_events=160))
        yield


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return simulate("electron-photon", tmp_path_factory.mktemp("events") / "e", num_events=160, seed=9)


@pytest.fixture(scope="module")
def unlabelled(events, tmp_path_factory):
    """The same candidates, of which nobody knows what they are, under the name of no task."""
    sample = load_candidates(TASK, [events])
    nothing = {"target": np.full(len(sample), np.nan, dtype=np.float32)}
    path = tmp_path_factory.mktemp("stores") / "a.parquet"
    with CandidateWriter(path, TASK.frame, None) as writer:
        writer.write(replace(sample, labels={**sample.labels, **nothing}))
    return path


def run(data, output, **options):
    given = {"model": MODEL, "seed": 3, "threads": 1, "progress": False, "precision": "32-true", **options}
    return pretrain("electron-photon-debug", [data], output, **given)


@pytest.fixture(scope="module")
def encoder(unlabelled, tmp_path_factory):
    return run(unlabelled, tmp_path_factory.mktemp("runs") / "encoder", epochs=3)


class KilledError(Exception):
    pass


class KillInTheSecondEpoch(Callback):
    def on_train_batch_start(self, trainer, module, batch, batch_index):
        if (trainer.current_epoch, batch_index) == (1, 1):
            raise KilledError


def test_labels_are_not_needed_and_the_loss_falls(encoder):
    about = read_run(encoder)
    assert about["state"] == "finished"
    assert about["recipe"]["pretraining"]["masking"] == {"kind": "random", "ratio": 0.75, "empties": 1.0}
    history = read_history(encoder)
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    names = ("occupancy", "logarithm", "energies", "divergence")
    terms = [history[-1][f"validation_{name}"] for name in names]
    weights = [about["recipe"]["pretraining"]["loss"][name] for name in names]
    assert np.dot(terms, weights) == pytest.approx(history[-1]["validation_loss"], rel=1e-5)


def test_a_resumed_run_ends_with_the_same_weights(unlabelled, encoder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "EarlyStopping", lambda *args, **kwargs: KillInTheSecondEpoch())
        with pytest.raises(KilledError):
            run(unlabelled, tmp_path / "killed", epochs=3)
    resumed = load_file(run(unlabelled, tmp_path / "killed", epochs=3) / "weights.safetensors")
    for name, tensor in load_file(encoder / "weights.safetensors").items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


def test_fine_tuning_begins_with_the_encoder(events, encoder, tmp_path):
    """A learning rate of nearly nothing leaves the weights where they began; the head is new."""
    tuned = train(
        "electron-photon-debug",
        [events],
        tmp_path / "tuned",
        model=MODEL,
        start=encoder,
        learning_rate=1e-9,
        epochs=1,
        threads=1,
        progress=False,
    )
    found, before = load_file(tuned / "weights.safetensors"), load_file(encoder / "weights.safetensors")
    for name, tensor in found.items():
        if not name.startswith("head."):
            torch.testing.assert_close(tensor, before[f"backbone.{name}"], rtol=0, atol=1e-6)
    assert not torch.allclose(found["head.weight"], before["backbone.head.weight"])
    assert json.loads((tuned / "run.json").read_text())["start"]["recipe"]["pretraining"]


@pytest.fixture(scope="module")
def vector(events, encoder, tmp_path_factory):
    """Of a length that is no other number, begun from the encoder."""
    return run(events, tmp_path_factory.mktemp("runs") / "vector", features=6, start=encoder, epochs=1)


def test_a_feature_vector_begins_with_encoder_and_decoder(encoder, vector):
    weights = load_file(vector / "weights.safetensors")
    assert weights["backbone.head.weight"].shape[0] == 6
    assert weights["decoder.embed.weight"].shape[1] == 6
    assert weights.keys() == load_file(encoder / "weights.safetensors").keys()
    assert read_run(vector)["recipe"]["pretraining"]["masking"]["ratio"] == 0


def test_all_data_of_the_chain_are_training_data(unlabelled, events, encoder, vector, tmp_path):
    """Encoder, vector, and what is begun from that: nothing that the first has seen is new to the last."""
    assert trained_before(vector)["data"] == [*read_run(vector)["data"], *read_run(encoder)["data"]]
    only_vector = tmp_path / "vector"
    only_vector.mkdir()
    about = {"recipe": {}, "seed": 1, "data": ["second"], "state": "finished", "start": {"data": ["first"]}}
    (only_vector / "run.json").write_text(json.dumps(about))
    assert trained_before(only_vector)["data"] == ["second", "first"]


@pytest.mark.parametrize("model", ["conv-autoencoder-nano", "conv-vae-nano"])
def test_a_dense_autoencoder_goes_the_same_way(unlabelled, events, tmp_path, model):
    """Trains, is loaded as a codec, and its encoder is fine-tuned."""
    options = {"model": model, "features": 5, "epochs": 2, "learning_rate": 0.003}
    dense = run(unlabelled, tmp_path / "dense", **options)
    again = run(unlabelled, tmp_path / "again", **options)
    assert (dense / "weights.safetensors").read_bytes() == (again / "weights.safetensors").read_bytes()
    history, about = read_history(dense), read_run(dense)
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    is_variational = model == "conv-vae-nano"
    assert (history[-1]["validation_divergence"] > 0) == is_variational
    assert about["config"]["num_outputs"] == (10 if is_variational else 5)
    assert (about["features"]["scale"] == [1.0] * 5) == is_variational
    assert load_autoencoder(dense).vectors(load_candidates(TASK, [events]).candidates.load()).shape[1] == 5
    given = {"start": dense, "learning_rate": 1e-9, "epochs": 1, "threads": 1, "progress": False}
    tuned = train("electron-photon-debug", [events], tmp_path / "tuned", model="conv-nano", **given)
    found, before = (load_file(folder / "weights.safetensors") for folder in (tuned, dense))
    torch.testing.assert_close(found["hidden.weight"], before["backbone.hidden.weight"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("other", ["diphoton-mass", "higgs-diphoton"])
def test_events_of_another_task_do(events, other):
    """Those candidates that a bundle of the task would be asked about; with labels they are refused."""
    task = replace(TASKS[other], frame=TASK.frame)
    found = load_candidates(task, [events], needs_targets=False)
    assert len(found) > 100 and np.isnan(found.target).all()
    with pytest.raises(InputError, match=f"`e2e simulate {other}` makes events"):
        load_candidates(task, [events])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet15"}, "no autoencoder 'resnet15'; known: sparse-vit-nano"),
        ({"model": "conv-vae-nano"}, "conv-vae-nano of 0 features: a decoder of tokens"),
        ({"mask": "all"}, "unknown masking 'all'"),
        ({"ratio": 1.0}, "less than 1"),
        ({"ratio": 0.0}, "nothing hidden and no features"),
        ({"features": -1}, "features may be 0"),
        ({"epochs": 0}, "epochs 0; give at least 1"),
        ({"learning_rate": 2.0}, "learning rate 2.0"),
    ],
)
def test_options_that_cannot_be(unlabelled, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        run(unlabelled, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_what_was_begun_otherwise_is_not_gone_on_with(unlabelled, encoder):
    with pytest.raises(InputError, match=r"holds another run: .*ratio 0.[0-9]*, not 0.5"):
        run(unlabelled, encoder, epochs=3, ratio=0.5)
    with pytest.raises(InputError, match="holds a finished run"):
        run(unlabelled, encoder, epochs=3)


def test_no_bundle_of_a_training_without_labels(encoder, tmp_path):
    with pytest.raises(InputError, match="fine-tune it: e2e train electron-photon"):
        export(encoder, tmp_path / "bundle")


def test_by_hand(unlabelled, tmp_path, capsys):
    options = [
        "--model",
        "hybrid-nano",
        "--mask",
        "block",
        "--epochs",
        "1",
        "--max-candidates",
        "120",
        "--threads",
        "1",
    ]
    assert main(["pretrain", "electron-photon-debug", str(unlabelled), "-o", str(tmp_path / "run"), *options]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"trained: {tmp_path / 'run'} (120 candidates, validation loss ")
    assert re.fullmatch(r"epoch 1 of 1: validation loss \d+\.\d{4}, \d+ s\n", said.err)
