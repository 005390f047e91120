"""Labelled candidates, in memory or on disk, and the batches that a training takes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.datasets.labels import BESIDE_PREFIX, Labelled, Labels
from e2e.datasets.order import IntArray, num_batches, share_of, shuffled, visit
from e2e.frames.candidates import Candidates, Packed
from e2e.tasks import Task

Provenance = list[dict[str, Any]]

SAMPLE_SEED = 0  # of what `sample` draws


def merged_provenance(parts: Iterable[Provenance]) -> Provenance:
    """Every entry once, in order."""
    merged: Provenance = []
    for entry in chain.from_iterable(parts):
        if entry not in merged:
            merged.append(entry)
    return merged


class Batch(NamedTuple):
    """What a training step takes; float32."""

    packed: Packed
    targets: NDArray[np.float32]  # (batch, answers)


class PixelSource(Protocol):
    """Where the pixels of candidates come from: `Candidates` in memory, or `StoredCandidates` on disk.

    group: (candidates,) what is stored together. select: fewer, or in another order; reads nothing. load: all into
    memory. stream: those of `rows` in pieces that end at `bounds`, rows `cuts[i]` to `cuts[i + 1]` being best read
    together.
    """

    @property
    def spec(self) -> FrameSpec: ...

    @property
    def group(self) -> IntArray: ...

    def __len__(self) -> int: ...

    def select(self, indices: Any) -> Self: ...

    def load(self) -> Candidates: ...

    def stream(self, rows: IntArray, cuts: IntArray, bounds: IntArray) -> Iterator[Candidates]: ...


@dataclass(frozen=True)
class CandidateSet(Labelled):
    """Candidates and what is known of each.

    labels: the columns of `LABEL_COLUMNS`, and those of `with_beside`. provenance: one entry for each way the events
    were made.
    """

    candidates: PixelSource
    labels: Labels
    provenance: Provenance

    def __post_init__(self) -> None:
        wrong = [name for name, column in self.labels.items() if len(column) != len(self.candidates)]
        if wrong:
            raise ValueError(f"{len(self.candidates)} candidates, but {', '.join(wrong)} of other length")

    def __len__(self) -> int:
        return len(self.candidates)

    @property
    def targets(self) -> NDArray[np.float32]:
        """(candidates, answers): the task's own, then those of `with_beside`; NaN: not known."""
        beside = [column for name, column in self.labels.items() if name.startswith(BESIDE_PREFIX)]
        return np.stack([self.target, *beside], axis=1)

    def with_beside(self, task: Task) -> CandidateSet:
        """The same, with the targets of what the task has beside its own output."""
        found = {BESIDE_PREFIX + beside.output.name: beside.target(self.truth) for beside in task.beside}
        return CandidateSet(self.candidates, {**self.labels, **found}, self.provenance)

    def select(self, indices: Any) -> CandidateSet:
        labels = {name: column[indices] for name, column in self.labels.items()}
        return CandidateSet(self.candidates.select(indices), labels, self.provenance)

    def sample(self, count: int) -> CandidateSet:
        """A random `count` of the candidates, in the order stored; a larger sample holds the smaller ones.

        Which ones depends on the two numbers alone, not on who asks: networks and seeds are compared on the same.
        Raises ValueError for more than there are.
        """
        if count > len(self):
            raise ValueError(f"{len(self)} candidates, {count} asked for")
        return self.select(np.sort(shuffled(len(self), (SAMPLE_SEED,))[:count]))

    def split(self, fraction: float, seed: int) -> tuple[CandidateSet, CandidateSet]:
        """(the rest, a random `fraction` of the events held back); the seed alone decides which."""
        events, owner = np.unique(self.labels["event"], return_inverse=True)
        held_back = shuffled(len(events), (seed,))[len(events) - round(len(events) * fraction) :]
        is_held_back = np.isin(owner, held_back)
        return self.select(~is_held_back), self.select(is_held_back)

    def num_batches(self, batch_size: int, ranks: int = 1) -> int:
        return num_batches(ranks, len(self), batch_size)

    def batches(
        self,
        batch_size: int,
        shuffle_seed: Sequence[int] | None = None,
        *,
        rank: int = 0,
        ranks: int = 1,
        start: int = 0,
    ) -> Iterator[Batch]:
        """Every candidate once, over all `ranks`; in an order that depends on the seed alone, or as stored.

        start: the first batches to leave out, which costs nothing: a training goes on in the middle of an epoch.
        """
        order = visit(self.candidates.group, shuffle_seed)
        bounds = share_of(rank, ranks, len(self), batch_size)[start:]
        pieces = self.candidates.stream(order.rows, order.cuts, bounds)
        targets = self.targets
        for candidates, first, last in zip(pieces, bounds[:-1], bounds[1:], strict=True):
            yield Batch(candidates.pack(), targets[order.rows[first:last]])
