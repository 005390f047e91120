"""The making of a comparison: every network trained, exported and asked; what is there already is not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from e2e.bundles import Bundle, load_bundle
from e2e.bundles.bundle import CONTRACT, digest_file
from e2e.bundles.contract_file import read_contract
from e2e.comparison.entries import Entry
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation.evaluate import check_unseen
from e2e.files import as_read_back, make_folder, replacing
from e2e.inference.engine import load_engine
from e2e.problems import InputError
from e2e.release import RUN_WEIGHTS, export
from e2e.tasks import Task
from e2e.training.recipes import RECIPES, whole_recipe
from e2e.training.run_folder import RUN, WEIGHTS, read_run, trained_before
from e2e.training.train import train

_BATCH = 256
_OF_EACH_MODEL = ("family", "config", "precision")  # of a recipe; precision is that of the machine, and in the table


@dataclass(frozen=True)
class Contest:
    """data: to train on, of which `max_candidates` are drawn. test: candidates that none has seen. epochs and
    learning_rate: the recipe's unless given. start: a run whose weights every training begins with."""

    task: Task
    data: Sequence[Path]
    test: Sequence[Path]
    output: Path
    epochs: int | None
    max_candidates: int | None
    threads: int
    say: Callable[[str], None]
    learning_rate: float | None = None
    start: Path | None = None

    @cached_property
    def candidates(self) -> CandidateSet:
        """To measure on. Raises InputError where one kind is missing, or where they are trained on."""
        found = load_candidates(self.task, self.test)
        is_tagger = self.task.output.kind == "probability"
        is_signal = found.target > 0.5 if is_tagger else found.is_measured(self.task)
        if is_tagger and is_signal.all() == is_signal.any():
            kinds = f"{self.task.signal.name} and {self.task.other.name}"
            raise InputError("compare", f"the test candidates are of one kind, not of both {kinds}", "give both")
        if not is_signal.any():
            raise InputError("compare", f"no {self.task.signal.name} among the test candidates", "give some")
        if self.data:
            check_unseen("compare", self._training_data, found)
        return found

    @cached_property
    def _training_data(self) -> list[dict[str, Any]]:
        return load_candidates(self.task, self.data).provenance

    def bundle(self, entry: Entry, seed: int = 1, size: int | None = None) -> Bundle:
        """Trained and exported unless it is there. size: of the training candidates; None: all."""
        run = entry.run(self.output, seed, size)
        if run is not None and entry.is_trained_here:
            self._train(entry, run, seed, size or self.max_candidates)
        place = entry.bundle(self.output, seed, size)
        if run is not None and not _is_of(place, run):
            self.say(f"export {entry.label(seed, size)}")
            export(run, place)
        bundle = load_bundle(place)
        if bundle.contract.task != self.task.name:
            raise InputError(place, f"of the task {bundle.contract.task}, not {self.task.name}", "leave it out")
        check_unseen(place, bundle.contract.training.get("data", []), self.candidates)
        return bundle

    def _train(self, entry: Entry, run: Path, seed: int, count: int | None) -> None:
        """Unless it is done. Raises InputError where it was done in another way."""
        if not (run / RUN).exists() or read_run(run)["state"] != "finished":
            if not self.data:
                raise InputError("compare", f"nothing to train {entry.name} on", "give --data")
            self.say(f"train {run.name}")
            options: dict[str, Any] = {"epochs": self.epochs, "max_candidates": count, "threads": self.threads}
            options |= {"learning_rate": self.learning_rate, "start": self.start}
            train(self.task.name, self.data, run, model=entry.name, seed=seed, progress=False, **options)
            return
        about, recipe = read_run(run), RECIPES[self.task.name]
        rate = self.learning_rate or recipe.learning_rate
        asked = replace(recipe, epochs=self.epochs or recipe.epochs, learning_rate=rate, max_candidates=count).to_json()
        was = whole_recipe(about["recipe"])
        for key, value in as_read_back(asked).items():
            if self.data and key not in _OF_EACH_MODEL and was.get(key) != value:
                what = f"was trained with {key} {was.get(key)}, not {value}"
                raise InputError(run, what, "choose another folder, or delete it")
        begun = None if self.start is None else trained_before(self.start)
        if self.data and about.get("start") != as_read_back(begun):
            raise InputError(run, "was begun with other weights", "choose another folder, or delete it")
        if self.data and about["data"] != self._training_data:
            raise InputError(run, "was trained on other data", "choose another folder, or delete it")

    def answers(self, entry: Entry, seed: int = 1, size: int | None = None) -> NDArray[np.float32]:
        """(candidates, columns of the task's own output), by ONNX Runtime; kept in a file for the next call."""
        bundle = self.bundle(entry, seed, size)
        path = self.output / "answers" / f"{entry.label(seed, size)}.safetensors"
        asked = {"bundle": bundle.contract.files["model.onnx"].sha256, "test": repr(self.candidates.provenance)}
        known = _read_answers(path, asked)
        num_own = bundle.contract.num_own
        if known is not None and known.shape == (len(self.candidates), len(bundle.contract.outputs)):
            return known[:, :num_own]
        self.say(f"measure {path.stem}")
        engine = load_engine(bundle)
        answer = np.concatenate([engine.run(packed) for packed, _ in self.seen_by(bundle).batches(_BATCH)])
        make_folder(path.parent)
        with replacing(path) as hidden:
            save_file({"answer": answer}, hidden, metadata=asked)
        return answer[:, :num_own]

    def training(self, entry: Entry) -> dict[str, Any]:
        """What its run says; nothing for a bundle."""
        run = entry.run(self.output, 1)
        about = {} if run is None else read_run(run)
        kept = ("candidates", "epochs_trained", "best_epoch", "training_seconds", "machine", "temperature", "interval")
        return {**{key: about.get(key) for key in kept}, "precision": about.get("recipe", {}).get("precision")}

    def seen_by(self, bundle: Bundle) -> CandidateSet:
        """The test candidates with the channels of a bundle."""
        frame = bundle.contract.frame
        return self.candidates if frame == self.task.frame else load_candidates(self.task, self.test, frame)


def _is_of(bundle: Path, run: Path) -> bool:
    """Is it there, and exported from the weights that the run has now?"""
    if not bundle.exists():
        return False
    made_of = read_contract(bundle / CONTRACT).provenance.get(RUN_WEIGHTS)
    return made_of == digest_file(run / WEIGHTS).sha256


def _read_answers(path: Path, asked: dict[str, str]) -> NDArray[np.float32] | None:
    """None where there are none, or those to another question."""
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor("answer") if file.metadata() == asked else None
    except (OSError, SafetensorError):
        return None
