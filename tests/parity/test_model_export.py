"""Every kind of network becomes a bundle whose answers are PyTorch's: any batch, any length, empty, extreme."""

import pytest
import torch

from e2e.bundles import load_bundle
from e2e.bundles.export import export_bundle
from e2e.contract.answers import AnswerConfig
from e2e.models import build_model, find_model, model_names, numbers_for
from e2e.tasks import TASKS

# the quick suite exports a hybrid for `compare` and a sparse transformer for the README
NANO = [name for name in model_names() if name.endswith("-nano")]


@pytest.mark.parametrize(
    ("name", "task"), [*((name, "electron-photon") for name in NANO), ("pixel-hybrid-nano", "ditau-mass")]
)
@pytest.mark.slow
def test_a_network_of_every_kind_can_be_exported(name, task, tmp_path):
    task = TASKS[task]
    family, numbers = find_model(name)
    torch.manual_seed(3)
    config = {"input_scale": list(task.input_scale), **numbers_for(family, task.network), **numbers}
    answer = AnswerConfig(task.output.kind if task.output.kind == "probability" else "point", scale=1 / 1.7)
    bundle = load_bundle(
        export_bundle(build_model(family, task.frame, config), task, tmp_path / "bundle", answers=[answer])
    )
    assert bundle.contract.model.family == family
    assert bundle.contract.model.answers == (answer,)
    assert bundle.contract.tolerance_scale == ((1.0,) if answer.kind == "probability" else (answer.scale,))


@pytest.mark.parametrize(
    "answers",
    [
        [AnswerConfig("quantiles", 200.0, 1.3, (150.0, 300.0), (4.0, -2.0), (100.0, 440.0), relative=True)],
        pytest.param(
            [AnswerConfig("gaussian", 200.0), AnswerConfig("quantiles", 500.0, relative=True)], marks=pytest.mark.slow
        ),
    ],
    ids=["relative", "joint"],
)
def test_a_relative_and_a_joint_answer_are_the_same_in_onnx_and_after_reading(answers, tmp_path):
    task = TASKS["top-mass"]
    torch.manual_seed(3)
    family, numbers = find_model("sparse-vit-nano")
    config = {"input_scale": list(task.input_scale), **numbers_for(family, task.network), **numbers}
    config["num_outputs"] = sum(answer.num_raw for answer in answers)
    network = build_model(family, task.frame, config)
    bundle = load_bundle(export_bundle(network, task, tmp_path / "bundle", answers=answers))  # compares with ONNX
    assert bundle.contract.model.answers == tuple(answers)
    assert bundle.contract.num_own == 4
    assert bundle.contract.output_names[4:5] == ("particle_pt",) * (len(answers) - 1)
