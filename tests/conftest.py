"""What several folders of tests share: one small bundle, exported once a session."""

from pathlib import Path

import pytest
from hypothesis import settings

from e2e.bundles import Bundle, load_bundle
from e2e.contract import FrameSpec

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of a test
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def untrained_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small ResNet-15 with random weights and two channels; takes some seconds. Copy it before spoiling it."""
    import torch

    from e2e.bundles.export import export_bundle
    from e2e.models import build_model
    from e2e.tasks import TASKS

    torch.manual_seed(5)
    frame = FrameSpec(channels=("ecal_energy", "ecal_time"))
    network = build_model("resnet15", frame, {"input_scale": [0.04, 0.1], "maps": 4, "blocks": 1})
    training = {"metrics": {"auc": {"value": 0.5, "error": 0.01, "what": "random weights"}}, "limits": ["not trained"]}
    folder: Path = tmp_path_factory.mktemp("zoo") / "untrained"
    return load_bundle(export_bundle(network, TASKS["electron-photon"], folder, training=training))
