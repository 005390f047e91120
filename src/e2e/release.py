"""From a finished training run to a bundle with measured numbers on its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from e2e.bundles.export import export_bundle, move_bundle
from e2e.evaluation.evaluate import evaluate
from e2e.files import make_folder
from e2e.models import build_model
from e2e.problems import InputError
from e2e.tasks import TASKS, Task
from e2e.training.train import load_weights, read_run


def export(run: Path, output: Path, *, test: Sequence[Path] = ()) -> Path:
    """Write the bundle `output` of the run folder `run`; returns `output`.

    test: event stores the network has not seen; their numbers go on the card. Raises InputError for an unfinished run,
    ParityError where PyTorch and ONNX Runtime disagree.
    """
    about = read_run(run)
    if about["state"] != "finished":
        raise InputError(run, "the training is not finished", "call `e2e train` again with the same arguments")
    recipe = about["recipe"]
    if recipe["task"] not in TASKS:
        raise InputError(run, f"unknown task {recipe['task']!r}", f"known: {', '.join(TASKS)}")
    task = TASKS[recipe["task"]]
    frame = replace(task.frame, channels=tuple(about.get("channels", task.frame.channels)))
    network = build_model(recipe["family"], frame, about["config"])
    load_weights(network, run)
    make_folder(output.parent)
    training = {
        "candidates": about["candidates"],
        "data": [*about["data"], *(about["start"]["data"] if "start" in about else [])],
        "recipe": recipe,
        "seed": about["seed"],
        "epochs trained": about["epochs_trained"],
        "machine": about["machine"],
        "limits": list(task.limits),
    }
    if "start" in about:
        training["started from"] = about["start"]
    provenance = {"trained with": about["versions"]}
    if test:
        with TemporaryDirectory(prefix=".export.", dir=output.parent) as folder:
            trial = export_bundle(network, task, Path(folder) / "trial", training=training, provenance=provenance)
            result = evaluate(trial, test, Path(folder) / "evaluation")
            measured = {"test data": result["data"], "test candidates": result["candidates"]}
            return move_bundle(trial, output, {**training, **measured, "metrics": _card_metrics(task, result)})
    return export_bundle(network, task, output, training=training, provenance=provenance)


def _card_metrics(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    if task.output.kind == "probability":
        metrics = {"area under the curve": {**result["auc"], "what": "all of the test data"}}
        if "auc_at_published_pt" in result:
            low, high = task.published["pt"]
            metrics[f"area under the curve, pT {low:.0f} to {high:.0f} GeV"] = {
                **result["auc_at_published_pt"],
                "what": f"published: {task.published['auc']}, {task.published['what']}",
            }
        for key, value in result["rejection"].items():
            what = "1 / background efficiency at this signal efficiency"
            metrics[f"rejection at {key}"] = {**value, "what": what}
        return metrics
    unit = task.output.unit
    named = {"network": "this bundle", "constant": "a constant", "pt_only": "pT alone"}
    return {
        f"mean absolute error, {named[name]}": {**value, "unit": unit, "what": "same candidates"}
        for name, value in result["mean_absolute_error"].items()
    }
