"""A trained run becomes a measured bundle; what would make its numbers wrong is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from e2e.bundles import load_bundle
from e2e.contract.answers import AnswerConfig
from e2e.datasets import load_candidates
from e2e.evaluation.evaluate import evaluate, summary
from e2e.inference.predict import predict
from e2e.models import build_model
from e2e.problems import InputError
from e2e.release import export
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training import intervals
from e2e.training.run_folder import read_history, read_run, start_from, trained_before
from e2e.training.train import train


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Training and test events, the run, and its bundle with measured numbers."""
    folder = tmp_path_factory.mktemp("release")
    for name, seed in (("train", 11), ("test", 12)):
        simulate("diphoton-mass", folder / name, num_events=500, seed=seed)
    train("diphoton-mass-debug", [folder / "train"], folder / "run", threads=1, progress=False)
    export(folder / "run", folder / "new" / "bundle", test=[folder / "test"])
    return folder


def test_the_card_carries_measured_numbers(made):
    contract = load_bundle(made / "new" / "bundle").contract
    metrics = contract.training["metrics"]
    guesses = ("this bundle", "a constant", "pT alone", "the invariant mass of the calorimeters")
    beside = {"resolution", "bias", "coverage of the interval", "half length of the interval", "flagged"}
    assert set(metrics) == {f"mean absolute error, {name}" for name in guesses} | beside
    assert all(metric["error"] > 0 for metric in metrics.values())
    assert 0.3 < metrics["mean absolute error, a constant"]["value"] < 0.5  # flat from 0 to 1.6: a quarter of it
    assert contract.training["test data"][0]["seed"] == 12
    assert "a constant" in (made / "new" / "bundle" / "README.md").read_text()


def test_the_contract_and_the_card_say_which_pt_was_trained_on(made):
    contract = load_bundle(made / "new" / "bundle").contract
    pt = load_candidates(TASKS["diphoton-mass"], [made / "train"]).pt
    low, high = contract.trained_pt_gev
    assert 20.0 <= low <= pt.min() < low + 0.1 and high - 0.1 < pt.max() <= high <= 100.0
    assert f"Candidates of pT {low:g} to {high:g} GeV" in (made / "new" / "bundle" / "README.md").read_text()


def test_the_bundle_keeps_the_numbers_of_its_training_curve(made):
    history = json.loads((made / "new" / "bundle" / "training.json").read_text())
    assert history == read_history(made / "run")
    assert [row["epoch"] for row in history] == [0.0, 1.0] and all("validation_loss" in row for row in history)


