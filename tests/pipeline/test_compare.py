"""A contest among small networks, from nothing to its table."""

import json
import shutil

import numpy as np
import pytest
import torch

from e2e.cli import main
from e2e.comparison.compare import compare
from e2e.comparison.cost import count_operations
from e2e.datasets import load_candidates
from e2e.datasets.convert import convert
from e2e.metrics import area_under_curve, holm, paired_areas, paired_means
from e2e.models.layers import Block, BlockConfig
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training.train import train

MODELS = ("resnet15", "hybrid-nano")


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """Folder and result; the third model cannot be trained on what it is given."""
    folder = tmp_path_factory.mktemp("contest")
    for name, seed, number in (("train", 41, 500), ("test", 42, 300)):
        convert([simulate("electron-photon", folder / f"{name}-events", num_events=number, seed=seed)], folder / name)
    problems = Problems()
    (folder / "broken").mkdir()
    (folder / "broken" / "run.json").write_text("{")
    (folder / "broken" / "weights.safetensors").write_text("")
    result = compare(
        "electron-photon", (*MODELS, str(folder / "broken")), [folder / "test"], folder / "out",
        data=[folder / "train"], seeds=2, leading=1, sizes=(200,), epochs=1, problems=problems,
    )  # fmt: skip
    return folder, result, problems


def test_the_table_says_what_was_measured(contest):
    folder, result, _ = contest
    assert json.loads((folder / "out" / "comparison.json").read_text()) == json.loads(json.dumps(result))
    rows = result["models"]
    assert {row["model"] for row in rows} == set(MODELS)
    assert [row["auc"]["value"] for row in rows] == sorted((row["auc"]["value"] for row in rows), reverse=True)
    assert sorted(row["trainings"] for row in rows) == [1, 2]  # the leading one has two
    for row in rows:
        assert row["p_value"] == 1.0 if row is rows[0] else 0 <= row["p_value"] <= 1
        assert row["auc"]["error"] > 0 and len(row["auc_of_trainings"]) == row["trainings"]
        assert row["operations"] > row["parameters"] / 2 > 0 and row["latency"]["median_ms"] > 0
        assert set(row["rejection"]) == {"30%", "50%", "80%"}
        assert row["training"]["candidates"] > 300 and row["training"]["training_seconds"] > 0
        assert 200 in result["learning_curves"][row["model"]]
    reference = next(row for row in rows if row["model"] == "resnet15")
    assert reference["latency"]["ratio"] == {"to": "resnet15", "value": 1.0, "error": 0.0}
    table = (folder / "out" / "table.md").read_text()
    assert all(f"| {name} |" in table for name in MODELS)
    for picture in ("roc", "auc-against-latency", "learning-curves"):
        assert "<svg" in (folder / "out" / f"{picture}.svg").read_text()


def test_what_went_wrong_is_named_and_takes_no_other_with_it(contest):
    _, _, problems = contest
    (problem,) = problems
    assert problem.where.startswith("broken-") and "unreadable" in problem.what


def test_nothing_is_made_twice_and_bundles_take_part(contest, capsys):
    folder, result, _ = contest
    out = folder / "out"
    before = {path: path.stat().st_mtime_ns for path in out.glob("*s/**/*") if path.is_file()}
    bundle = out / "bundles" / "resnet15-seed1"
    command = f"compare electron-photon --models hybrid-nano {bundle} --test {folder / 'test'} -o {out} --json"
    assert main(command.split()) == 0
    again = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in again["models"]} == {"hybrid-nano", "resnet15-seed1"}
    first = {row["model"]: row["auc_of_trainings"][0] for row in result["models"]}
    second = {row["model"]: row["auc_of_trainings"][0] for row in again["models"]}
    assert second["resnet15-seed1"] == first["resnet15"]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_was_trained_otherwise_is_not_taken(contest):
    """Else one table would hold trainings of other lengths or data, and say that they are alike."""
    folder, *_ = contest

    def refused(**options):
        problems = Problems()
        settings = {"epochs": 1, "data": [folder / "train"], "problems": problems, **options}
        with pytest.raises(InputError, match="choose another folder"):
            compare("electron-photon", ["hybrid-nano"], [folder / "test"], folder / "out", **settings)
        return problems[0].what

    assert "with epochs 1, not 2" in refused(epochs=2)
    assert "with max_candidates None, not 300" in refused(max_candidates=300)
    other = convert([simulate("electron-photon", folder / "other-events", num_events=500, seed=43)], folder / "other")
    assert "on other data" in refused(data=[other.output])


@pytest.mark.slow
def test_bundles_of_the_same_name_are_told_apart(contest, tmp_path):
    folder, result, _ = contest
    copies = []
    for kind in MODELS:
        copies.append(tmp_path / kind / "same")
        shutil.copytree(folder / "out" / "runs" / f"{kind}-seed1", copies[-1])
    for copy, name in zip(copies, MODELS, strict=True):
        found = compare("electron-photon", [str(copy)], [folder / "test"], tmp_path / "out")
        (row,) = found["models"]
        (first,) = (known for known in result["models"] if known["model"] == name)
        assert row["family"] == first["family"] and row["auc_of_trainings"][0] == first["auc_of_trainings"][0]


