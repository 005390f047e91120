"""Whatever holds candidates of a task -> one set to learn from or to be measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from e2e.contract import FrameSpec
from e2e.datasets.balance import balanced, flattened
from e2e.datasets.candidate_set import CandidateSet, merged_provenance
from e2e.datasets.candidate_store import is_candidate_store
from e2e.datasets.fingerprint import fingerprint, with_fingerprint
from e2e.datasets.from_events import check_truth, has_truth, labelled_candidates, unlabelled_candidates
from e2e.datasets.stored import open_candidates
from e2e.events.reader import expand_inputs, read_events
from e2e.events.record import Events
from e2e.frames.candidates import Candidates
from e2e.problems import InputError, Problems
from e2e.tasks import Task
from e2e.tasks.task import spread_evenly


def load_candidates(
    task: Task,
    inputs: Sequence[Path],
    frame: FrameSpec | None = None,
    limit: int | None = None,
    *,
    needs_targets: bool = True,
) -> CandidateSet:
    """Candidates of the task, balanced where it asks for it: cut out of event stores, or those of candidate stores.

    The pixels of candidate stores stay on disk until they are wanted. frame: the task's own unless given. limit: stop
    after so many events. needs_targets: else every candidate is taken, also without truth or of another task; of
    events of another process those that a bundle of the task would be asked about.
    Raises InputError for an unreadable file, or, where targets are needed, one without truth or of another task.
    """
    frame = frame or task.frame
    where = ", ".join(map(str, inputs))
    paths = expand_inputs(inputs)
    num_stores = sum(map(is_candidate_store, paths))
    if num_stores and num_stores < len(paths):
        raise InputError(where, "both event stores and candidate stores", "convert the events too")
    whole = (_open if num_stores else _cut)(task, paths, frame, limit, needs_targets)
    if needs_targets:
        whole = _evened_out(task, whole)
    if not len(whole):
        raise InputError(where, f"no candidates of {task.name}", "give more events")
    return whole


def _evened_out(task: Task, whole: CandidateSet) -> CandidateSet:
    if task.balance is not None and np.isfinite(whole.eta).any():  # images without directions come as they are
        order = spread_evenly(whole.labels["event"])
        whole = whole.select(balanced(task.balance, whole.pt, whole.eta, whole.is_signal(task), order))
    if task.flat is not None:
        order = spread_evenly(whole.labels["event"])
        whole = whole.select(flattened(task.flat, whole.target, whole.is_signal(task), order))
    return whole


def _open(task: Task, paths: Sequence[Path], frame: FrameSpec, limit: int | None, needs_targets: bool) -> CandidateSet:
    whole = open_candidates(paths, frame, task.name if needs_targets else None)
    labels = whole.labels
    is_new = [np.diff(labels[name], prepend=labels[name][:1]) != 0 for name in ("input", "luminosity_block", "event")]
    is_taken = ~np.isnan(whole.target) if needs_targets else np.ones(len(whole), dtype=bool)
    if limit is not None:
        is_taken &= np.cumsum(np.any(is_new, axis=0)) < limit
    if needs_targets and not is_taken.any():
        raise InputError(paths[0], "its candidates have no targets", "convert events with truth, or labelled images")
    return whole if is_taken.all() else whole.select(is_taken)


def _cut(task: Task, paths: Sequence[Path], frame: FrameSpec, limit: int | None, needs_targets: bool) -> CandidateSet:
    parts: list[CandidateSet] = []
    num_events = 0
    for path in paths:
        if num_events == limit:
            break
        problems, mark = Problems(), fingerprint(path)
        for events in read_events(path, problems):
            if limit is not None:
                events = events.slice(0, min(len(events), limit - num_events))
            part = _candidates(task, path, events, frame, needs_targets)
            parts.append(replace(part, provenance=with_fingerprint(part.provenance, mark)))
            num_events += len(events)
            if num_events == limit:
                break
        if problems.has_errors:
            raise InputError(problems[0].where, problems[0].what, "make the file again")
    if not parts:
        raise InputError(", ".join(map(str, paths)), "no events", "give an event store with events")
    return concatenate(parts)


def _candidates(task: Task, path: Path, events: Events, frame: FrameSpec, needs_targets: bool) -> CandidateSet:
    """With labels where they can be had. Raises InputError where they are needed and cannot."""
    if needs_targets or has_truth(events):
        try:
            check_truth(task, path, events)
        except InputError:
            if needs_targets:
                raise
        else:
            return labelled_candidates(task, events, frame)
    return unlabelled_candidates(task, events, frame)


def concatenate(parts: Sequence[CandidateSet]) -> CandidateSet:
    """Candidates in memory, one after the other."""
    pixels = [part.candidates.load() for part in parts]
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in parts[0].labels}
    provenance = merged_provenance(part.provenance for part in parts)
    return CandidateSet(Candidates.concatenate(pixels), labels, provenance)