def test_evaluation_writes_valid_json_and_pictures(made, tmp_path):
    result = evaluate(made / "new" / "bundle", [made / "test"], tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == json.loads(json.dumps(result))
    for name in ("response", "residual"):
        assert (tmp_path / f"{name}.svg").read_text().startswith("<?xml")
    assert result["signal_candidates"] + result["other"]["candidates"] == result["candidates"]
    assert "mean absolute error" in summary(result)


def test_a_mass_comes_with_its_interval_and_a_flag(made):
    bundle = load_bundle(made / "new" / "bundle")
    assert bundle.contract.output_names == ("mass", "mass_lower", "mass_upper", "mass_out_of_range")
    assert [column.unit for column in bundle.contract.outputs] == ["GeV", "GeV", "GeV", "1"]
    predictions = predict(bundle, [made / "test"])
    assert "mass_out_of_range for " in predictions.summary()
    rows = predictions.to_json()
    assert len(rows) > 490
    for row in rows:
        assert row["mass_lower"] <= row["mass"] <= row["mass_upper"]
        assert row["mass_out_of_range"] == float(row["mass"] < 0 or row["mass_upper"] > np.float32(1.6))


def test_a_gaussian_whose_bias_is_corrected_is_exported_as_it_was_fitted(made, tmp_path, monkeypatch):
    monkeypatch.setattr(intervals, "LEAST_CANDIDATES", 20)
    options = {"quantity": "gaussian", "corrects_bias": True, "epochs": 1, "threads": 1, "progress": False}
    run = train("diphoton-mass-debug", [made / "train"], tmp_path / "run", **options)
    bundle = load_bundle(export(run, tmp_path / "bundle"))  # refused unless PyTorch and ONNX Runtime agree
    (answer,) = bundle.contract.model.answers
    assert answer.kind == "gaussian" and len(answer.excess) > 1 and answer.stretch != 1.0
    about = json.loads((run / "run.json").read_text())
    assert AnswerConfig.from_json(about["answer"]) == answer
    assert about["interval"]["candidates"] < 60  # every second one of the signal held back
    with pytest.raises(InputError, match="choose one of: quantiles, gaussian, point"):
        train("diphoton-mass-debug", [made / "train"], tmp_path / "x", quantity="probability")


def test_a_start_gives_all_but_a_head_of_other_numbers(made, tmp_path):
    point = train("diphoton-mass-debug", [made / "train"], tmp_path / "point", quantity="point", epochs=1, threads=1)
    bundle = export(point, tmp_path / "bundle")
    recipe, frame = read_run(point)["recipe"], TASKS["diphoton-mass"].frame
    weights = load_file(point / "weights.safetensors")
    # the third: as many numbers, which mean another thing
    for num_outputs, now in ((3, {"quantity": "quantiles"}), (1, {}), (1, {"relative": True})):
        for start in (point, bundle):
            network = build_model("resnet15", frame, {"input_scale": [0.04], "num_outputs": num_outputs})
            before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            start_from(network, ["ecal_energy"], start, {**recipe, **now})
            for name, tensor in network.state_dict().items():
                assert torch.equal(tensor, before[name] if name.startswith("head.") and now else weights[name])
    assert trained_before(bundle)["data"] == trained_before(point)["data"]


def test_training_events_are_no_test_events(made, tmp_path):
    longer = simulate("diphoton-mass", tmp_path / "longer", num_events=520, seed=11)
    for data in (made / "train", longer):
        with pytest.raises(InputError, match="was trained on process diphoton-mass with seed 11"):
            evaluate(made / "new" / "bundle", [data], tmp_path / "evaluation")


def test_starting_weights_bring_their_training_data_along(made, tmp_path, pool_for):
    pool = pool_for("diphoton-mass")
    more = simulate("diphoton-mass", tmp_path / "more", num_events=400, seed=13, pileup=5.0, pool=pool)
    run = train(
        "diphoton-mass-debug", [more], tmp_path / "run", start=made / "run", epochs=1, threads=1, progress=False
    )
    contract = load_bundle(export(run, tmp_path / "bundle")).contract
    assert [entry["seed"] for entry in contract.training["data"]] == [13, 11]
    assert contract.training["started from"]["epochs_trained"] == 2
    with pytest.raises(InputError, match="with seed 11"):
        evaluate(tmp_path / "bundle", [made / "train"], tmp_path / "evaluation")


def test_one_kind_of_candidate_gives_null_not_nan(made, tmp_path, untrained_bundle):
    electrons = simulate("electron", tmp_path / "electrons", num_events=30, seed=5)
    result = evaluate(untrained_bundle.path, [electrons], tmp_path / "evaluation")
    assert result["auc"] == {"value": None, "error": None}
    assert "too few candidates" in summary(result)


@pytest.mark.parametrize("temperature", [{"temperature": 2.0}, {"temperature_not_fitted": "too few candidates"}])
def test_the_card_has_a_temperature_where_one_was_fitted_and_says_what_was_taken(tmp_path, temperature):
    events = simulate("electron-photon", tmp_path / "events", num_events=150, seed=5)
    options = {"epochs": 1, "max_candidates": 100, "threads": 1, "progress": False}
    run = train("electron-photon-debug", [events], tmp_path / "run", **options)
    about = json.loads((run / "run.json").read_text())
    for key in ("temperature", "temperature_not_fitted", "answer"):  # "answer": as before version 0.2
        about.pop(key, None)
    (run / "run.json").write_text(json.dumps({**about, **temperature}))
    contract = load_bundle(export(run, tmp_path / "bundle")).contract
    assert contract.training.get("temperature") == temperature.get("temperature")
    assert contract.training["selection"] == {"random": 100, "of": 150, "seed": 0}
    scale = 1 / temperature.get("temperature", 1.0)
    assert contract.model.answers == (AnswerConfig("probability", scale=scale),)
    assert ("temperature" in (tmp_path / "bundle" / "README.md").read_text()) == ("temperature" in temperature)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "run.json").unlink(), "not a training run"),
        (lambda run: (run / "weights.safetensors").unlink(), "weights.safetensors is missing"),
        (lambda run: (run / "weights.safetensors").write_bytes(b"short"), "missing or damaged"),
        (
            lambda run: (run / "run.json").write_text((run / "run.json").read_text().replace("finished", "running")),
            "not finished",
        ),
    ],
)
def test_a_damaged_run_makes_no_bundle(made, tmp_path, spoil, message):
    run = shutil.copytree(made / "run", tmp_path / "run")
    spoil(run)
    with pytest.raises(InputError, match=message):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
