"""From a finished training run to a bundle with measured numbers on its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from e2e.bundles import load_bundle
from e2e.bundles.bundle import TRAINING_CURVE, TRAINING_HISTORY, WORKING_POINTS, digest_file
from e2e.bundles.columns import answer_for
from e2e.bundles.export import export_bundle, move_bundle
from e2e.cmssw import write_for_cmssw
from e2e.contract.answers import AnswerConfig
from e2e.datasets import load_candidates
from e2e.evaluation.evaluate import check_unseen, evaluate_on
from e2e.evaluation.plots import to_svg, training_figure
from e2e.files import make_folder
from e2e.inference.engine import load_engine
from e2e.models import build_model
from e2e.problems import InputError
from e2e.tasks import TASKS, Task
from e2e.training.run_folder import WEIGHTS, data_seen, load_weights, read_history, read_run

RUN_WEIGHTS = "SHA-256 of the run's weights"  # in a bundle's provenance


def export(
    run: Path,
    output: Path | None = None,
    *,
    test: Sequence[Path] = (),
    cmssw: Path | None = None,
    say: Callable[[str], Any] = lambda line: None,
) -> Path:
    """Write the bundle `output` of the run folder `run`; returns `output`.

    cmssw: put it into this area of CMSSW as well, see `write_for_cmssw`; `run` may then be a bundle, without an
    `output`, and the configuration written is returned. The temperature found at the end of the training, if one was,
    is inside; the training curve and its numbers lie beside the card. test: candidates the network has not seen; their
    numbers go on the card, a tagger's working points into `working_points.json`. say: is told each step.
    Raises InputError for an unfinished run, and for a test of what it was trained on; ParityError where PyTorch and
    ONNX Runtime disagree.
    """
    if cmssw is not None:
        return write_for_cmssw(run if output is None else export(run, output, test=test, say=say), cmssw)
    if output is None:
        raise InputError(run, "nothing to write", "give a folder for the bundle, or a CMSSW area")
    about = read_run(run)
    if about["state"] != "finished":
        raise InputError(run, "the training is not finished", "call `e2e train` again with the same arguments")
    recipe = about["recipe"]
    if "pretraining" in recipe:
        what = "was trained without labels, and answers nothing"
        raise InputError(run, what, f"fine-tune it: e2e train {recipe['task']} DATA -o OTHER --start {run} --model ...")
    if recipe["task"] not in TASKS:
        raise InputError(run, f"unknown task {recipe['task']!r}", f"known: {', '.join(TASKS)}")
    task = TASKS[recipe["task"]]
    frame = replace(task.frame, channels=tuple(about.get("channels", task.frame.channels)))
    network = build_model(recipe["family"], frame, about["config"])
    load_weights(network, run)
    trained_on = data_seen(about)
    unseen = load_candidates(task, test, frame) if test else None
    if unseen is not None:  # before the minute that an export takes
        check_unseen(run, trained_on, unseen)
    make_folder(output.parent)
    training = {
        "candidates": about["candidates"],
        "data": trained_on,
        "recipe": recipe,
        "seed": about["seed"],
        "epochs trained": about["epochs_trained"],
        "machine": about["machine"],
        "limits": list(task.limits),
    }
    if "start" in about:
        training["started from"] = about["start"]
    provenance = {"trained with": about["versions"], RUN_WEIGHTS: digest_file(run / WEIGHTS).sha256}
    training |= {key: about[key] for key in ("selection", "temperature", "interval") if key in about}
    say("exporting to ONNX, and comparing it with PyTorch case by case")
    with TemporaryDirectory(prefix=".export.", dir=output.parent) as folder:
        trial = Path(folder) / "trial"
        answers = [_answer(about, task), *map(_fitted, about.get("beside", {}).values())]
        told: dict[str, Any] = {"training": training, "provenance": provenance, "trained_pt_gev": _trained_pt(about)}
        export_bundle(network, task, trial, answers=answers, **told)
        history = read_history(run)
        beside = {
            TRAINING_CURVE: to_svg(training_figure(history)),
            TRAINING_HISTORY: json.dumps(history, indent=1) + "\n",
        }
        if unseen is not None:
            say("measuring on the test candidates")
            bundle = load_bundle(trial)
            result = evaluate_on(bundle, load_engine(bundle), unseen, Path(folder) / "evaluation")
            training |= {"test data": result["data"], "test candidates": result["candidates"]}
            training["metrics"] = _card_metrics(task, result)
            if "working_points" in result:
                beside[WORKING_POINTS] = json.dumps(result["working_points"], indent=1) + "\n"
        return move_bundle(trial, output, training, beside)


def _trained_pt(about: dict[str, Any]) -> tuple[float, float] | None:
    """None for what an older version trained as well."""
    low, high = about.get("pt_range") or (None, None)
    return None if low is None or high is None else (low, high)


def _answer(about: dict[str, Any], task: Task) -> AnswerConfig:
    """As the run found it; what an older version wrote has a temperature at most."""
    if "answer" in about:
        return _fitted(about)
    scaled = {"scale": 1 / about["temperature"]} if "temperature" in about else {}
    return replace(answer_for(task.output), **scaled)


def _fitted(found: dict[str, Any]) -> AnswerConfig:
    return AnswerConfig.from_json(found["answer"])


def _card_metrics(task: Task, result: dict[str, Any]) -> dict[str, Any]:
    """Of the task's own output, and of what stands beside it."""
    beside = {
        f"{name}, {key.replace('_', ' ')}": {**value, "what": "all candidates whose truth is known"}
        for name, found in result["beside"].items()
        for key, value in found.items()
    }
    return _own_metrics(task, result) | beside


def _own_metrics(task: Task, result: dict[str, Any]) -> dict[str, Any]:
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
        what = "mean distance between the probability said and what is so, 15 bins of equally many"
        metrics["calibration error"] = {"value": result["calibration_error"], "what": what}
        return metrics
    unit, whole = task.output.unit, result["whole_range"]
    named = {
        "network": "this bundle",
        "constant": "a constant",
        "pt_only": "pT alone",
        "calorimeter_mass": "the invariant mass of the calorimeters",
    }
    metrics = {
        f"mean absolute error, {named[name]}": {**value, "unit": unit, "what": "same candidates"}
        for name, value in result["mean_absolute_error"].items()
    }
    metrics["resolution"] = {
        **whole["resolution_68"],
        "unit": unit,
        "what": "half of the middle 68 % of the differences",
    }
    metrics["bias"] = {**whole["median_bias"], "unit": unit, "what": "median difference"}
    if "coverage" in whole:
        metrics["coverage of the interval"] = {**whole["coverage"], "what": "0.68 is meant"}
        metrics["half length of the interval"] = {**whole["mean_half_length"], "unit": unit, "what": "mean"}
        metrics["flagged"] = {
            **whole["flagged"],
            "what": "share, of candidates whose truth lies inside the trained range",
        }
    return metrics
