"""Train or load networks of many kinds, measure them on the same candidates, and say which is better, by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.bundles.network import load_network
from e2e.comparison.contest import Contest
from e2e.comparison.cost import Latency, count_operations, measure_gpu, measure_latency
from e2e.comparison.entries import Entry, find_entries
from e2e.comparison.table import write_comparison
from e2e.files import make_folder
from e2e.metrics import Measured, area_under_curve, calibration_error, paired_areas, rejection
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS, Task

EFFICIENCIES = (0.3, 0.5, 0.8)
RESAMPLINGS = 1000

Answers = list[NDArray[np.float32]]  # of the trainings of one model


def compare(
    task: str,
    models: Sequence[str],
    test: Sequence[Path],
    output: Path = Path("comparison"),
    *,
    data: Sequence[Path] = (),
    seeds: int = 1,
    leading: int | None = None,
    sizes: Sequence[int] = (),
    epochs: int | None = None,
    threads: int = 1,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Compare networks on one task; returns what `comparison.json` in `output` says, beside a table and plots.

    models: names in `e2e.models.model_names`, trained here on `data` by the task's recipe, the same for all; or folders
    of runs or bundles. test: candidates that none was trained on. seeds: trainings of each model, or, where `leading`
    is given, of that many of the best, the others having one. sizes: numbers of training candidates, for learning
    curves; the table is that of all. epochs: the recipe's unless given. threads: of training; latency is always that of
    one.
    What is already in `output` is not made again, so an interrupted call goes on when repeated. A model that cannot be
    trained or exported is named in `problems` and left out.
    Raises InputError for an unknown task or model, a task that tells no two kinds apart, and data that cannot be read.
    """
    problems = Problems() if problems is None else problems
    contest = Contest(_tagging_task(task), data, test, output, epochs, threads, say)
    entries = find_entries(models)
    make_folder(output)
    is_signal = contest.candidates.target > 0.5

    def asked(entry: Entry, seed: int = 1, size: int | None = None) -> Answers:
        """One or, where something went wrong, none."""
        try:
            return [contest.answers(entry, seed, size)]
        except (InputError, ArithmeticError, ValueError) as error:
            problems.report(entry.label(seed, size), str(error), "left out")
            return []

    answers = {entry: found for entry in entries if (found := asked(entry))}
    if not answers:
        raise InputError("compare", "no model could be measured", "; ".join(str(problem) for problem in problems))
    ranked = sorted(answers, key=lambda entry: -_area(answers[entry], is_signal))
    for entry in (entry for entry in ranked[:leading] if entry.is_trained_here):
        answers[entry] += [answer for seed in range(2, seeds + 1) for answer in asked(entry, seed)]
    curves: dict[str, dict[int, Any]] = {}
    for entry, size in ((entry, size) for entry in ranked if entry.is_trained_here for size in sizes):
        for answer in asked(entry, 1, size):
            curves.setdefault(entry.name, {})[size] = area_under_curve(answer, is_signal)._asdict()
    result = {
        "task": contest.task.name,
        "test": contest.candidates.provenance,
        "test_candidates": len(contest.candidates),
        "published": contest.task.published,
        "models": _rows(contest, answers, is_signal),
        "learning_curves": curves,
        "problems": [str(problem) for problem in problems],
    }
    write_comparison(result, {entry.name: given[0] for entry, given in answers.items()}, is_signal, output)
    return result


def _tagging_task(name: str) -> Task:
    if name not in TASKS:
        raise InputError("compare", f"unknown task {name!r}", f"known: {', '.join(TASKS)}")
    if TASKS[name].output.kind != "probability":
        taggers = ", ".join(task.name for task in TASKS.values() if task.output.kind == "probability")
        raise InputError("compare", f"{name} gives a quantity, not a probability", f"choose one of: {taggers}")
    return TASKS[name]


def _area(answers: Answers, is_signal: NDArray[np.bool_]) -> float:
    """The mean over trainings."""
    return float(np.mean([area_under_curve(answer, is_signal).value for answer in answers]))


def _rows(contest: Contest, answers: dict[Entry, Answers], is_signal: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """A row for each model, the best first; each is set against the best on the same resamplings of the candidates."""
    contest.say("compare and time")
    area = {entry: _area(given, is_signal) for entry, given in answers.items()}
    resampled = {entry: paired_areas(given, is_signal, RESAMPLINGS).mean(axis=1) for entry, given in answers.items()}
    ranked = sorted(answers, key=lambda entry: -area[entry])
    best = ranked[0]
    bundles = {entry.name: contest.bundle(entry) for entry in ranked}
    reference = "resnet15" if "resnet15" in bundles else best.name
    latency = measure_latency(bundles, contest.candidates, reference)
    rows = []
    for entry in ranked:
        given, bundle = answers[entry], bundles[entry.name]
        behind = resampled[best] - resampled[entry]
        rows.append(
            {
                "model": entry.name,
                "family": bundle.contract.model.family,
                "config": dict(bundle.contract.model.config),
                "trainings": len(given),
                "auc": _measured(area[entry], resampled[entry]),
                "auc_of_trainings": [area_under_curve(answer, is_signal).value for answer in given],
                "behind_best": _measured(area[best] - area[entry], behind),
                "p_value": 1.0 if entry is best else float((behind <= 0).mean()),
                "rejection": {f"{e:.0%}": rejection(given[0], is_signal, e)._asdict() for e in EFFICIENCIES},
                "calibration_error": calibration_error(given[0], is_signal),
                "parameters": bundle.contract.model.num_parameters,
                "operations": count_operations(load_network(bundle), contest.candidates),
                "latency": _latency(latency[entry.name], reference),
                "gpu_candidates_per_second": measure_gpu(bundle, contest.candidates),
                "training": contest.training(entry),
            }
        )
    return rows


def _measured(value: float, resampled: NDArray[np.float64]) -> dict[str, float]:
    return Measured(value, float(resampled.std(ddof=1)))._asdict()


def _latency(latency: Latency, reference: str) -> dict[str, Any]:
    ratio = {"to": reference, **latency.ratio._asdict()}
    return {"median_ms": latency.median_ms, "quantile_90_ms": latency.high_ms, "ratio": ratio}
