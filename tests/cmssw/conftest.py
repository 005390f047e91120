"""The program and an area with bundles, once for the folder."""

import shutil
from pathlib import Path

import harness
import pytest


@pytest.fixture(scope="session")
def program():
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    return harness.build(harness.ROOT / "build" / "cmssw")


@pytest.fixture(scope="session")
def area(program, tmp_path_factory):
    zoo = Path(harness.ROOT / "zoo")
    return harness.Area.make(tmp_path_factory.mktemp("area"), program, [zoo / name for name in harness.BUNDLES])
