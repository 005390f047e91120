"""Evaluate a bundle on simulated events it has not seen: numbers with errors, and the plots beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import load_bundle
from e2e.datasets import load_candidates
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.fingerprint import is_simulated
from e2e.evaluation.plots import plot_evaluation
from e2e.files import make_folder, write_json
from e2e.inference.engine import load_engine
from e2e.metrics import (
    MIN_PASSING,
    FloatArray,
    area_under_curve,
    bootstrap,
    calibration_error,
    half_width_68,
    in_bins,
    mean_absolute_error,
    proportion,
    rejection,
)
from e2e.problems import InputError
from e2e.tasks import TASKS, Task

MISTAGS = (0.001, 0.01, 0.1)  # of working points
ETA_EDGES = np.array([0.0, 0.4, 0.8, 1.2, 1.4])
NUM_VALUE_BINS = 8  # of the true value, over the range that was trained


def evaluate(
    bundle: Path,
    data: Sequence[Path],
    output: Path = Path("evaluation"),
    *,
    engine: str = "onnxruntime",
    batch_size: int = 1024,
) -> dict[str, Any]:
    """Write `evaluation.json` and plots (SVG) of a bundle's answers to the folder `output`; returns the numbers.

    A number that the data do not give (one class only, say) is null. Raises InputError for data of another task, or
    made with the seed the bundle was trained with.
    """
    loaded = load_bundle(bundle)
    task = TASKS[loaded.contract.task]
    runner = load_engine(loaded, engine)
    candidates = load_candidates(task, data, frame=loaded.contract.frame)
    check_unseen(bundle, loaded.contract.training.get("data", []), candidates)
    make_folder(output)
    answer = np.concatenate([runner.run(packed)[:, 0] for packed, _ in candidates.batches(batch_size)])
    measure = measure_score if task.output.kind == "probability" else measure_quantity
    result = {
        "task": task.name,
        "bundle": str(bundle),
        "engine": runner.name,
        "candidates": len(candidates),
        "data": candidates.provenance,
        "published": task.published,
        **measure(task, answer.astype(np.float64), candidates),
    }
    plot_evaluation(task, answer, candidates, output)
    write_json(output / "evaluation.json", result)
    return result


def check_unseen(where: object, trained_on: Sequence[dict[str, Any]], candidates: CandidateSet) -> None:
    """Raises InputError where candidates are of events that were trained on.

    Another number of events or another gun does not make the same random stream unseen. What was not simulated is
    known by the fingerprint of its file, if it has one."""
    streams = {(entry["process"], entry["seed"]) for entry in trained_on if is_simulated(entry)}
    files = {entry["fingerprint"] for entry in trained_on if "fingerprint" in entry}
    for entry in candidates.provenance:
        if is_simulated(entry) and (entry["process"], entry["seed"]) in streams:
            what = f"was trained on process {entry['process']} with seed {entry['seed']}"
            raise InputError(where, what, "evaluate on events of another seed")
        if entry.get("fingerprint") in files:
            what = f"was trained on {entry.get('input', 'the same file')}"
            raise InputError(where, what, "evaluate on another file")


def summary(result: dict[str, Any]) -> str:
    """The main numbers in a few lines."""

    def show(number: dict[str, float | None]) -> str:
        value, error = number["value"], number["error"]
        return "not measurable" if value is None or error is None else f"{value:.4f} +- {error:.4f}"

    lines = [f"{result['task']}: {result['candidates']} candidates"]
    if "auc" in result:
        lines.append(f"  area under the curve  {show(result['auc'])}")
        if "auc_at_published_pt" in result:
            low, high = result["published"]["pt"]
            lines.append(f"  at pT {low:.0f} to {high:.0f} GeV  {show(result['auc_at_published_pt'])}")
        lines += [f"  rejection at {key:<8} {show(value)}" for key, value in result["rejection"].items()]
        lines += [f"  AUC, pT {row['low']:.0f}-{row['high']:.0f} GeV: {show(row['auc'])}" for row in result["by_pt"]]
        return "\n".join(lines)
    unit = result["unit"]
    lines += [f"  mean absolute error, {k:<9}{show(v)} {unit}" for k, v in result["mean_absolute_error"].items()]
    for row in result["by_true_value"]:
        error, width = row["mean_absolute_error"]["network"], row["resolution_68"]
        lines.append(f"  {row['low']:.1f}-{row['high']:.1f} {unit}: error {show(error)}, resolution {show(width)}")
    return "\n".join(lines)


def measure_score(task: Task, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Area under the curve, and background rejection at three efficiencies; the area in bins of pT and |eta|.

    `auc_at_published_pt`: of the candidates in the pT range of the published number, if it has one.
    """
    truth = candidates.target > 0.5

    def area(inside: Any) -> dict[str, Any]:
        return {"auc": area_under_curve(answer[inside], truth[inside]).to_json()}

    result: dict[str, Any] = {
        "auc": area_under_curve(answer, truth).to_json(),
        "rejection": {f"{e:.0%}": rejection(answer, truth, e).to_json() for e in (0.5, 0.7, 0.9)},
        "by_pt": in_bins(candidates.pt, np.array(task.pt_edges), area),
        "by_abs_eta": in_bins(np.abs(candidates.eta), ETA_EDGES, area),
    }
    result["calibration_error"] = round(calibration_error(answer, truth), 5) if len(truth) else None
    result["working_points"] = [_working_point(answer, truth, mistag) for mistag in MISTAGS]
    if "pt" in task.published:
        low, high = task.published["pt"]
        result["auc_at_published_pt"] = area((candidates.pt >= low) & (candidates.pt <= high))["auc"]
    return result


