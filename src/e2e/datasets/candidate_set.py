"""Labelled candidates in memory: built from event stores by the same core that serves inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.datasets.balance import balanced
from e2e.events.reader import expand_inputs, read_events
from e2e.events.record import Events
from e2e.frames.build import build_candidates
from e2e.frames.candidates import Candidates, Packed
from e2e.problems import InputError, Problems
from e2e.tasks import Task
from e2e.tasks.selection import MatchedJets
from e2e.tasks.task import spread_evenly


class Batch(NamedTuple):
    """What a training step takes; float32."""

    packed: Packed
    target: NDArray[np.float32]  # (batch,)


@dataclass(frozen=True)
class CandidateSet:
    """Candidates with the target and the truth of each.

    target: in the unit of the task's output. truth: columns of the truth table, and `event`, the event's number. pt,
    eta: of the candidate, as measured where it was. provenance: one entry for each way the events were made.
    """

    candidates: Candidates
    target: NDArray[np.float32]
    truth: dict[str, NDArray[Any]]
    pt: NDArray[np.float32]
    eta: NDArray[np.float32]
    provenance: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.candidates)

    def select(self, indices: Any) -> CandidateSet:
        truth = {name: column[indices] for name, column in self.truth.items()}
        return CandidateSet(
            self.candidates.select(indices),
            self.target[indices],
            truth,
            self.pt[indices],
            self.eta[indices],
            self.provenance,
        )

    def split(self, fraction: float, seed: int) -> tuple[CandidateSet, CandidateSet]:
        """(the rest, a random `fraction` of the events held back); the seed alone decides which."""
        events, owner = np.unique(self.truth["event"], return_inverse=True)
        held_back = _shuffled(len(events), (seed,))[len(events) - round(len(events) * fraction) :]
        is_held_back = np.isin(owner, held_back)
        return self.select(~is_held_back), self.select(is_held_back)

    def batches(self, batch_size: int, shuffle_seed: Sequence[int] | None = None) -> Iterator[Batch]:
        """Every candidate once; in an order that depends on the seed alone, or as stored."""
        order = np.arange(len(self)) if shuffle_seed is None else _shuffled(len(self), shuffle_seed)
        for start in range(0, len(self), batch_size):
            chosen = order[start : start + batch_size]
            yield Batch(self.candidates.select(chosen).pack(), self.target[chosen])


def load_candidates(
    task: Task, inputs: Sequence[Path], frame: FrameSpec | None = None, limit: int | None = None
) -> CandidateSet:
    """Read event stores and cut the task's candidates out of their events; balanced where the task asks for it.

    frame: the task's own unless given. limit: stop after so many events. Raises InputError for an unreadable file, one
    without truth, or of another task.
    """
    frame = frame or task.frame
    parts: list[CandidateSet] = []
    num_events = 0
    for path in expand_inputs(inputs):
        if num_events == limit:
            break
        problems = Problems()
        for events in read_events(path, problems):
            if limit is not None:
                events = events.slice(0, min(len(events), limit - num_events))
            _check_truth(task, path, events)
            parts.append(_candidates_of(task, events, frame))
            num_events += len(events)
            if num_events == limit:
                break
        if problems.has_errors:
            raise InputError(problems[0].where, problems[0].what, "make the file again")
    where = ", ".join(map(str, inputs))
    if not parts:
        raise InputError(where, "no events", "give an event store with events")
    whole = _concatenate(parts)
    if task.balance is not None:
        order = spread_evenly(whole.truth["event"])
        whole = whole.select(balanced(task.balance, whole.pt, whole.eta, task.is_signal(whole.truth), order))
    if not len(whole):
        raise InputError(where, f"no candidates of {task.name} in {num_events} events", "simulate more events")
    return whole


def _check_truth(task: Task, path: Path, events: Events) -> None:
    tables = {**events.hits, **events.objects}
    missing = [name for name in ("truth", *task.selection.needs) if name not in tables]
    remedy = f"simulate process {task.name!r}"
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


def _shuffled(count: int, seed: Sequence[int]) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).permutation(count)


def _candidates_of(task: Task, events: Events, frame: FrameSpec) -> CandidateSet:
    found = task.selection.find(events, frame)
    truth = {name: column[found.truth_row] for name, column in events.objects["truth"].columns.items()}
    truth["event"] = events.event[found.seeds.event_index]
    is_known = task.is_known(truth)
    truth = {name: column[is_known] for name, column in truth.items()}
    candidates = build_candidates(events, frame, found.seeds.select(is_known))
    provenance = [dict(events.provenance)]
    return CandidateSet(candidates, task.target(truth), truth, found.pt[is_known], found.eta[is_known], provenance)


def _concatenate(parts: list[CandidateSet]) -> CandidateSet:
    provenance: list[dict[str, Any]] = []
    for part in parts:
        provenance += [entry for entry in part.provenance if entry not in provenance]
    return CandidateSet(
        Candidates.concatenate([part.candidates for part in parts]),
        np.concatenate([part.target for part in parts]),
        {name: np.concatenate([part.truth[name] for part in parts]) for name in parts[0].truth},
        np.concatenate([part.pt for part in parts]),
        np.concatenate([part.eta for part in parts]),
        provenance,
    )
