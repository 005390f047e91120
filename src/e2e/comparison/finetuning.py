"""What a training without labels is worth: a few labels and its weights against the same labels from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from e2e import __version__
from e2e.comparison.contest import Contest
from e2e.comparison.entries import Entry
from e2e.comparison.finetuning_table import WAYS, write_starts
from e2e.comparison.yardsticks import Outputs, Yardstick, yardstick_for
from e2e.compression.probe import Probe
from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation.evaluate import check_unseen
from e2e.files import make_folder
from e2e.models import build_model, find_model, model_names
from e2e.problems import InputError
from e2e.tasks import TASKS, Task
from e2e.training.calibration import raw_answers
from e2e.training.recipes import RECIPES
from e2e.training.run_folder import data_seen, load_encoder, read_run

HIDDEN = 64  # of the small network
MOST_REPEATED = 10  # a training on fewer candidates has more epochs, at most so many times as many
_BATCH = 256
_RATE = 1 / 3  # of the recipe's, so that what was learned stays


class Labels(NamedTuple):
    share: float
    number: int
    epochs: int


def compare_starts(
    start: Path,
    task: str,
    data: Sequence[Path],
    test: Sequence[Path],
    output: Path,
    *,
    shares: Sequence[float] = (0.01, 0.1, 1.0),
    seeds: int = 3,
    epochs: int | None = None,
    max_candidates: int | None = None,
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train on shares of the labels: from scratch, and from the weights of `start`, a finished run of `e2e pretrain`;
    beside that a linear probe and a small network on its feature vector, or on what its head sees where it has none.

    shares: of the candidates of `data`, or of `max_candidates` drawn from them; which ones depends on their number
    alone, the same for all ways and seeds. epochs: of all labels; of fewer as many updates, but not more than 10 times
    the epochs. The fine-tuned have a third of the recipe's learning rate. Returns what `finetuning.json` in `output`
    says, beside a table and a plot; trainings that are there are not made again.
    Raises InputError for what does not go together or cannot be read.
    """
    if task not in TASKS or not (shares and min(shares) > 0 and max(shares) <= 1) or seeds < 1:
        raise InputError("finetuning", f"task {task}, shares {shares}, {seeds} seeds", "give a task, shares up to 1")
    about = read_run(start)
    recipe, model = RECIPES[task], _name_of(start, about)
    scratch = Contest(TASKS[task], data, test, output, epochs, max_candidates, threads, say)
    whole = load_candidates(scratch.task, data)
    whole = whole if max_candidates is None else whole.sample(max_candidates)
    check_unseen(start, data_seen(about), scratch.candidates)
    tuned = replace(scratch, start=start, learning_rate=_RATE * recipe.learning_rate)
    yardstick = yardstick_for(scratch.task, scratch.candidates)
    encoder = _encoder(start, about, scratch.task.frame)
    asked = encoder.vectors(scratch.candidates)
    make_folder(output)
    rows: list[dict[str, Any]] = []
    for share in sorted(shares):
        number = max(round(share * len(whole)), 2)
        repeats = min(round(len(whole) / number), MOST_REPEATED)
        labels, some = Labels(share, number, repeats * (epochs or recipe.epochs)), whole.sample(number)
        vectors = encoder.vectors(some)
        answers = [
            _trained(contest, way, Entry(model), labels, seeds)
            for way, contest in zip(WAYS[:2], (scratch, tuned), strict=True)
        ]
        answers += [
            [_probed(Probe(hidden, seed=seed), scratch.task, some, vectors, asked) for seed in range(1, seeds + 1)]
            for hidden in (0, HIDDEN)
        ]
        rows += [_row(way, labels, own, answers[0], yardstick) for way, own in zip(WAYS, answers, strict=True)]
    result = {
        "task": task,
        "start": {"run": str(start), "model": model, "features": _features(about), "candidates": about["candidates"]},
        "yardstick": {"key": yardstick.key, "title": yardstick.title},
        "test": scratch.candidates.provenance,
        "test_candidates": len(scratch.candidates),
        "data": whole.provenance,
        "seeds": seeds,
        "rows": rows,
        "e2e": __version__,
    }
    write_starts(result, output)
    return result


def _name_of(start: Path, about: dict[str, Any]) -> str:
    recipe = about["recipe"]
    if recipe.get("pretraining") is None or about["state"] != "finished":
        raise InputError(start, "no finished run of `e2e pretrain`", "give one")
    for name in model_names():
        if find_model(name) == (recipe.get("family"), recipe.get("config")):
            return name
    raise InputError(start, "its network has no name among the models", "give a run of a named model")


def _features(about: dict[str, Any]) -> int:
    return int(about["recipe"]["pretraining"]["decoder"]["features"])


@dataclass(frozen=True)
class Encoder:
    """Of a run: gives the feature vector, or where it has none what its head would see."""

    network: Any
    features: int

    def vectors(self, candidates: CandidateSet) -> NDArray[np.float32]:
        """(candidates, numbers)"""
        found = raw_answers(self.network, candidates, _BATCH, torch.device("cpu"))
        return found[:, : self.features or None].astype(np.float32)


def _encoder(start: Path, about: dict[str, Any], frame: FrameSpec) -> Encoder:
    if TASKS[about["recipe"]["task"]].frame != frame or tuple(about["channels"]) != frame.channels:
        raise InputError(start, "has learned from another frame than the task's", "give a run of this frame")
    network, features = build_model(about["recipe"]["family"], frame, about["config"]), _features(about)
    load_encoder(network, start)
    if not features:
        network.head = nn.Identity()
    return Encoder(network, features)


def _trained(contest: Contest, way: str, entry: Entry, labels: Labels, seeds: int) -> list[Outputs]:
    place = contest.output / f"{way}-{labels.number}"
    own = replace(contest, output=place, epochs=labels.epochs, max_candidates=labels.number)
    return [own.answers(entry, seed) for seed in range(1, seeds + 1)]


def _probed(
    probe: Probe, task: Task, known: CandidateSet, vectors: NDArray[np.float32], asked: NDArray[np.float32]
) -> Outputs:
    is_tagger = task.output.kind == "probability"
    return probe.answers(vectors, known.target, asked, is_tagger=is_tagger)[:, None]


def _row(
    way: str, labels: Labels, answers: Sequence[Outputs], scratch: Sequence[Outputs], yardstick: Yardstick
) -> dict[str, Any]:
    """error: of the mean over seeds, that is over initial weights and orders; test_error: of the test candidates."""
    measured, other = ([yardstick.measure(given) for given in each] for each in (answers, scratch))
    values = np.array([number.value for number in measured])
    better = yardstick.sign * (values - [number.value for number in other])
    return {
        "way": way,
        "share": labels.share,
        "labels": labels.number,
        "epochs": labels.epochs if way in WAYS[:2] else None,
        yardstick.key: _over_seeds(values),
        "of_seeds": [round(value, 5) for value in values.tolist()],
        "test_error": round(float(np.mean([number.error for number in measured])), 5),
        "better_than_scratch": _over_seeds(better),
    }


def _over_seeds(values: NDArray[np.float64]) -> dict[str, float | None]:
    error = round(float(values.std(ddof=1) / np.sqrt(len(values))), 5) if len(values) > 1 else None
    return {"value": round(float(values.mean()), 5), "error": error}
