"""Events -> candidates with their labels, built by the same core that serves inference."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.labels import TRUTH_PREFIX, complete_labels, event_labels
from e2e.events.record import Events
from e2e.frames.build import build_candidates
from e2e.frames.candidate_rows import find_candidates
from e2e.problems import InputError
from e2e.tasks import Task
from e2e.tasks.selection import MatchedJets


def labelled_candidates(task: Task, events: Events, frame: FrameSpec) -> CandidateSet:
    """The candidates that the task's selection takes; a true particle labels each."""
    found = task.selection.find(events, frame)
    truth = {name: column[found.truth_row] for name, column in events.objects["truth"].columns.items()}
    truth["event"] = events.event[found.seeds.event_index]
    is_known = task.is_known(truth)
    truth = {name: column[is_known] for name, column in truth.items()}
    seeds = found.seeds.select(is_known)
    labels = {
        **event_labels(events, seeds.event_index),
        **{name: getattr(found, name)[is_known] for name in ("pt", "eta", "phi")},
        "target": task.target(truth),
        **{TRUTH_PREFIX + name: column for name, column in truth.items() if name != "event"},
    }
    candidates = build_candidates(events, frame, seeds)
    return CandidateSet(candidates, complete_labels(len(candidates), labels), [dict(events.provenance)])


def unlabelled_candidates(task: Task, events: Events, frame: FrameSpec) -> CandidateSet:
    """The candidates that a bundle of this task and frame would be asked about."""
    rows = find_candidates(events, "auto", frame, task.jets)
    labels = {name: getattr(rows, name) for name in ("pt", "eta", "phi")} | event_labels(events, rows.seeds.event_index)
    candidates = build_candidates(events, frame, rows.seeds)
    return CandidateSet(candidates, complete_labels(len(candidates), labels), [dict(events.provenance)])


def check_truth(task: Task, path: Path, events: Events) -> None:
    """Raises InputError when the task's labels cannot be had from these events."""
    tables = {**events.hits, **events.objects}
    missing = [name for name in ("truth", *task.selection.needs) if name not in tables]
    remedy = f"`e2e simulate {task.name}` makes events to train on and to measure with"
    if missing:
        raise InputError(path, f"no {' and no '.join(missing)} in it", remedy)
    process = events.provenance.get("process", task.name)
    if isinstance(task.selection, MatchedJets):  # takes the jets of its own true particles, and leaves the others
        if process != task.name:
            raise InputError(path, f"events of process {process}, not of {task.name}", remedy)
        return
    truth = events.objects["truth"]
    if not (truth.counts == 1).all() or not task.is_known(truth.columns).all():
        raise InputError(path, f"its true particles are not those of {task.name}, one an event", remedy)


def has_truth(events: Events) -> bool:
    return "truth" in events.objects and bool(np.any(events.objects["truth"].counts > 0))
