"""Real files live beside the checkout, in `../shared/data`; none is part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real files: {SHARED_DATA} is absent")
    return SHARED_DATA