def test_mistakes_are_one_line(contest, tmp_path, capsys):
    folder, *_ = contest

    def fails(models, task="electron-photon", test=folder / "test"):
        with pytest.raises(InputError) as caught:
            compare(task, models, [test], tmp_path / "out", data=[folder / "train"])
        return str(caught.value)

    assert "did you mean 'hybrid-nano'" in fails(["hybrid-nan"])
    assert "named twice: resnet15" in fails(["resnet15", "resnet15"])
    assert "unknown task 'photons'" in fails(["resnet15"], "photons")
    bundle = folder / "out" / "bundles" / "resnet15-seed1"
    assert "with seed 41" in fails([str(bundle)], test=folder / "train")
    with pytest.raises(InputError, match=r"nothing to train hybrid-nano on; give --data"):
        compare("electron-photon", ["hybrid-nano"], [folder / "test"], tmp_path / "out")
    photons = convert(
        [simulate("photon", folder / "photons", num_events=60, seed=44)], folder / "p", task="electron-photon"
    )
    assert "are of one kind, not of both electrons and photons" in fails(["resnet15"], test=photons.output)


def test_masses_are_compared_by_their_error(tmp_path, capsys):
    for name, seed, number in (("train", 51, 600), ("test", 52, 400)):
        convert([simulate("diphoton-mass", tmp_path / f"{name}-events", num_events=number, seed=seed)], tmp_path / name)
    options = {"data": [tmp_path / "train"], "epochs": 1}
    result = compare("diphoton-mass", MODELS, [tmp_path / "test"], tmp_path / "out", **options)
    rows = result["models"]
    errors = [row["mean_absolute_error"]["value"] for row in rows]
    assert errors == sorted(errors) and 0.1 < errors[0] < 0.6
    assert rows[1]["behind_best"]["value"] == pytest.approx(errors[1] - errors[0], abs=1e-4)
    for row in rows:
        assert 0 < row["whole_range"]["coverage"]["value"] <= 1 and len(row["by_true_value"]) == 8
    beside = {row["model"]: row for row in result["classical"]}
    assert set(beside) == {"constant", "pt_only", "calorimeter_mass"}
    truth = load_candidates(TASKS["diphoton-mass"], [tmp_path / "test"])
    within = truth.target[truth.is_measured(TASKS["diphoton-mass"])]
    of_constant = np.abs(within - np.median(within)).mean()
    assert beside["constant"]["mean_absolute_error"]["value"] == pytest.approx(of_constant, rel=0.03)
    for name in ("widths", "mean-absolute-error-against-latency"):
        assert "<svg" in (tmp_path / "out" / f"{name}.svg").read_text()
    table = (tmp_path / "out" / "table.md").read_text()
    assert "mean absolute error [GeV]" in table and "coverage" in table and "| constant |" in table
    photons = convert(
        [simulate("photon", tmp_path / "g", num_events=60, seed=44)], tmp_path / "p", task="diphoton-mass"
    )
    with pytest.raises(InputError, match="no A -> gamma gamma among the test candidates"):
        compare("diphoton-mass", MODELS, [photons.output], tmp_path / "other", data=[tmp_path / "train"])


def test_operations_are_those_of_the_products(contest):
    """An attention of 37 tokens, by hand: matrices on each token, then scores and mixing among all."""
    folder, *_ = contest
    block, tokens, width = Block(BlockConfig(width=16, heads=2)), 37, 16

    class Network(torch.nn.Module):
        def forward(self, pixel_index, pixel_value, seed):
            return block(torch.zeros(1, tokens, width), None)

    candidates = load_candidates(TASKS["electron-photon"], [folder / "test"])
    matrices = tokens * (3 + 1 + 2 + 2) * width**2
    assert count_operations(Network(), candidates) == 2 * (matrices + 2 * tokens**2 * width)


def test_several_p_values_are_corrected_for_being_several():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9]) == [0.9] and holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.slow
def test_a_run_of_the_same_name_is_gone_on_with(contest, tmp_path):
    """What another program trained in the place of a contest is taken as it is."""
    folder, *_ = contest
    run = tmp_path / "runs" / "hybrid-nano-seed1"
    run.parent.mkdir()
    train("electron-photon-debug", [folder / "train"], run, model="hybrid-nano", epochs=1, progress=False)
    result = compare("electron-photon", ["hybrid-nano"], [folder / "test"], tmp_path)
    assert result["models"][0]["training"]["epochs_trained"] == 1


def test_paired_means_are_those_of_the_same_rows():
    values = np.random.default_rng(5).normal(1.0, 2.0, (2, 3000))
    values[1] = values[0] + 0.5
    means = paired_means(values, repeats=400)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 0.5)
    assert means[:, 0].std() == pytest.approx(2.0 / np.sqrt(3000), rel=0.12)


def test_paired_areas_have_the_spread_of_the_exact_error():
    rng = np.random.default_rng(3)
    truth = rng.random(4000) < 0.4
    good = truth + rng.normal(0, 1.0, 4000)
    scores = np.stack((good, good, np.round(good + rng.normal(0, 0.3, 4000), 1)))
    areas = paired_areas(scores, truth, repeats=300)
    exact = [area_under_curve(score, truth) for score in scores]
    for measured, (value, error) in zip(areas.T, exact, strict=True):
        assert abs(measured.mean() - value) < 4 * error / np.sqrt(300)
        assert 0.85 < measured.std() / error < 1.15
    np.testing.assert_array_equal(areas[:, 0], areas[:, 1])
    difference = areas[:, 0] - areas[:, 2]
    assert difference.std() < 0.5 * exact[0].error  # what is common drops out
