"""Networks in ONNX Runtime without a bundle around them, one after the other on each candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime
import torch
from _measuring import seconds
from torch import nn

from e2e.datasets import load_candidates
from e2e.frames import Packed
from e2e.metrics import bootstrap
from e2e.simulation.simulate import simulate
from e2e.tasks import Task


def one_by_one(task: Task, inputs: Sequence[Path], count: int) -> list[Packed]:
    """The first `count` candidates of the inputs; without any, of events that are simulated for it, pile-up 20."""
    with TemporaryDirectory() as folder:
        inputs = inputs or [simulate(task.name, Path(folder) / "events", num_events=3 * count, pileup=20.0)]
        return [packed for packed, _ in load_candidates(task, inputs).select(slice(count)).batches(1)]


def session(network: nn.Module, example: Any, axes: Mapping[str, Any], path: Path) -> onnxruntime.InferenceSession:
    """axes: of each input, the names of its dynamic axes."""
    dims = {name: torch.export.Dim(name) for shape in axes.values() for name in shape.values()}
    shapes = {name: {axis: dims[dim] for axis, dim in shape.items()} for name, shape in axes.items()}
    names: dict[str, Any] = {"input_names": list(axes), "dynamic_shapes": shapes}
    torch.onnx.export(network.eval(), example, path, dynamo=True, opset_version=20, verbose=False, **names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def in_turn(ways: Mapping[str, Callable[[Any], object]], feeds: Sequence[Any]) -> dict[str, np.ndarray]:
    """Seconds of each way for each feed; what else the machine does meets all alike."""
    taken = [[seconds(lambda way=way, feed=feed: way(feed)) for way in ways.values()] for feed in feeds]
    return dict(zip(ways, np.array(taken).T, strict=True))


def milliseconds(taken: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: round(1e3 * float(np.median(own)), 4) for name, own in taken.items()}


def ratio(own: np.ndarray, reference: np.ndarray) -> dict[str, float | None]:
    """The median over the feeds, with its error."""
    return bootstrap(lambda a, b: float(np.median(a / b)), own, reference).to_json()
