"""What several folders of tests share, made once: a small bundle, pools of pile-up. The longest files come first."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from e2e.bundles import Bundle, load_bundle
from e2e.contract import FrameSpec

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of a test
settings.load_profile("untimed")

# A minute or more each: begun last, one of them would keep one worker busy long after the others have ended.
LONG_FILES = ("test_readme.py", "test_compare.py", "test_plugins.py", "test_release.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


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


@pytest.fixture(scope="session")
def pool_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Of a process: the pool of pile-up for its era. Its two thousand collisions take a dozen seconds, and are the same
    for every seed; processes that test at the same time share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "pools"
    folder.mkdir(exist_ok=True)

    def pool_of(process: str) -> Path:
        from e2e.simulation.processes import PROCESSES
        from e2e.simulation.simulate import prepare_pool

        era = PROCESSES[process].era
        path = folder / f"{era.name}.safetensors"
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            prepare_pool(path, era)
        return path

    return pool_of
