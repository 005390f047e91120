"""What networks do to their input."""

import math

import torch

from e2e.models import build_model, describe_config
from e2e.tasks import TASKS


def test_channels_with_long_tails_enter_as_signed_logarithms():
    task = TASKS["top"]
    network = build_model("resnet15", task.frame, {"input_scale": list(task.input_scale), **task.network})
    seen = []
    network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    d0, ecal = task.frame.channels.index("track_d0"), task.frame.channels.index("ecal_energy")
    size = task.frame.rows * task.frame.columns
    index = torch.tensor([[d0 * size, d0 * size + 1.0, ecal * size, -1.0]])
    network(index, torch.tensor([[0.5, -0.01, 40.0, 9.0]]), torch.zeros(1, 2))
    (image,) = seen
    expected = torch.tensor([math.log(51), -math.log(2), 0.0])
    torch.testing.assert_close(image[0, d0, 0, :3], expected)
    torch.testing.assert_close(image[0, ecal, 0, 0], torch.tensor(2.0))
    assert describe_config(network.config)["log_channels"] == ("track_d0", "track_dz")