def _working_point(answer: FloatArray, truth: NDArray[np.bool_], mistag: float) -> dict[str, Any]:
    """The threshold at or above which a share `mistag` of the background lies, and the signal's share there.

    Null where fewer than MIN_PASSING of the background would lie there. measured_mistag: the share that does, which
    differs where answers are equal; error binomial.
    """
    background = answer[~truth]
    point: dict[str, Any] = {"mistag": mistag, "background": len(background)}
    if not truth.any() or mistag * len(background) < MIN_PASSING:
        unknown = {"value": None, "error": None}
        return {**point, "threshold": None, "measured_mistag": unknown, "efficiency": unknown}

    def efficiency(s: FloatArray, t: NDArray[np.bool_]) -> float:
        return float((s[t] >= np.quantile(s[~t], 1 - mistag)).mean()) if t.any() and not t.all() else float("nan")

    threshold = float(np.quantile(background, 1 - mistag))
    point |= {"threshold": threshold, "measured_mistag": proportion(background >= threshold).to_json()}
    return {**point, "efficiency": bootstrap(efficiency, answer, truth).to_json()}


def measure_quantity(task: Task, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Mean absolute error and resolution in bins of the true value, beside a constant and a pT-only prediction.

    Only candidates inside the trained range count (not the continuation below zero); an answer below the range counts
    as its lower end, as published. The two simple predictors are fitted on one half and asked about the other.
    """
    low, high = task.output.trained_range or (-np.inf, np.inf)
    is_signal = candidates.is_signal(task)
    truth = candidates.target[is_signal].astype(np.float64)
    pt = candidates.pt[is_signal]
    raw = answer[is_signal]
    answers = {
        "network": np.clip(raw, low, None),
        "constant": _cross_fitted(truth, np.zeros(len(truth))),
        "pt_only": _cross_fitted(truth, pt),
    }

    def errors(inside: Any) -> dict[str, Any]:
        return {name: mean_absolute_error(given[inside], truth[inside]).to_json() for name, given in answers.items()}

    def per_bin(inside: Any) -> dict[str, Any]:
        residual = answers["network"][inside] - truth[inside]
        return {
            "mean_absolute_error": errors(inside),
            "resolution_68": bootstrap(half_width_68, residual).to_json(),
            "median_bias": bootstrap(lambda r: float(np.median(r)), residual).to_json(),
        }

    other = answer[~is_signal]
    return {
        "unit": task.output.unit,
        "signal_candidates": int(is_signal.sum()),
        "mean_absolute_error": errors(np.ones(len(truth), dtype=bool)),
        "by_true_value": in_bins(truth, np.linspace(low, high, NUM_VALUE_BINS + 1), per_bin),
        "by_pt": in_bins(pt, np.array(task.pt_edges), per_bin),
        "other": {
            "name": task.other.name,
            "candidates": len(other),
            "median": float(np.median(other)) if len(other) else None,
            "quantile_84": float(np.quantile(other, 0.84)) if len(other) else None,
        },
    }


def _cross_fitted(truth: FloatArray, variable: NDArray[Any], num_bins: int = 10) -> FloatArray:
    """Median of the truth in bins of a variable: the best guess from it. Each half is fitted on the other."""
    guess = np.empty(len(truth))
    edges = np.unique(np.quantile(variable, np.linspace(0, 1, num_bins + 1)))
    place = np.clip(np.searchsorted(edges, variable, side="right") - 1, 0, max(len(edges) - 2, 0))
    is_even = np.arange(len(truth)) % 2 == 0
    for half in (is_even, ~is_even):
        for k in np.unique(place):
            guess[half & (place == k)] = np.median(truth[~half & (place == k)])
    return guess
