"""Labelled candidates in memory: built from event stores by the same core that serves inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import SEED_MIN_ENERGY_GEV, FrameSpec
from e2e.events.reader import expand_inputs, read_events
from e2e.events.record import Events
from e2e.frames import native
from e2e.frames.candidates import Candidates, Packed
from e2e.problems import InputError, Problems
from e2e.tasks import Task


class Batch(NamedTuple):
    """What a training step takes; float32."""

    packed: Packed
    target: NDArray[np.float32]  # (batch,)


@dataclass(frozen=True)
class CandidateSet:
    """Candidates, one per event, with the target and the true kinematics of each.

    target: in the unit of the task's output. truth: columns of the truth table. provenance: one entry per input file.
    """

    candidates: Candidates
    target: NDArray[np.float32]
    truth: dict[str, NDArray[Any]]
    provenance: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.candidates)

    def select(self, indices: Any) -> CandidateSet:
        truth = {name: column[indices] for name, column in self.truth.items()}
        return CandidateSet(self.candidates.select(indices), self.target[indices], truth, self.provenance)

    def split(self, fraction: float, seed: int) -> tuple[CandidateSet, CandidateSet]:
        """(the rest, a random `fraction` held back); the seed alone decides which."""
        order = _shuffled(len(self), (seed,))
        cut = len(self) - round(len(self) * fraction)
        return self.select(np.sort(order[:cut])), self.select(np.sort(order[cut:]))

    def batches(self, batch_size: int, shuffle_seed: Sequence[int] | None = None) -> Iterator[Batch]:
        """Every candidate once; in an order that depends on the seed alone, or as stored."""
        order = np.arange(len(self)) if shuffle_seed is None else _shuffled(len(self), shuffle_seed)
        for start in range(0, len(self), batch_size):
            chosen = order[start : start + batch_size]
            yield Batch(self.candidates.select(chosen).pack(), self.target[chosen])


def load_candidates(
    task: Task, inputs: Sequence[Path], frame: FrameSpec | None = None, limit: int | None = None
) -> CandidateSet:
    """Read event stores and cut one candidate per event, around its highest barrel crystal.

    frame: the task's own unless given. limit: stop after so many events. An event whose highest crystal is below 1 GeV
    gives none. Raises InputError for an unreadable file or one without truth.
    """
    frame = frame or task.frame
    parts: list[CandidateSet] = []
    num_events = 0
    for path in expand_inputs(inputs):
        problems = Problems()
        for events in read_events(path, problems):
            _check_truth(task, path, events)
            if limit is not None:
                events = events.slice(0, min(len(events), limit - num_events))
            parts.append(_candidates_of(task, events, frame))
            num_events += len(events)
            if num_events == limit:
                return _concatenate(parts)
        if problems.has_errors:
            raise InputError(path, str(problems[0]), "make the file again")
    if not parts:
        raise InputError(", ".join(map(str, inputs)), "no events", "give an event store with events")
    return _concatenate(parts)


def _check_truth(task: Task, path: Path, events: Events) -> None:
    if "truth" not in events.objects or "EB" not in events.hits:
        raise InputError(path, "no truth or no barrel hits in it", "give a simulated event store")
    truth = events.objects["truth"]
    if not (truth.counts == 1).all() or not task.is_known(truth.columns).all():
        remedy = f"simulate process {task.name!r}"
        raise InputError(path, f"its true particles are not those of {task.name}, one an event", remedy)


def _shuffled(count: int, seed: Sequence[int]) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).permutation(count)


def _candidates_of(task: Task, events: Events, frame: FrameSpec) -> CandidateSet:
    seeds = native.leading_seeds(events.hits["EB"], SEED_MIN_ENERGY_GEV)
    candidates = native.build_candidates(events.hits["EB"], frame, seeds)
    truth = {name: column[seeds.event_index] for name, column in events.objects["truth"].columns.items()}
    return CandidateSet(candidates, task.target(events)[seeds.event_index], truth, [dict(events.provenance)])


def _concatenate(parts: list[CandidateSet]) -> CandidateSet:
    provenance: list[dict[str, Any]] = []
    for part in parts:
        provenance += [entry for entry in part.provenance if entry not in provenance]
    return CandidateSet(
        Candidates.concatenate([part.candidates for part in parts]),
        np.concatenate([part.target for part in parts]),
        {name: np.concatenate([part.truth[name] for part in parts]) for name in parts[0].truth},
        provenance,
    )
