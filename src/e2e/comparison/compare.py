"""Train or load networks of many kinds, measure them on the same candidates, and say which is better, by how much."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.bundles.network import load_network
from e2e.comparison.contest import Contest
from e2e.comparison.cost import Latency, count_operations, measure_gpu, measure_latency
from e2e.comparison.entries import Entry, find_entries
from e2e.comparison.standing import Standing, Trainings, mean_of, stand
from e2e.comparison.table import write_comparison
from e2e.comparison.yardsticks import Outputs, Yardstick, yardstick_for
from e2e.files import make_folder
from e2e.problems import InputError, Problems, known_names
from e2e.tasks import TASKS, Task


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

    A tagger is measured by the area under its curve, a quantity by its mean absolute error (`yardsticks`).
    models: names in `e2e.models.model_names`, trained here on `data` by the task's recipe, the same for all; or folders
    of runs or bundles. test: candidates that none was trained on, of a tagger of both kinds. seeds: trainings of each
    model, or, where `leading` is given, of that many of the best, the others having one. sizes: numbers of training
    candidates, for learning curves; the table is that of all, or of `max_candidates`. epochs: the recipe's unless
    given. threads: of training; latency is always that of one.
    What is already in `output` is not made again, so an interrupted call goes on when repeated; what was made in
    another way is refused. A model that cannot be trained or exported is named in `problems` and left out.
    Raises InputError for an unknown task or model, and data that cannot be read.
    """
    problems = Problems() if problems is None else problems
    contest = Contest(_find_task(task), data, test, output, epochs, max_candidates, threads, say)
    entries = find_entries(models)
    yardstick = yardstick_for(contest.task, contest.candidates)
    make_folder(output)

    def ask(entry: Entry, seed: int = 1, size: int | None = None) -> Outputs | None:
        """None where something went wrong."""
        try:
            return contest.answers(entry, seed, size)
        except (InputError, ArithmeticError, ValueError, RuntimeError) as error:  # RuntimeError: the exporter's, CUDA's
            problems.report(entry.label(seed, size), str(error), "left out")
            return None

    answers: dict[Entry, list[Outputs]] = {}
    for entry in entries:
        if (answer := ask(entry)) is not None:
            answers[entry] = [answer]
    if not answers:
        raise InputError("compare", "no model could be measured", "; ".join(str(problem) for problem in problems))
    ranked = _ranked(answers, yardstick)
    trained = [entry for entry in ranked if entry.is_trained_here]
    for entry in ranked[:leading]:
        for seed in range(2, seeds + 1) if entry in trained else ():
            if (answer := ask(entry, seed)) is not None:
                answers[entry].append(answer)
    curves: dict[str, dict[int, Any]] = {}
    for entry in trained:
        for size in sizes:
            if (answer := ask(entry, 1, size)) is not None:
                curves.setdefault(entry.name, {})[size] = yardstick.measure(answer).to_json()
    say("compare")
    everyone = {entry.name: given for entry, given in answers.items()}
    standings = stand(everyone, {name: [given] for name, given in yardstick.classical.items()}, yardstick)
    result = {
        "task": contest.task.name,
        "test": contest.candidates.provenance,
        "test_candidates": len(contest.candidates),
        "published": contest.task.published,
        "yardstick": {"key": yardstick.key, "title": yardstick.title},
        "models": _rows(contest, answers, standings, yardstick),
        "classical": _classical_rows(standings, yardstick),
        "learning_curves": curves,
        "problems": [str(problem) for problem in problems],
    }
    write_comparison(result, {entry.name: given[0] for entry, given in answers.items()}, yardstick, output)
    return result


def _find_task(name: str) -> Task:
    if name not in TASKS:
        raise InputError("compare", f"unknown task {name!r}", known_names(name, TASKS))
    return TASKS[name]


def _ranked(answers: Mapping[Entry, Trainings], yardstick: Yardstick) -> list[Entry]:
    """The best first."""
    return sorted(answers, key=lambda entry: -yardstick.sign * mean_of(answers[entry], yardstick))


def _rows(
    contest: Contest, answers: Mapping[Entry, Trainings], standings: Mapping[str, Standing], yardstick: Yardstick
) -> list[dict[str, Any]]:
    """A row for each model, the best first."""
    contest.say("time")
    ranked = sorted(answers, key=lambda entry: -yardstick.sign * standings[entry.name].measured.value)
    bundles = {entry.name: contest.bundle(entry) for entry in ranked}
    asked = {name: (bundle, contest.seen_by(bundle)) for name, bundle in bundles.items()}
    reference = "resnet15" if "resnet15" in bundles else ranked[0].name
    latency = measure_latency(asked, reference)
    rows = []
    for entry in ranked:
        bundle, seen = asked[entry.name]
        rows.append(
            {
                "model": entry.name,
                "family": bundle.contract.model.family,
                "config": dict(bundle.contract.model.config),
                **standings[entry.name].to_json(yardstick.key),
                **yardstick.further(answers[entry][0]),
                "parameters": bundle.contract.model.num_parameters,
                "operations": count_operations(load_network(bundle), seen),
                "latency": _latency(latency[entry.name], reference),
                "gpu_candidates_per_second": measure_gpu(bundle, seen),
                "training": contest.training(entry),
            }
        )
    return rows


def _classical_rows(standings: Mapping[str, Standing], yardstick: Yardstick) -> list[dict[str, Any]]:
    """What does without a network, set against the best that has one."""
    return [
        {"model": name, **standings[name].to_json(yardstick.key), **yardstick.further(outputs)}
        for name, outputs in yardstick.classical.items()
    ]


def _latency(latency: Latency, reference: str) -> dict[str, Any]:
    ratio = {"to": reference, **latency.ratio.to_json()}
    return {"median_ms": latency.median_ms, "quantile_90_ms": latency.high_ms, "ratio": ratio}
