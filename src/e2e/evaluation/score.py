"""How good a tagger's score is: areas, rejections, calibration, working points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.datasets.candidate_set import CandidateSet
from e2e.evaluation.classical import isolation_score
from e2e.metrics import (
    MIN_PASSING,
    FloatArray,
    Measured,
    area_under_curve,
    bootstrap,
    calibration_error,
    in_bins,
    paired_areas,
    proportion,
    rejections,
)
from e2e.tasks import Task

RESAMPLINGS = 200
EFFICIENCIES = (0.5, 0.7, 0.9)
MISTAGS = (0.001, 0.01, 0.1)  # of working points
ETA_EDGES = np.array([0.0, 0.4, 0.8, 1.2, 1.4])
VERTEX_EDGES = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0])  # of the event: its pile-up


def measure_score(task: Task, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
    """Area under the curve, and background rejection at three efficiencies; the area in bins of pT, |eta| and vertices.

    `auc_at_published_pt`: of the candidates in the pT range of the published number, if it has one.
    """
    truth = candidates.target > 0.5

    def area(inside: Any) -> dict[str, Any]:
        return {"auc": area_under_curve(answer[inside], truth[inside]).to_json()}

    result: dict[str, Any] = {
        "auc": area_under_curve(answer, truth).to_json(),
        "rejection": rejections(answer, truth, EFFICIENCIES),
        "by_pt": in_bins(candidates.pt, np.array(task.pt_edges), area),
        "by_abs_eta": in_bins(np.abs(candidates.eta), ETA_EDGES, area),
        "by_vertices": in_bins(candidates.labels["vertices"], VERTEX_EDGES, area),
    }
    result["calibration_error"] = round(calibration_error(answer, truth), 5) if len(truth) else None
    result["working_points"] = [_working_point(answer, truth, mistag) for mistag in MISTAGS]
    if (isolated := isolation_score(task, candidates)) is not None:
        result["isolation"] = _beside_isolation(isolated, answer, truth)
    if "pt" in task.published:
        low, high = task.published["pt"]
        result["auc_at_published_pt"] = area((candidates.pt >= low) & (candidates.pt <= high))["auc"]
    return result


def _beside_isolation(isolated: FloatArray, answer: FloatArray, truth: NDArray[np.bool_]) -> dict[str, Any]:
    """The same of a cut-based selection, and how much smaller its area is, on the same resamplings."""
    both = truth.any() and not truth.all()
    behind = np.diff(paired_areas([answer, isolated], truth, RESAMPLINGS), axis=1) if both else np.full(2, np.nan)
    found = area_under_curve(isolated, truth)
    ahead = area_under_curve(answer, truth).value - found.value
    return {
        "auc": found.to_json(),
        "rejection": rejections(isolated, truth, EFFICIENCIES),
        "network_ahead_by": Measured(ahead, float(behind.std(ddof=1))).to_json(),
    }


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
