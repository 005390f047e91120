"""Every format that candidates come from, found by content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.candidate_store import CandidateFile, is_candidate_store
from e2e.datasets.from_events import check_truth, has_truth, labelled_candidates, unlabelled_candidates
from e2e.datasets.image_hdf5 import ImageHdf5
from e2e.datasets.image_parquet import ImageParquet
from e2e.datasets.labels import LABEL_COLUMNS
from e2e.datasets.rhtree import RhTree
from e2e.datasets.source import Layout, Options, Source
from e2e.datasets.stored import with_channels
from e2e.events.reader import READERS, find_reader, read_events
from e2e.files import reading
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS


class EventFiles:
    """Files of events: candidates are cut out as a task asks for. With truth they are labelled; without, they are those
    that a bundle of the task would be asked about."""

    name = ", ".join(reader.name for reader in READERS)

    def recognises(self, path: Path) -> bool:
        return any(reader.recognises(path) for reader in READERS)

    def layout(self, path: Path, options: Options) -> Layout | None:
        if options.channels or options.has_factors:
            raise InputError(path, "events, not images", "leave out --channels and the factors")
        task = options.task or self._process(path)
        return None if task is None else Layout(TASKS[task].frame, task)

    def count(self, path: Path) -> int:
        return find_reader(path).count(path)

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]:
        task = TASKS[str(layout.task)]
        for events in read_events(path, problems, start=start, stop=stop):
            if has_truth(events):
                check_truth(task, path, events)
                yield labelled_candidates(task, events, layout.frame)
            else:
                yield unlabelled_candidates(task, events, layout.frame)

    def _process(self, path: Path) -> str | None:
        """The task whose process was simulated."""
        first = next(find_reader(path).read(path, Problems(), 0, 1), None)
        process = None if first is None else first.provenance.get("process")
        return process if process in TASKS else None


class CandidateStores:
    """Our own candidate stores: joined, or with fewer channels. Their inputs are numbered from 0 on, without gaps."""

    name = "e2e candidate store (Parquet)"

    def recognises(self, path: Path) -> bool:
        return is_candidate_store(path)

    def layout(self, path: Path, options: Options) -> Layout:
        about = CandidateFile(path).about
        if options.has_factors:
            raise InputError(path, "a candidate store, whose energies are as they should be", "leave out the factors")
        if options.task not in (None, about.task):
            raise InputError(path, f"candidates of {about.task}, not of {options.task}", "convert the events again")
        missing = [name for name in options.channels or () if name not in about.frame.channels]
        if missing:
            what = f"has no channel {', '.join(missing)}; it has {', '.join(about.frame.channels)}"
            raise InputError(path, what, "leave them out")
        channels = tuple(options.channels or about.frame.channels)
        return Layout(replace(about.frame, channels=channels), about.task)

    def count(self, path: Path) -> int:
        return len(CandidateFile(path))

    def count_inputs(self, path: Path) -> int:
        """Files that its candidates came from."""
        return max(1, len(np.unique(CandidateFile(path).labels(["input"])["input"])))

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]:
        file = CandidateFile(path)
        labels: dict[str, Any] = file.labels(list(LABEL_COLUMNS))
        labels["input"] = np.unique(labels["input"], return_inverse=True)[1].astype(np.uint32)
        ends = np.cumsum(file.group_sizes)
        for group, (first, last) in enumerate(zip(ends - file.group_sizes, ends, strict=True)):
            low, high = max(first, start), min(last, stop)
            if low < high:
                pixels = with_channels(file.pixels(group).select(slice(low - first, high - first)), layout.frame)
                chosen = {name: column[low:high] for name, column in labels.items()}
                yield CandidateSet(pixels, chosen, file.about.provenance)


CANDIDATE_STORES, EVENT_FILES = CandidateStores(), EventFiles()
SOURCES: tuple[Source, ...] = (CANDIDATE_STORES, ImageParquet(), ImageHdf5(), RhTree(), EVENT_FILES)


def find_source(path: Path) -> Source:
    """Raises InputError when the file is of no format that is known."""
    with reading(path):
        source = next((source for source in SOURCES if source.recognises(path)), None)
    if source is None:
        raise InputError(path, "of no known format", f"known: {', '.join(source.name for source in SOURCES)}")
    return source
