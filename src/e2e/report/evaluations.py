"""What `e2e evaluate` left behind: read again, and held against each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e.bundles import Bundle, load_bundle
from e2e.bundles.bundle import CONTRACT
from e2e.evaluation.answers import ANSWERS, IDENTITY_COLUMNS, Answers, read_answers
from e2e.evaluation.evaluate import EVALUATION, IDENTITY
from e2e.files import reading
from e2e.problems import InputError, known_names
from e2e.report.result_checks import find_faults
from e2e.tasks import TASKS, Task

_REMEDY, _AGAIN = "give a folder that `e2e evaluate` wrote", "call `e2e evaluate` again"


@dataclass(frozen=True)
class Evaluation:
    """name: in tables and JSON, its own among those of a report; file_name: the same for names of files. result:
    content of `evaluation.json`."""

    name: str
    file_name: str
    path: Path
    task: Task
    result: dict[str, Any]
    answers: Answers

    @property
    def label(self) -> str:
        """The name for Matplotlib, which takes a dollar for mathematics and leaves out what begins with a low line."""
        text = self.name.replace("$", r"\$")
        return f"\u200b{text}" if text.startswith("_") else text

    @property
    def provenance(self) -> dict[str, Any]:
        """Of the network, and of the measurement."""
        return self.result["made_with"]


def read_evaluations(paths: Sequence[Path]) -> list[Evaluation]:
    """Raises InputError for what is no evaluation, is damaged, or was taken on other candidates than the first."""
    found = [_read(path) for path in paths]
    for other in found[1:]:
        _check_same(found[0], other)
    return _named_apart(found)


def _read(path: Path) -> Evaluation:
    if not path.exists():
        raise InputError(path, "no such folder", _REMEDY)
    if (path / CONTRACT).exists():
        raise InputError(path, "a bundle, not an evaluation", "give it to `e2e evaluate` first")
    if (path / "run.json").exists():
        raise InputError(path, "a training run, not an evaluation", "`e2e export` it, then `e2e evaluate` the bundle")
    if not (path / EVALUATION).is_file():
        raise InputError(path, f"not an evaluation: no {EVALUATION} in it", _REMEDY)
    with reading(path):
        text = (path / EVALUATION).read_bytes()
    try:
        result = json.loads(text)
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # not a number, or no text, among them
        raise InputError(path / EVALUATION, "damaged: not JSON", _AGAIN) from None
    if not isinstance(result, dict) or not isinstance(result.get("task"), str):
        raise InputError(path / EVALUATION, "not what `e2e evaluate` writes", _REMEDY)
    if result["task"] not in TASKS:
        raise InputError(path / EVALUATION, f"unknown task {result['task']!r}", known_names(result["task"], TASKS))
    task = TASKS[result["task"]]
    if fault := next(find_faults(result, task.output.kind), None):
        raise InputError(path / EVALUATION, f"not an evaluation of {task.name}: {fault}", _AGAIN)
    answers = read_answers(path / ANSWERS)
    if len(answers) != result["candidates"] or any(answers.about.get(key) != result[key] for key in IDENTITY):
        raise InputError(path / ANSWERS, f"not the answers that {EVALUATION} measures", _AGAIN)
    if strange := int((~np.isfinite(answers.own)).any(axis=1).sum()):
        raise InputError(path / ANSWERS, f"{strange} answers are no finite numbers", "try `e2e verify` on the bundle")
    return Evaluation(Path(result["bundle"]).name or path.name, "", path, task, result, answers)


def find_bundle(evaluation: Evaluation) -> tuple[Bundle | None, str]:
    """The bundle that was evaluated, or why it is not to be had."""
    path = Path(evaluation.result["bundle"])
    try:
        bundle = load_bundle(path)
    except InputError as error:
        return None, f"the bundle cannot be read ({error.where}: {error.what})"
    if bundle.contract.files["model.onnx"].sha256 != evaluation.provenance["model_sha256"]:
        return None, f"{path} is now another bundle than was evaluated"
    return bundle, ""


def _check_same(first: Evaluation, other: Evaluation) -> None:
    if other.path.resolve() == first.path.resolve():
        raise InputError(other.path, "given twice", "give each evaluation once")
    if other.task != first.task:
        what = f"an evaluation of {other.task.name}, {first.path} is one of {first.task.name}"
        raise InputError(other.path, what, "report them apart")
    columns = [(first.answers.labels[name], other.answers.labels[name]) for name in IDENTITY_COLUMNS]
    is_same = len(first.answers) == len(other.answers) and all(
        np.array_equal(one, two, equal_nan=one.dtype.kind == "f") for one, two in columns
    )
    if not is_same:
        what = f"was taken on other candidates than {first.path}"
        raise InputError(other.path, what, "evaluate both bundles on the same data, or report them apart")


def _named_apart(found: Sequence[Evaluation]) -> list[Evaluation]:
    """By bundle, where that is not enough by folder."""
    for names in (
        [one.name for one in found],
        [f"{one.name}, {one.path.name}" for one in found],
        [str(one.path) for one in found],
    ):
        if max(Counter(names).values()) == 1:
            break
    files = [_file_name(name) for name in names]
    if len({file.lower() for file in files}) < len(files):
        files = [f"{place}-{file}" for place, file in enumerate(files, start=1)]
    return [replace(one, name=name, file_name=file) for name, file, one in zip(names, files, found, strict=True)]


def _file_name(name: str) -> str:
    """A part of a file's name: letters, digits and what joins them."""
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name)
