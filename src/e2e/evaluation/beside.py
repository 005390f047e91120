"""How good the answers are that a joint training gives beside the task's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2e.bundles.parity import split_columns
from e2e.contract.answers import AnswerConfig
from e2e.datasets.candidate_set import CandidateSet
from e2e.metrics import (
    FloatArray,
    area_under_curve,
    bootstrap,
    half_width_68,
    mean_absolute_error,
    proportion,
)
from e2e.tasks import Output, Task


def measure_beside(
    task: Task, answers: Sequence[AnswerConfig], outputs: FloatArray, candidates: CandidateSet
) -> dict[str, Any]:
    """By the name of each output, with its `unit` where there is one: of a probability the area under the curve; of a
    quantity the mean absolute error, that of its median as a constant guess, the resolution, and the coverage of its
    interval. Of the candidates whose target is known. outputs: (candidates, columns of these answers). Nothing where
    there are none."""
    if not answers:
        return {}
    parts = split_columns(outputs, [len(answer.suffixes) for answer in answers])
    targets = candidates.with_beside(task).targets[:, 1:].astype(np.float64)
    return {
        output.name: _measure(output, answer, given[is_known], truth[is_known])
        for output, answer, given, truth, is_known in zip(
            task.outputs[1:], answers, parts, targets.T, np.isfinite(targets).T, strict=True
        )
    }


def _measure(output: Output, answer: AnswerConfig, given: FloatArray, truth: FloatArray) -> dict[str, Any]:
    if answer.kind == "probability":
        return {"area_under_the_curve": area_under_curve(given[:, 0], truth > 0.5).to_json()}
    if not len(truth):
        return {}
    constant = np.full(len(truth), np.median(truth))
    measured = {
        "mean_absolute_error": mean_absolute_error(given[:, 0], truth),
        "mean_absolute_error_of_a_constant": mean_absolute_error(constant, truth),
        "resolution_68": bootstrap(half_width_68, given[:, 0] - truth),
    }
    found: dict[str, Any] = {key: {**value.to_json(), "unit": output.unit} for key, value in measured.items()}
    if len(answer.suffixes) > 1:
        found["coverage"] = proportion((given[:, 1] <= truth) & (truth <= given[:, 2])).to_json()
    return found
