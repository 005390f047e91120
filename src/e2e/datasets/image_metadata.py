"""What our exported images say of themselves: task and channels, beside the images as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from e2e.contract import CHANNELS
from e2e.datasets.source import Layout
from e2e.problems import InputError
from e2e.tasks import TASKS

KEY = "e2e_images"  # of the Parquet metadata, or of the HDF5 file's attributes


class Said(NamedTuple):
    """What a file says of its images. task: None where nobody knows it."""

    task: str | None
    channels: tuple[str, ...]


def write_said(layout: Layout) -> str:
    return json.dumps({"task": layout.task, "channels": layout.frame.channels})


def read_said(path: Path, text: Any) -> Said | None:
    """None where the file says nothing. Raises InputError for something else than we write."""
    if text is None:
        return None
    try:
        content = json.loads(text)
        said = Said(content["task"], tuple(content["channels"]))
        is_known = (said.task is None or said.task in TASKS) and set(said.channels) <= CHANNELS.keys()
    except (ValueError, TypeError, KeyError, RecursionError):
        is_known = False
    if not is_known:
        raise InputError(path, f"its {KEY} are damaged, or of a newer e2e", "export the images again")
    return said
