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
from e2e.metrics import Measured, area_under_curve, calibration_error, holm, paired_areas, rejection
from e2e.problems import InputError, Problems, known_names
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
    max_candidates: int | None = None,
    threads: int = 1,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Compare networks on one task; returns what `comparison.json` in `output` says, beside a table and plots.

    models: names in `e2e.models.model_names`, trained here on `data` by the task's recipe, the same for all; or folders
    of runs or bundles. test: candidates of both kinds that none was trained on. seeds: trainings of each model, or,
    where `leading` is given, of that many of the best, the others having one. sizes: numbers of training candidates,
    for learning curves; the table is that of all, or of `max_candidates`. epochs: the recipe's unless given. threads:
    of training; latency is always that of one.
    What is already in `output` is not made again, so an interrupted call goes on when repeated; what was made in
    another way is refused. A model that cannot be trained or exported is named in `problems` and left out.
    Raises InputError for an unknown task or model, a task that tells no two kinds apart, and data that cannot be read.
    """
    problems = Problems() if problems is None else problems
    contest = Contest(_tagging_task(task), data, test, output, epochs, max_candidates, threads, say)
    entries = find_entries(models)
    is_signal = contest.candidates.target > 0.5
    make_folder(output)

    def ask(entry: Entry, seed: int = 1, size: int | None = None) -> NDArray[np.float32] | None:
        """None where something went wrong."""
        try:
            return contest.answers(entry, seed, size)
        except (InputError, ArithmeticError, ValueError, RuntimeError) as error:  # RuntimeError: the exporter's, CUDA's
            problems.report(entry.label(seed, size), str(error), "left out")
            return None

    answers: dict[Entry, Answers] = {}
    for entry in entries:
        if (answer := ask(entry)) is not None:
            answers[entry] = [answer]
    if not answers:
        raise InputError("compare", "no model could be measured", "; ".join(str(problem) for problem in problems))
    ranked = sorted(answers, key=lambda entry: -np.mean(_areas(answers[entry], is_signal)))
    trained = [entry for entry in ranked if entry.is_trained_here]
    for entry in ranked[:leading]:
        for seed in range(2, seeds + 1) if entry in trained else ():
            if (answer := ask(entry, seed)) is not None:
                answers[entry].append(answer)
    curves: dict[str, dict[int, Any]] = {}
    for entry in trained:
        for size in sizes:
            if (answer := ask(entry, 1, size)) is not None:
                curves.setdefault(entry.name, {})[size] = area_under_curve(answer, is_signal).to_json()
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
        raise InputError("compare", f"unknown task {name!r}", known_names(name, TASKS))
    if TASKS[name].output.kind != "probability":
        taggers = ", ".join(task.name for task in TASKS.values() if task.output.kind == "probability")
        raise InputError("compare", f"{name} gives a quantity, not a probability", f"choose one of: {taggers}")
    return TASKS[name]


def _areas(answers: Answers, is_signal: NDArray[np.bool_]) -> list[float]:
    """Of each training."""
    return [area_under_curve(answer, is_signal).value for answer in answers]


def _rows(contest: Contest, answers: dict[Entry, Answers], is_signal: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """A row for each model, the best first; each is set against the best on the same resamplings of the candidates."""
    contest.say("compare and time")
    areas = {entry: _areas(given, is_signal) for entry, given in answers.items()}
    area = {entry: float(np.mean(values)) for entry, values in areas.items()}
    resampled = {entry: paired_areas(given, is_signal, RESAMPLINGS).mean(axis=1) for entry, given in answers.items()}
    ranked = sorted(answers, key=lambda entry: -area[entry])
    best = ranked[0]
    behind = {entry: resampled[best] - resampled[entry] for entry in ranked}
    p_value = dict(zip(ranked, [1.0, *holm([_two_sided(behind[entry]) for entry in ranked[1:]])], strict=True))
    bundles = {entry.name: contest.bundle(entry) for entry in ranked}
    asked = {name: (bundle, contest.seen_by(bundle)) for name, bundle in bundles.items()}
    reference = "resnet15" if "resnet15" in bundles else best.name
    latency = measure_latency(asked, reference)
    rows = []
    for entry in ranked:
        given, (bundle, seen) = answers[entry], asked[entry.name]
        rows.append(
            {
                "model": entry.name,
                "family": bundle.contract.model.family,
                "config": dict(bundle.contract.model.config),
                "trainings": len(given),
                "auc": _measured(area[entry], resampled[entry]),
                "auc_of_trainings": areas[entry],
                "spread_of_trainings": float(np.std(areas[entry], ddof=1)) if len(given) > 1 else None,
                "behind_best": _measured(area[best] - area[entry], behind[entry]),
                "p_value": p_value[entry],
                "rejection": {f"{e:.0%}": rejection(given[0], is_signal, e).to_json() for e in EFFICIENCIES},
                "calibration_error": calibration_error(given[0], is_signal),
                "parameters": bundle.contract.model.num_parameters,
                "operations": count_operations(load_network(bundle), seen),
                "latency": _latency(latency[entry.name], reference),
                "gpu_candidates_per_second": measure_gpu(bundle, seen),
                "training": contest.training(entry),
            }
        )
    return rows


def _two_sided(difference: NDArray[np.float64]) -> float:
    """How often a resampling would have it the other way, of these trainings; never 0."""
    less, more = ((side.sum() + 1) / (len(difference) + 1) for side in (difference <= 0, difference >= 0))
    return float(min(1.0, 2 * min(less, more)))


def _measured(value: float, resampled: NDArray[np.float64]) -> dict[str, float | None]:
    return Measured(value, float(resampled.std(ddof=1))).to_json()


def _latency(latency: Latency, reference: str) -> dict[str, Any]:
    ratio = {"to": reference, **latency.ratio.to_json()}
    return {"median_ms": latency.median_ms, "quantile_90_ms": latency.high_ms, "ratio": ratio}
