"""The pieces of a training that can be looked at alone: optimiser, processes, temperature, averages."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from e2e.metrics import calibration_error
from e2e.problems import InputError
from e2e.training.callbacks import AveragedWeights, Bar
from e2e.training.distributed import Launch, launched
from e2e.training.optimiser import FINAL_FACTOR, make_optimiser, parameter_groups, rate_factor
from e2e.training.precision import resolve_precision
from e2e.training.recipes import RECIPES, whole_recipe
from e2e.training.run_folder import resume_from
from e2e.training.temperature import fit_temperature

RECIPE = replace(RECIPES["electron-photon"], learning_rate=0.1, weight_decay=0.02)


class Layered(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 4), nn.LayerNorm(4)
        self.position = nn.Embedding(7, 4)
        self.class_token = nn.Parameter(torch.zeros(1, 2, 4))
        self.scale = nn.Conv2d(4, 1, 1)
        self.second = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.head = nn.Linear(4, 1)

    def layers(self):
        return [self.first, self.second]


def settings_of(network, recipe):
    names = {parameter: name for name, parameter in network.named_parameters()}
    groups = parameter_groups(network, recipe)
    found = {names[p]: (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert set(found) == set(names.values())
    return found


def test_only_weights_of_products_decay():
    found = settings_of(Layered(), RECIPE)
    decaying = {name for name, (_, decay) in found.items() if decay == 0.02}
    assert decaying == {"first.weight", "second.0.weight", "second.1.weight", "head.weight"}
    assert {rate for rate, _ in found.values()} == {0.1}


def test_layers_far_from_the_answer_learn_more_slowly():
    found = settings_of(Layered(), replace(RECIPE, layer_decay=0.5))
    rates = {name: rate for name, (rate, _) in found.items()}
    assert rates["head.weight"] == rates["norm.bias"] == 0.1
    assert rates["second.0.weight"] == rates["second.1.bias"] == pytest.approx(0.05)
    assert rates["first.weight"] == pytest.approx(0.025)


def test_a_layer_decay_without_layers_is_one_line():
    with pytest.raises(InputError, match="no layers"):
        parameter_groups(nn.Linear(2, 1), replace(RECIPE, layer_decay=0.9))


def test_the_rate_rises_in_a_line_and_falls_to_a_hundredth():
    optimiser, schedule = make_optimiser(Layered(), replace(RECIPE, warmup_fraction=0.1), 100)
    rates = []
    for _ in range(100):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert np.argmax(rates) == 10
    np.testing.assert_allclose(np.diff(rates[:11]), 0.1 / 11)
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[-1] == pytest.approx(0.1 * FINAL_FACTOR)
    assert rate_factor(0, 0, 1) == 1.0
    assert rate_factor(500, 10, 100) == pytest.approx(FINAL_FACTOR)


def test_what_torchrun_says():
    assert launched({}) == launched({"WORLD_SIZE": "1", "RANK": "0"}) == Launch()
    launch = launched({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"})
    assert launch == Launch(rank=5, ranks=8, local_ranks=4)
    assert (launch.nodes, launch.is_first) == (2, False)


@pytest.mark.parametrize(
    "variables",
    [
        {"WORLD_SIZE": "2"},
        {"WORLD_SIZE": "two", "RANK": "0", "LOCAL_WORLD_SIZE": "2"},
        {"WORLD_SIZE": "3", "RANK": "0", "LOCAL_WORLD_SIZE": "2"},
        {"WORLD_SIZE": "2", "RANK": "2", "LOCAL_WORLD_SIZE": "2"},
        {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_WORLD_SIZE": "0"},
    ],
)
def test_processes_that_do_not_add_up_are_one_line(variables):
    with pytest.raises(InputError, match="processes"):
        launched(variables)


def test_a_temperature_undoes_overconfidence():
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 1.5, 20_000)
    is_signal = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    assert fit_temperature(3 * logit, is_signal) == (pytest.approx(3.0, abs=0.15), "")
    assert fit_temperature(logit / 3, is_signal) == (pytest.approx(1 / 3, abs=0.02), "")


def test_a_temperature_that_is_no_better_than_one_is_not_fitted():
    rng = np.random.default_rng(3)
    logit = rng.normal(0, 1.5, 20_000)
    is_signal = rng.random(20_000) < 1 / (1 + np.exp(-logit))
    value, reason = fit_temperature(logit, is_signal)
    assert value == 1.0 and "within its error" in reason
    few = slice(60)
    assert fit_temperature(1.1 * logit[few], is_signal[few]).value == 1.0


@pytest.mark.parametrize(
    ("logit", "bound"),
    [([-1.0, -0.5, 0.5, 1.0], "0.25"), ([1.0, -1.0, 1.0, -1.0], "4.00"), ([-900.0, -800.0, 900.0, 800.0], "within")],
)
def test_a_temperature_at_its_bound_is_not_fitted(logit, bound):
    """Told apart without a mistake, told nothing, and sure beyond any loss."""
    value, reason = fit_temperature(logit * 50, [False, False, True, True] * 50)
    assert value == 1.0 and bound in reason


def test_averaged_weights_forget_their_beginning_and_then_follow_slowly():
    network = nn.Linear(1, 1, bias=False)
    averages = AveragedWeights(0.5)
    model = torch.optim.swa_utils.AveragedModel(network, use_buffers=averages._use_buffers, **averages._kwargs)
    expected = None
    for count, value in enumerate([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]):
        nn.init.constant_(network.weight, value)
        model.update_parameters(network)
        decay = min(0.5, (1 + count) / (10 + count))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    assert model.module.weight.item() == pytest.approx(expected)


def test_averages_lie_where_the_weights_will_be():
    """Lightning moves the network after this; `meta` stands for a GPU."""
    module = LightningModule()
    module.network = nn.Linear(2, 1)
    averages = AveragedWeights(0.5)
    averages.setup(SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("meta"))), module, "fit")
    assert {parameter.device.type for parameter in averages._average_model.parameters()} == {"meta"}
    assert module.network.weight.device.type == "cpu"


def test_a_run_with_a_start_is_not_taken_up_without_or_with_another(tmp_path):
    plain = {"recipe": whole_recipe({"task": "top"}), "seed": 1}
    started, other = ({**plain, "start": {"seed": seed}} for seed in (2, 3))
    for earlier, about in ((started, plain), (plain, started), (started, other)):
        with pytest.raises(InputError, match=r"holds another run: (different start|start: seed 2, not 3); choose"):
            resume_from(tmp_path, {**earlier, "state": "running"}, about)
    for same in (plain, started):
        assert resume_from(tmp_path, {**same, "state": "running"}, same) is None


def test_a_run_of_an_older_version_is_taken_up_where_its_recipe_is_the_same(tmp_path):
    about = {"recipe": whole_recipe({"task": "top", "epochs": 3}), "seed": 1}
    older = {"recipe": {"task": "top", "epochs": 3}, "seed": 1, "state": "running"}  # knew no joint trainings
    assert resume_from(tmp_path, older, about) is None
    with pytest.raises(InputError, match="holds another run: joint false, not true; choose"):
        resume_from(tmp_path, older, {**about, "recipe": {**about["recipe"], "joint": True}})


def test_calibration_error_of_honest_and_of_boastful_answers():
    rng = np.random.default_rng(4)
    said = rng.random(60_000)
    truth = rng.random(60_000) < said
    assert calibration_error(said, truth) < 0.01
    assert calibration_error(np.full(60_000, 0.9), truth) == pytest.approx(0.4, abs=0.01)
    assert calibration_error(np.where(said > 0.5, 1.0, 0.0), truth, bins=10) == pytest.approx(0.25, abs=0.01)
    assert np.isnan(calibration_error([], []))


@pytest.mark.parametrize(
    ("has_gpu", "has_bf16", "precision"),
    [(True, True, "bf16-mixed"), (True, False, "32-true"), (False, True, "32-true")],
)
def test_precision_is_full_but_on_a_gpu_that_computes_in_less(monkeypatch, has_gpu, has_bf16, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert resolve_precision("auto") == precision
    assert resolve_precision("16-mixed") == "16-mixed"


def test_the_bar_is_on_standard_error(capsys):
    bar = Bar()
    bar._trainer = SimpleNamespace(state=SimpleNamespace(fn="fit"))
    for make in (bar.init_train_tqdm, bar.init_validation_tqdm):
        with make() as shown:
            shown.total = 3
            shown.update(2)
            shown.refresh()
    said = capsys.readouterr()
    assert said.out == "" and "2/3" in said.err
