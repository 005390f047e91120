"""Evaluate a bundle on simulated events it has not seen: numbers with errors, and the plots beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e.bundles import load_bundle
from e2e.datasets import load_candidates
from e2e.datasets.candidate_set import CandidateSet
from e2e.inference.engine import load_engine
from e2e.metrics import (
    FloatArray,
    Measured,
    area_under_curve,
    bootstrap,
    half_width_68,
    in_bins,
    mean_absolute_error,
    rejection,
)
from e2e.tasks import TASKS, Task

PT_EDGES = np.array([20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0])
ETA_EDGES = np.array([0.0, 0.4, 0.8, 1.2, 1.4])
MASS_EDGES = np.arange(0.0, 1.61, 0.2)


def evaluate(
    bundle: Path,
    data: Sequence[Path],
    output: Path = Path("evaluation"),
    *,
    engine: str = "onnxruntime",
    batch_size: int = 1024,
) -> dict[str, Any]:
    """Write `evaluation.json` and plots (SVG) of a bundle's answers to the folder `output`; returns the numbers."""
    loaded = load_bundle(bundle)
    task = TASKS[loaded.contract.task]
    runner = load_engine(loaded, engine)
    candidates = load_candidates(task, data, frame=loaded.contract.frame)
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
    from e2e.evaluation.plots import plot_evaluation

    output.mkdir(parents=True, exist_ok=True)
    plot_evaluation(task, answer, candidates, output)
    temporary = output / ".evaluation.json.tmp"
    temporary.write_text(json.dumps(result, indent=2) + "\n")
    temporary.replace(output / "evaluation.json")
    return result


def summary(result: dict[str, Any]) -> str:
    """The main numbers in a few lines."""

    def show(number: dict[str, float]) -> str:
        return f"{number['value']:.4f} +- {number['error']:.4f}"

    lines = [f"{result['task']}: {result['candidates']} candidates"]
    if "auc" in result:
        lines.append(f"  area under the curve  {show(result['auc'])}")
        lines += [f"  rejection at {key:<8} {show(value)}" for key, value in result["rejection"].items()]
        lines += [f"  pT {row['low']:.0f}-{row['high']:.0f} GeV: {show(row['auc'])}" for row in result["by_pt"]]
        return "\n".join(lines)
    unit = result["unit"]
    lines += [f"  mean absolute error, {k:<9}{show(v)} {unit}" for k, v in result["mean_absolute_error"].items()]
    for row in result["by_true_value"]:
        error, width = row["mean_absolute_error"]["network"], row["resolution_68"]
        lines.append(f"  {row['low']:.1f}-{row['high']:.1f} {unit}: error {show(error)}, resolution {show(width)}")
    return "\n".join(lines)


def _json(measured: Measured) -> dict[str, float]:
    return {"value": round(measured.value, 5), "error": round(measured.error, 5)}


def measure_score(task: Task, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Area under the curve, and background rejection at three efficiencies; the area in bins of pT and |eta|."""
    truth = candidates.target > 0.5

    def area(inside: Any) -> dict[str, Any]:
        return {"auc": _json(area_under_curve(answer[inside], truth[inside]))}

    return {
        "auc": _json(area_under_curve(answer, truth)),
        "rejection": {f"{e:.0%}": _json(rejection(answer, truth, e)) for e in (0.5, 0.7, 0.9)},
        "by_pt": in_bins(candidates.truth["pt"], PT_EDGES, area),
        "by_abs_eta": in_bins(np.abs(candidates.truth["eta"]), ETA_EDGES, area),
    }


def measure_quantity(task: Task, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Mean absolute error and resolution in bins of the true value, beside a constant and a pT-only prediction.

    Only candidates inside the trained range count (not the continuation below zero); an answer below the range counts
    as its lower end, as published. The two simple predictors are fitted on one half and asked about the other.
    """
    low, _ = task.output.trained_range or (-np.inf, np.inf)
    is_signal = candidates.truth["pdg_id"] == 36
    truth = candidates.target[is_signal].astype(np.float64)
    pt = candidates.truth["pt"][is_signal]
    raw = answer[is_signal]
    answers = {
        "network": np.clip(raw, low, None),
        "constant": _cross_fitted(truth, np.zeros(len(truth))),
        "pt_only": _cross_fitted(truth, pt),
    }

    def errors(inside: Any) -> dict[str, Any]:
        return {name: _json(mean_absolute_error(given[inside], truth[inside])) for name, given in answers.items()}

    def per_bin(inside: Any) -> dict[str, Any]:
        residual = answers["network"][inside] - truth[inside]
        return {
            "mean_absolute_error": errors(inside),
            "resolution_68": _json(bootstrap(half_width_68, residual)),
            "median_bias": _json(bootstrap(lambda r: float(np.median(r)), residual)),
        }

    photons = answer[candidates.truth["pdg_id"] == 22]
    return {
        "unit": task.output.unit,
        "signal_candidates": int(is_signal.sum()),
        "mean_absolute_error": errors(np.ones(len(truth), dtype=bool)),
        "by_true_value": in_bins(truth, MASS_EDGES, per_bin),
        "by_pt": in_bins(pt, PT_EDGES, per_bin),
        "single_photons": {
            "candidates": len(photons),
            "below_0.2": float((photons < 0.2).mean()) if len(photons) else None,
        },
    }


def _cross_fitted(truth: FloatArray, variable: FloatArray, num_bins: int = 10) -> FloatArray:
    """Median of the truth in bins of a variable: the best guess from it. Each half is fitted on the other."""
    guess = np.empty(len(truth))
    edges = np.unique(np.quantile(variable, np.linspace(0, 1, num_bins + 1)))
    place = np.clip(np.searchsorted(edges, variable, side="right") - 1, 0, max(len(edges) - 2, 0))
    is_even = np.arange(len(truth)) % 2 == 0
    for half in (is_even, ~is_even):
        for k in np.unique(place):
            guess[half & (place == k)] = np.median(truth[~half & (place == k)])
    return guess
