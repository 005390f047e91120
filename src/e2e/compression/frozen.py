"""What a bundle that was trained on originals makes of reconstructed candidates: the score that counts.

Energies may agree to a per mille and a tagger be lost, so it is asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.datasets import CandidateSet
from e2e.datasets.stored import with_channels
from e2e.frames.candidates import Candidates
from e2e.inference.engine import load_engine
from e2e.metrics import Measured, area_under_curve, mean_absolute_error, paired_areas, paired_means
from e2e.problems import InputError
from e2e.tasks import TASKS

_BATCH = 256


def measure_frozen(bundle: Bundle, original: CandidateSet, found: Candidates) -> dict[str, Any]:
    """The bundle's answers for the originals and for `found`, the same candidates as they were read back.

    A tagger: area under the curve of both, and `lost`, the difference with the error of the pair. A quantity: mean
    absolute error of both, and `gained`, of the signal inside the trained range. `moved`: mean absolute change of the
    answer. Raises InputError for candidates of which the bundle's task has only one kind, or no signal.
    """
    task = TASKS[bundle.contract.task]
    answers = [answers_of(bundle, part) for part in (original, replace(original, candidates=found))]
    moved = mean_absolute_error(*answers).to_json()
    if task.output.kind == "probability":
        truth = original.target > 0.5
        if truth.all() or not truth.any():
            raise InputError(bundle.path, "candidates of one kind only", "give both")
        lost = paired_areas(answers, truth) @ (1, -1)
        areas = [area_under_curve(answer, truth) for answer in answers]
        difference = Measured(areas[0].value - areas[1].value, float(lost.std(ddof=1)))
        both = {name: area.to_json() for name, area in zip(("original", "found"), areas, strict=True)}
        return {"auc": both, "lost": difference.to_json(), "moved": moved}
    is_measured = original.is_measured(task)
    if is_measured.sum() < 2:
        raise InputError(bundle.path, f"no {task.signal.name} among the candidates", "give some")
    truth = original.target[is_measured].astype(np.float64)
    errors = [np.abs(answer[is_measured] - truth) for answer in answers]
    gained = paired_means(errors) @ (-1, 1)
    difference = Measured(float(errors[1].mean() - errors[0].mean()), float(gained.std(ddof=1)))
    both = {
        name: mean_absolute_error(answer[is_measured], truth).to_json()
        for name, answer in zip(("original", "found"), answers, strict=True)
    }
    return {"mean_absolute_error": both, "gained": difference.to_json(), "moved": moved}


def answers_of(bundle: Bundle, candidates: CandidateSet) -> NDArray[np.float64]:
    """(candidates,) the task's own output, by ONNX Runtime; of the channels that the bundle sees."""
    seen = with_channels(candidates.candidates.load(), bundle.contract.frame)
    engine = load_engine(bundle)
    parts = [engine.run(packed)[:, 0] for packed, _ in replace(candidates, candidates=seen).batches(_BATCH)]
    return np.concatenate(parts).astype(np.float64)
