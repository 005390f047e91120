"""The numbers behind the plots of a regression, beside those that `evaluation.json` has in bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e.contract.answers import QUANTILES
from e2e.evaluation.quantity import span_of
from e2e.metrics import FloatArray, Measured, efficiency, paired_means
from e2e.report.drawing import histogram
from e2e.report.evaluations import Evaluation

VARIABLES = {"true_value": "true {name} [{unit}]", "pt": "pT [GeV]", "abs_eta": "|eta|", "vertices": "vertices"}
_MARGIN = 0.2  # of the trained range, on either side, for the spectra
_RESAMPLINGS = 1000


def measure(evaluation: Evaluation) -> dict[str, Any]:
    return {"spectra": _spectra(evaluation), "quantiles": _quantiles(evaluation)}


def _spectra(evaluation: Evaluation) -> dict[str, Any]:
    """What is answered of the signal and of the rest, and the truth of the signal."""
    known, is_signal = evaluation.answers, evaluation.answers.is_signal(evaluation.task)
    low, high = span_of(evaluation.task, known.target[is_signal].astype(np.float64))
    edges = np.linspace(low - _MARGIN * (high - low), high + _MARGIN * (high - low), 41)
    answer = known.own[:, 0]
    samples = {"truth": known.target[is_signal], "signal": answer[is_signal], "other": answer[~is_signal]}
    return {"edges": edges.tolist(), **{name: histogram(values, edges) for name, values in samples.items()}}


def _quantiles(evaluation: Evaluation) -> list[dict[str, Any]]:
    """For each quantile that the network states, the share of the measured truth below it; nothing without."""
    given, is_measured = evaluation.answers.own, evaluation.answers.is_measured(evaluation.task)
    if given.shape[1] < 4:
        return []
    truth = evaluation.answers.target[is_measured]
    columns = zip(QUANTILES, (1, 0, 2), strict=True)
    return [
        {"said": level, "is_so": efficiency(truth <= given[is_measured, column].astype(np.float32))}
        for level, column in columns
    ]


def compare(evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """By how much the mean absolute error of each is smaller than that of the first, on the same resamplings."""
    if len(evaluations) < 2:
        return []
    errors = np.stack([_errors(one) for one in evaluations])
    means = paired_means(errors, _RESAMPLINGS)
    found = []
    for place, one in enumerate(evaluations[1:], start=1):
        ahead = float(errors[0].mean() - errors[place].mean())
        error = float((means[:, 0] - means[:, place]).std(ddof=1))
        number = Measured(ahead, error).to_json()
        found.append({"model": one.name, "ahead_of": evaluations[0].name, "mean_absolute_error": number})
    return found


def _errors(evaluation: Evaluation) -> FloatArray:
    """Of what is measured, as `measure_quantity` counts them."""
    is_measured = evaluation.answers.is_measured(evaluation.task)
    truth = evaluation.answers.target[is_measured].astype(np.float64)
    low, _ = span_of(evaluation.task, truth)
    return np.abs(np.clip(evaluation.answers.own[is_measured, 0], low, None) - truth)
