"""The making of a comparison: every network trained, exported and asked; what is there already is not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from e2e.bundles import Bundle, load_bundle
from e2e.comparison.entries import Entry
from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation.evaluate import check_unseen
from e2e.files import make_folder, replacing
from e2e.inference.engine import load_engine
from e2e.problems import InputError
from e2e.release import export
from e2e.tasks import Task
from e2e.training.run_folder import RUN, read_run
from e2e.training.train import train

_BATCH = 256


@dataclass(frozen=True)
class Contest:
    """data: to train on. test: candidates that none has seen. epochs: the recipe's unless given."""

    task: Task
    data: Sequence[Path]
    test: Sequence[Path]
    output: Path
    epochs: int | None
    threads: int
    say: Callable[[str], None]

    @cached_property
    def candidates(self) -> CandidateSet:
        return load_candidates(self.task, self.test)

    def bundle(self, entry: Entry, seed: int = 1, size: int | None = None) -> Bundle:
        """Trained and exported unless it is there. size: of the training candidates; None: all."""
        place, run = entry.bundle(self.output, seed, size), entry.run(self.output, seed, size)
        if run is not None and not place.exists():
            if entry.is_trained_here and not _is_finished(run):
                self.say(f"train {entry.label(seed, size)}")
                options: dict[str, Any] = {"epochs": self.epochs, "max_candidates": size, "threads": self.threads}
                train(self.task.name, self.data, run, model=entry.name, seed=seed, progress=False, **options)
            self.say(f"export {entry.label(seed, size)}")
            export(run, place)
        bundle = load_bundle(place)
        if bundle.contract.task != self.task.name:
            raise InputError(place, f"of the task {bundle.contract.task}, not {self.task.name}", "leave it out")
        check_unseen(place, bundle.contract.training.get("data", []), self.candidates)
        return bundle

    def answers(self, entry: Entry, seed: int = 1, size: int | None = None) -> NDArray[np.float32]:
        """To the test candidates, by ONNX Runtime; kept in a file for the next call."""
        bundle = self.bundle(entry, seed, size)
        path = self.output / "answers" / f"{entry.label(seed, size)}.safetensors"
        asked = {"bundle": bundle.contract.files["model.onnx"].sha256, "test": repr(self.candidates.provenance)}
        known = _read_answers(path, asked)
        if known is not None and len(known) == len(self.candidates):
            return known
        self.say(f"measure {path.stem}")
        engine, seen = load_engine(bundle), self._as_seen(bundle.contract.frame)
        answer = np.concatenate([engine.run(packed)[:, 0] for packed, _ in seen.batches(_BATCH)])
        make_folder(path.parent)
        with replacing(path) as hidden:
            save_file({"answer": answer}, hidden, metadata=asked)
        return answer

    def training(self, entry: Entry) -> dict[str, Any]:
        """What its run says; nothing for a bundle."""
        run = entry.run(self.output, 1)
        about = {} if run is None else read_run(run)
        kept = ("candidates", "epochs_trained", "best_epoch", "training_seconds", "machine", "temperature")
        return {key: about.get(key) for key in kept}

    def _as_seen(self, frame: FrameSpec) -> CandidateSet:
        """The test candidates as a network of fewer channels sees them."""
        return self.candidates if frame == self.task.frame else load_candidates(self.task, self.test, frame)


def _is_finished(run: Path) -> bool:
    return (run / RUN).exists() and read_run(run)["state"] == "finished"


def _read_answers(path: Path, asked: dict[str, str]) -> NDArray[np.float32] | None:
    """None where there are none, or those to another question."""
    try:
        with safe_open(path, framework="np") as file:
            return file.get_tensor("answer") if file.metadata() == asked else None
    except (OSError, SafetensorError):
        return None
