"""A few candidates to look at: those of which a network is surest, rightly and wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.candidate_store import CandidateFile, CandidateWriter
from e2e.datasets.labels import Labelled
from e2e.frames.candidates import Candidates
from e2e.metrics import FloatArray
from e2e.problems import InputError
from e2e.tasks import Task

EXAMPLES = "examples.parquet"
NUM_EXAMPLES = 4  # right ones, and as many wrong ones


def choose_examples(task: Task, outputs: FloatArray, known: Labelled) -> dict[str, list[int]]:
    """Numbers of candidates, the surest first: `right` and `wrong`.

    Of a score, half of them signal: those nearest to 0 or 1. Of a quantity, signal inside the trained range: with an
    interval, right are the shortest that hold the truth, wrong those furthest from it in units of the interval; without
    one, those nearest to the truth and furthest from it. outputs: (candidates, columns of the task's own output).
    """
    if task.output.kind != "probability":
        return _of_quantity(outputs, known.target.astype(np.float64), known.is_measured(task))
    score, is_signal = outputs[:, 0], known.target > 0.5
    is_right, sureness = (score > 0.5) == is_signal, np.abs(score - 0.5)
    half = NUM_EXAMPLES // 2
    return {
        name: [*_largest(sureness, chosen & is_signal, half), *_largest(sureness, chosen & ~is_signal, half)]
        for name, chosen in (("right", is_right), ("wrong", ~is_right))
    }


def _of_quantity(outputs: FloatArray, truth: FloatArray, is_measured: NDArray[np.bool_]) -> dict[str, list[int]]:
    distance = np.abs(outputs[:, 0] - truth)
    if outputs.shape[1] < 4:
        chosen = {"right": -distance, "wrong": distance}
        return {name: _largest(value, is_measured, NUM_EXAMPLES) for name, value in chosen.items()}
    lower, upper = outputs[:, 1], outputs[:, 2]
    length = np.maximum(upper - lower, 1e-9)
    holds = (lower <= truth) & (truth <= upper)
    return {
        "right": _largest(-length, is_measured & holds, NUM_EXAMPLES),
        "wrong": _largest(distance / length, is_measured & ~holds, NUM_EXAMPLES),
    }


def _largest(value: FloatArray, is_taken: NDArray[np.bool_], count: int) -> list[int]:
    rows = np.flatnonzero(is_taken & np.isfinite(value))
    return [int(row) for row in rows[np.argsort(-value[rows], kind="stable")][:count]]


def write_examples(
    path: Path, task: Task, candidates: CandidateSet, chosen: dict[str, list[int]], model_sha256: str
) -> None:
    """The chosen candidates with their pixels, in this order, as a candidate store. model_sha256: of the network that
    they are examples of."""
    rows = np.array([row for numbers in chosen.values() for row in numbers], dtype=np.int64)
    more: dict[str, Any] = {"examples": chosen, "model_sha256": model_sha256}
    with CandidateWriter(path, candidates.candidates.spec, task.name, more) as writer:
        writer.write(candidates.select(rows))


def read_examples(path: Path, model_sha256: str, num_candidates: int) -> tuple[dict[str, list[int]], Candidates | None]:
    """What `write_examples` wrote; None without any. Raises InputError for anything else, examples of another network
    or of candidates beyond `num_candidates` among it."""
    if not path.exists():
        raise InputError(path, "missing: an older e2e did not write it", "call `e2e evaluate` again")
    file = CandidateFile(path)
    chosen = file.about.more.get("examples")
    if not _is_choice(chosen, num_candidates) or sum(map(len, chosen.values())) != len(file):
        raise InputError(path, "candidates, but not the examples of an evaluation", "call `e2e evaluate` again")
    if file.about.more.get("model_sha256") != model_sha256:
        raise InputError(path, "examples of another network", "call `e2e evaluate` again")
    pixels = [file.pixels(group) for group in range(len(file.group_sizes))]
    return chosen, Candidates.concatenate(pixels) if pixels else None


def _is_choice(chosen: Any, num_candidates: int) -> TypeGuard[dict[str, list[int]]]:
    if not isinstance(chosen, dict) or not set(chosen) <= {"right", "wrong"}:
        return False
    if not all(isinstance(rows, list) for rows in chosen.values()):
        return False
    return all(type(row) is int and 0 <= row < num_candidates for rows in chosen.values() for row in rows)
