"""Candidates that stay on disk: read a few row groups at a time, ahead of who asks for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet, merged_provenance
from e2e.datasets.candidate_store import CandidateFile
from e2e.datasets.labels import LABEL_COLUMNS
from e2e.datasets.order import IntArray
from e2e.datasets.source import is_same_window, window_of
from e2e.frames.candidates import Candidates, Seeds
from e2e.problems import InputError

READERS = 2  # threads that read ahead; decoding and unpacking leave Python's lock alone

Result = TypeVar("Result")


class _Group(NamedTuple):
    file: CandidateFile
    number: int


@dataclass(frozen=True)
class StoredCandidates:
    """Pixels of candidates in candidate stores; `spec` may have fewer channels than is stored, in another order.

    group: of `groups`; row: in its group; one entry for each candidate.
    """

    spec: FrameSpec
    groups: Sequence[_Group]
    group: IntArray
    row: IntArray

    def __len__(self) -> int:
        return len(self.row)

    def select(self, indices: Any) -> StoredCandidates:
        return replace(self, group=self.group[indices], row=self.row[indices])

    def load(self) -> Candidates:
        return self.read(np.arange(len(self)))

    def read(self, rows: IntArray) -> Candidates:
        """Pixels of some candidates, in this order. Raises InputError naming the file that is damaged."""
        if not len(rows):
            nothing: list[int] = []
            none = Seeds.from_columns(nothing, nothing, nothing, nothing)
            return Candidates.from_dense(self.spec, np.zeros((0, *self.spec.shape)), none)
        parts, places = [], []
        for number in np.unique(self.group[rows]):
            place = np.flatnonzero(self.group[rows] == number)
            group = self.groups[number]
            stored = with_channels(group.file.pixels(group.number), self.spec)
            parts.append(_in_order(stored, self.row[rows[place]]))
            places.append(place)
        back = np.empty(len(rows), dtype=np.int64)
        back[np.concatenate(places)] = np.arange(len(rows))
        return _in_order(Candidates.concatenate(parts) if len(parts) > 1 else parts[0], back)

    def stream(self, rows: IntArray, cuts: IntArray, bounds: IntArray) -> Iterator[Candidates]:
        """Those of `rows` in pieces that end at `bounds`; a block between `cuts` is read in one go, once."""
        if len(bounds) < 2:
            return
        first, last = int(bounds[0]), int(bounds[-1])
        edges = np.unique(np.clip(cuts, first, last))
        blocks = (rows[low:high] for low, high in pairwise(edges))
        held: Candidates | None = None
        start = first  # candidates from `start` of the order on
        reader = iter(read_ahead(self.read, blocks, READERS))
        for low, high in pairwise(bounds):
            while held is None or start + len(held) < high:
                block = next(reader)
                held = block if held is None else Candidates.concatenate([held.select(slice(low - start, None)), block])
                start = start if held is block else low
            yield held.select(slice(low - start, high - start))


def _in_order(candidates: Candidates, rows: IntArray) -> Candidates:
    """These rows; the same object where they are all of them as they lie."""
    is_whole = len(rows) == len(candidates) and bool(np.all(rows == np.arange(len(rows))))
    return candidates if is_whole else candidates.select(rows)


def with_channels(candidates: Candidates, spec: FrameSpec) -> Candidates:
    """The same candidates with the channels of `spec` alone, in its order. Raises ValueError for one they lack."""
    if candidates.spec == spec:
        return candidates
    pixels = spec.rows * spec.columns
    known = candidates.spec.channels
    if not is_same_window(candidates.spec, spec) or not set(spec.channels) <= set(known):
        raise ValueError(f"{spec} cannot be taken from {candidates.spec}")
    new_channel = np.array([spec.channels.index(name) if name in spec.channels else -1 for name in known])
    channel, pixel = np.divmod(candidates.pixel_index, pixels)
    is_kept = new_channel[channel] >= 0
    owner = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))[is_kept]
    index = (new_channel[channel] * pixels + pixel)[is_kept].astype(np.int32)
    order = np.lexsort((index, owner)) if np.any(np.diff(new_channel[new_channel >= 0]) < 0) else slice(None)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(candidates)))))
    return Candidates(spec, offsets, index[order], candidates.pixel_value[is_kept][order], candidates.seeds)


def read_ahead(read: Callable[[Any], Result], items: Iterable[Any], readers: int) -> Iterator[Result]:
    """`read` of each item, in order, by threads that are at most one item each ahead of who asks."""
    with ThreadPoolExecutor(readers) as pool:
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(pool.submit(read, item))
                if len(running) > readers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:  # who asked has gone, or a read failed
            for future in running:
                future.cancel()


def open_candidates(paths: Sequence[Path], frame: FrameSpec | None = None, task: str | None = None) -> CandidateSet:
    """Candidates of candidate stores, in the order of the files; their labels in memory, their pixels on disk.

    frame: with channels to take; those that are stored unless given. task: that their targets are of, unless the files
    do not say it. Raises InputError for a file that is none, is damaged, or holds candidates of another frame or task.
    """
    files = [CandidateFile(path) for path in paths]
    about = files[0].about
    frame = frame or about.frame
    for file in files:
        if task is not None and file.about.task not in (None, task):
            what = f"holds candidates of {file.about.task}, not of {task}"
            raise InputError(file.path, what, f"give candidates of {task}")
        if not is_same_window(file.about.frame, frame):
            raise InputError(file.path, f"holds {window_of(file.about.frame)}, not {window_of(frame)}", "convert again")
        if missing := [name for name in frame.channels if name not in file.about.frame.channels]:
            what = f"has no channel {', '.join(missing)}; it has {', '.join(file.about.frame.channels)}"
            raise InputError(file.path, what, "convert again, for a task with them")
        if file.about.task != about.task:
            what = f"holds candidates of {file.about.task}, {paths[0]} those of {about.task}"
            raise InputError(file.path, what, "give candidates of one task")
    sizes = np.concatenate([file.group_sizes for file in files])
    groups = [_Group(file, number) for file in files for number in range(len(file.group_sizes))]
    group = np.repeat(np.arange(len(groups)), sizes)
    row = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = [file.labels() for file in files]
    labels = {name: np.concatenate([column[name] for column in columns]) for name in LABEL_COLUMNS}
    provenance = merged_provenance(file.about.provenance for file in files)
    return CandidateSet(StoredCandidates(frame, groups, group, row), labels, provenance)
