"""The numbers behind the plots of a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.evaluation.plots import roc_points
from e2e.evaluation.score import ETA_EDGES, RESAMPLINGS, VERTEX_EDGES
from e2e.metrics import FloatArray, Measured, efficiency, equal_parts, in_bins, paired_areas
from e2e.report.drawing import histogram
from e2e.report.evaluations import Evaluation

WORKING_POINT = 0.5  # efficiency for all of the signal, at which bins are looked at
NUM_RELIABILITY_BINS = 15  # of about equally many candidates
SCORE_EDGES = np.linspace(0, 1, 41)
VARIABLES = {"pt": "pT [GeV]", "abs_eta": "|eta|", "vertices": "vertices"}  # as measured, and their axes


def measure(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers of every plot of one evaluation."""
    score, is_signal = evaluation.answers.own[:, 0], evaluation.answers.target > 0.5
    return {
        "roc": _curve(score, is_signal) if is_signal.any() and not is_signal.all() else None,
        "scores": {
            "edges": SCORE_EDGES.tolist(),
            "signal": histogram(score[is_signal], SCORE_EDGES),
            "background": histogram(score[~is_signal], SCORE_EDGES),
        },
        "efficiency": _efficiencies(evaluation, score, is_signal),
        "reliability": _reliability(score, is_signal),
    }


def _curve(score: FloatArray, is_signal: NDArray[np.bool_]) -> dict[str, list[float]]:
    signal, background = roc_points(score, is_signal)
    return {"signal_efficiency": signal.tolist(), "background_efficiency": background.tolist()}


def _efficiencies(evaluation: Evaluation, score: FloatArray, is_signal: NDArray[np.bool_]) -> dict[str, Any]:
    """In bins, above the threshold that WORKING_POINT of all the signal passes."""
    if not is_signal.any():
        return {"threshold": None, "bins": {name: [] for name in VARIABLES}}
    threshold = float(np.quantile(score[is_signal], 1 - WORKING_POINT))
    passes, known = score >= threshold, evaluation.answers

    def per_bin(inside: NDArray[np.bool_]) -> dict[str, Any]:
        kinds = {"signal": inside & is_signal, "background": inside & ~is_signal}
        return {kind: efficiency(passes[chosen]) for kind, chosen in kinds.items()}

    values = {"pt": known.pt, "abs_eta": np.abs(known.eta), "vertices": known.labels["vertices"]}
    edges = {"pt": np.array(evaluation.task.pt_edges), "abs_eta": ETA_EDGES, "vertices": VERTEX_EDGES}
    return {"threshold": threshold, "bins": {name: in_bins(values[name], edges[name], per_bin) for name in VARIABLES}}


def _reliability(score: FloatArray, is_signal: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """What was said, and what is so, of about equally many candidates each."""
    order = np.argsort(score, kind="stable")
    parts = [order[part] for part in equal_parts(score[order], NUM_RELIABILITY_BINS)]
    return [{"said": float(score[part].mean()), "is_so": efficiency(is_signal[part])} for part in parts]


def compare(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """How much larger the area of each is than that of the first, on the same resamplings of the candidates."""
    scores = [one.answers.own[:, 0] for one in evaluations]
    is_signal = evaluations[0].answers.target > 0.5
    if len(evaluations) < 2 or any(one.result["auc"]["value"] is None for one in evaluations):
        return []
    areas = paired_areas(scores, is_signal, RESAMPLINGS)
    found = []
    for place, one in enumerate(evaluations[1:], start=1):
        ahead = one.result["auc"]["value"] - evaluations[0].result["auc"]["value"]
        error = float((areas[:, place] - areas[:, 0]).std(ddof=1))
        found.append({"model": one.name, "ahead_of": evaluations[0].name, "auc": Measured(ahead, error).to_json()})
    return found
