"""How good a regressed quantity is: against the truth, against simpler guesses, and against its own interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from e2e.contract.answers import QUANTILES
from e2e.datasets.candidate_set import CandidateSet
from e2e.evaluation.classical import simple_guesses
from e2e.evaluation.score import ETA_EDGES, VERTEX_EDGES
from e2e.metrics import FloatArray, Measured, bootstrap, half_width_68, in_bins, mean_absolute_error, proportion
from e2e.problems import InputError
from e2e.tasks import Task

NUM_VALUE_BINS = 8  # of the true value, over the range that was trained
LEAST_SIGNAL = 20  # fewer candidates have no response
TAIL = 2.0  # resolutions from the median: 4.6 % of a normal distribution lie beyond

_LOW, _HIGH = QUANTILES[0], QUANTILES[-1]


def measure_quantity(task: Task, outputs: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Response, resolution and coverage in bins of truth, pT, |eta| and vertices; the error beside simple guesses'.

    outputs: (candidates, columns of the task's own output): the estimate; with an interval its ends and the flag. Only
    the signal inside the trained range counts (not the continuation below zero); an estimate below the range counts as
    its lower end, as published. The simple guesses are fitted on one half and asked about the other: a constant, pT
    alone, and, where the task has a `mass_radius`, the invariant mass of what the calorimeters saw
    (`calorimeter_mass`); those that the candidates do not allow are left out.
    Raises InputError for candidates hardly any of which are signal.
    """
    is_signal, is_measured = candidates.is_signal(task), candidates.is_measured(task)
    check_signal("evaluate", task, int(is_measured.sum()))
    signal = candidates.select(is_measured)
    truth, given = signal.target.astype(np.float64), outputs[is_measured]
    low, high = span_of(task, truth)
    estimate = np.clip(given[:, 0], low, None)
    guesses = {"network": estimate, **simple_guesses(task, signal, truth)}

    def errors(inside: Any) -> dict[str, Any]:
        return {name: mean_absolute_error(guess[inside], truth[inside]).to_json() for name, guess in guesses.items()}

    def per_bin(inside: Any) -> dict[str, Any]:
        return {
            "mean_absolute_error": errors(inside),
            **measure_response(estimate[inside], truth[inside], given[inside]),
        }

    everything = np.ones(len(truth), dtype=bool)
    edges = np.linspace(low, high, NUM_VALUE_BINS + 1)
    by_true_value = in_bins(truth, edges, per_bin)
    return {
        "unit": task.output.unit,
        "signal_candidates": len(truth),
        "mean_absolute_error": errors(everything),
        "better_than": {name: _gain(estimate, guess, truth) for name, guess in guesses.items() if name != "network"},
        "whole_range": measure_response(estimate, truth, given),
        "linearity": _linearity(by_true_value),
        "by_true_value": by_true_value,
        "by_pt": in_bins(signal.pt, np.array(task.pt_edges), per_bin),
        "by_abs_eta": in_bins(np.abs(signal.eta), ETA_EDGES, per_bin),
        "by_vertices": in_bins(signal.labels["vertices"], VERTEX_EDGES, per_bin),
        "migration": _migration(estimate, truth, edges),
        "other": _other(task, outputs[~is_signal]),
    }


def measure_response(estimate: FloatArray, truth: FloatArray, given: FloatArray) -> dict[str, Any]:
    """Of the differences to the truth: median, half the distance of the 16 and 84 % quantiles, and the share beyond
    TAIL of it; with an interval also its coverage, half its mean length, its quantile loss, and the share flagged."""
    residual = estimate - truth
    width = half_width_68(residual)
    found = {
        "median_bias": bootstrap(lambda r: float(np.median(r)), residual).to_json(),
        "resolution_68": bootstrap(half_width_68, residual).to_json(),
        "tails": proportion(np.abs(residual - np.median(residual)) > TAIL * width).to_json(),
    }
    if given.shape[1] < 4:
        return found
    lower, upper, flag = given[:, 1], given[:, 2], given[:, 3]
    return found | {
        "coverage": proportion((lower <= truth) & (truth <= upper)).to_json(),
        "mean_half_length": _mean((upper - lower) / 2).to_json(),
        "quantile_loss": _mean(_quantile_losses(given, truth)).to_json(),
        "flagged": proportion(flag > 0.5).to_json(),
    }


def _quantile_losses(given: FloatArray, truth: FloatArray) -> FloatArray:
    """Of each candidate, the sum over the three quantiles: a proper score, the less the better."""
    total = np.zeros(len(truth))
    for column, level in ((1, _LOW), (0, 0.5), (2, _HIGH)):
        excess = truth - given[:, column]
        total += 2 * np.maximum(level * excess, (level - 1) * excess)
    return total


def check_signal(verb: str, task: Task, count: int) -> None:
    """Raises InputError where too few candidates are measured for a response to have a width."""
    if count < LEAST_SIGNAL:
        what = f"{count} candidates are {task.signal.name} of the trained range, {LEAST_SIGNAL} are needed"
        raise InputError(verb, what, "give more events")


def span_of(task: Task, truth: FloatArray) -> tuple[float, float]:
    """The trained range of the task's quantity, or that of the truth where none is stated."""
    return task.output.trained_range or (float(truth.min()), float(truth.max()))


def _gain(estimate: FloatArray, guess: FloatArray, truth: FloatArray) -> dict[str, float | None]:
    """By how much the mean absolute error is less than that of the guess, candidate by candidate."""
    return _mean(np.abs(guess - truth) - np.abs(estimate - truth)).to_json()


def _mean(values: FloatArray) -> Measured:
    return Measured(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _migration(estimate: FloatArray, truth: FloatArray, edges: FloatArray) -> dict[str, Any]:
    """Share of each bin of the truth (rows) whose estimate lies in each bin (columns; the first and last also hold what
    lies beyond). Null for a row without candidates."""
    counts, _, _ = np.histogram2d(truth, np.clip(estimate, edges[0], edges[-1]), bins=(edges, edges))
    rows = [[round(float(c), 4) for c in row / row.sum()] if row.sum() else None for row in counts]
    return {"edges": edges.tolist(), "share": rows}


def _linearity(rows: list[dict[str, Any]]) -> dict[str, float] | None:
    """Straight line through the median response over the bins of the truth: 1 and 0 are perfect."""
    if len(rows) < 3:
        return None
    centre = np.array([(row["low"] + row["high"]) / 2 for row in rows])
    response = centre + [row["median_bias"]["value"] for row in rows]
    slope, intercept = np.polyfit(centre, response, 1)
    furthest = float(np.abs(response - centre).max())
    return {"slope": float(slope), "intercept": float(intercept), "largest_bias": furthest}


def _other(task: Task, outputs: FloatArray) -> dict[str, Any]:
    """What is said of candidates that are not the signal."""
    estimate = outputs[:, 0]
    has_any, has_flag = bool(len(estimate)), outputs.shape[1] >= 4
    return {
        "name": task.other.name,
        "candidates": len(estimate),
        "median": float(np.median(estimate)) if has_any else None,
        "quantile_84": float(np.quantile(estimate, 0.84)) if has_any else None,
        "flagged": proportion(outputs[:, 3] > 0.5).to_json() if has_any and has_flag else None,
    }
