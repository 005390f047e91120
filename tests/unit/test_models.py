"""What networks do to their input."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from e2e.models import build_model, describe_config, numbers_for
from e2e.problems import InputError
from e2e.tasks import TASKS
from e2e.training.recipes import whole_recipe
from e2e.training.run_folder import RUN, WEIGHTS, start_from


def test_channels_with_long_tails_enter_as_logarithms_of_their_size():
    task = TASKS["top"]
    network = build_model(
        "resnet15", task.frame, {"input_scale": list(task.input_scale), **numbers_for("resnet15", task.network)}
    )
    seen = []
    network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    d0, ecal = task.frame.channels.index("track_d0"), task.frame.channels.index("ecal_energy")
    size = task.frame.rows * task.frame.columns
    index = torch.tensor([[d0 * size, d0 * size + 1.0, ecal * size, -1.0]])
    network(index, torch.tensor([[0.5, -0.01, 40.0, 9.0]]), torch.zeros(1, 2))
    (image,) = seen
    expected = torch.tensor([math.log(51), math.log(2), 0.0])
    torch.testing.assert_close(image[0, d0, 0, :3], expected)
    torch.testing.assert_close(image[0, ecal, 0, 0], torch.tensor(2.0))
    assert describe_config(network.config)["log_channels"] == ("track_d0", "track_dz")


def test_a_network_of_more_channels_starts_with_the_answers_of_one_of_fewer(tmp_path):
    """Also where the channels come in another order, and whatever the new ones hold."""
    task = TASKS["top"]
    few = replace(task.frame, channels=("hcal_energy", "track_pt"))

    def network(frame):
        return build_model(
            "resnet15", frame, {"input_scale": list(task.scales_of(frame)), **numbers_for("resnet15", task.network)}
        )

    earlier, later = network(few), network(task.frame)
    save_file(earlier.state_dict(), tmp_path / WEIGHTS)
    about = {"recipe": {}, "seed": 1, "data": [], "state": "finished", "channels": few.channels}
    (tmp_path / RUN).write_text(json.dumps(about))
    start_from(later, task.frame.channels, tmp_path, whole_recipe({}))

    size = task.frame.rows * task.frame.columns
    places = {name: task.frame.channels.index(name) for name in ("track_pt", "hcal_energy", "bpix1")}
    value, seed = torch.tensor([[3.0, 20.0, 5.0]]), torch.zeros(1, 2)
    wide = torch.tensor([[size * places[name] + 700.0 for name in ("track_pt", "hcal_energy", "bpix1")]])
    narrow = torch.tensor([[size + 700.0, 700.0, -1.0]])
    torch.testing.assert_close(later(wide, value, seed), earlier(narrow, value, seed))
    start_from(network(few), few.channels, tmp_path, whole_recipe({}))
    with pytest.raises(InputError, match="does not fit"):
        start_from(network(replace(few, channels=("track_pt",))), ("track_pt",), tmp_path, whole_recipe({}))
