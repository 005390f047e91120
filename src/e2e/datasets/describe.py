"""What is in files of any format: numbers of the whole where they are cheap, of a sample where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet, Provenance
from e2e.datasets.load import concatenate
from e2e.datasets.source import Options
from e2e.datasets.sources import EVENT_FILES, find_source
from e2e.events.reader import expand_inputs, find_reader
from e2e.events.record import Events
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS

SAMPLE = 1000  # candidates; of events, those of as many


@dataclass(frozen=True)
class Description:
    """entries: events of event files, else candidates. tables: hits and objects of the first events, rows an event.
    frame, task: of the candidates, None where it is not said what to cut. sample: the first candidates, in memory."""

    formats: list[str]
    files: int
    bytes: int
    entries: int
    is_events: bool
    tables: dict[str, float]
    frame: FrameSpec | None
    task: str | None
    sample: CandidateSet | None
    provenance: Provenance
    problems: Problems

    def to_json(self) -> dict[str, Any]:
        """Numbers for a reader; sizes in bytes."""
        said = {
            "formats": self.formats,
            "files": self.files,
            "bytes": self.bytes,
            "events" if self.is_events else "candidates": self.entries,
            "bytes_per_event" if self.is_events else "bytes_per_candidate": round(self.bytes / max(self.entries, 1), 1),
        }
        if self.tables:
            said["rows_per_event"] = self.tables
        if self.frame is not None:
            said |= {"task": self.task, "frame": self.frame.to_json()}
        if self.sample is not None and len(self.sample):
            said["sample"] = _sample_json(self.sample, self.task)
        return {**said, "provenance": self.provenance}


def describe(inputs: Sequence[Path], options: Options = Options(), sample: int = SAMPLE) -> Description:  # noqa: B008
    """Look at files and folders of any format. sample: candidates to look at the pixels of.

    What is wrong with a file goes to `problems`. Raises InputError where no file can be understood.
    """
    problems = Problems()
    paths = expand_inputs(inputs)
    formats: dict[str, None] = {}
    counts: dict[Path, int] = {}
    for path in paths:
        with problems.collected():
            source = find_source(path)
            counts[path] = source.count(path)
            formats[find_reader(path).name if source is EVENT_FILES else source.name] = None
    if not counts:
        raise InputError(problems[0].where, problems[0].what, problems[0].remedy)
    first = next((path for path, count in counts.items() if count), next(iter(counts)))
    source = find_source(first)
    is_events = source is EVENT_FILES
    layout = None
    try:
        layout = source.layout(first, options)
    except InputError:
        if not is_events or options != Options():  # else it is only not said what to cut
            raise
    found = _sample(counts, layout, options, sample, problems) if layout else None
    return Description(
        list(formats),
        len(counts),
        sum(path.stat().st_size for path in counts),
        sum(counts.values()),
        is_events,
        _tables(first, problems) if is_events else {},
        layout.frame if layout else None,
        layout.task if layout else None,
        found,
        found.provenance if found is not None else _provenance(first),
        problems,
    )


def average_images(candidates: CandidateSet, task: str | None) -> dict[str, NDArray[np.float64]]:
    """Mean over candidates of each kind: (channels, rows, columns), in the channels' units."""
    pixels = candidates.candidates.load()
    owner = np.repeat(np.arange(len(pixels)), np.diff(pixels.offsets))
    images = {}
    for name, is_kind in kinds(candidates, task).items():
        if is_kind.any():
            inside = is_kind[owner]
            weights = pixels.pixel_value[inside].astype(np.float64)
            total = np.bincount(pixels.pixel_index[inside], weights, minlength=pixels.spec.num_pixels)
            images[name] = total.reshape(pixels.spec.shape) / is_kind.sum()
    return images


def kinds(candidates: CandidateSet, task: str | None) -> dict[str, NDArray[np.bool_]]:
    """Which candidates are signal, which the rest, which unlabelled; by the names of the task."""
    is_labelled = ~np.isnan(candidates.target)
    if task is None:
        return {"labelled": is_labelled, "unlabelled": ~is_labelled}
    is_signal = candidates.is_signal(TASKS[task])
    return {
        TASKS[task].signal.name: is_labelled & is_signal,
        TASKS[task].other.name: is_labelled & ~is_signal,
        "unlabelled": ~is_labelled,
    }


def _tables(path: Path, problems: Problems) -> dict[str, float]:
    events: Events | None = next(find_reader(path).read(path, problems), None)
    if events is None:
        return {}
    tables = {**events.hits, **events.objects}
    return {name: round(len(table) / len(events), 2) for name, table in tables.items()}


def _provenance(path: Path) -> Provenance:
    first = next(find_reader(path).read(path, Problems(), 0, 1), None)
    return [] if first is None else [dict(first.provenance)]


def _sample(counts: dict[Path, int], layout: Any, options: Options, size: int, problems: Problems) -> CandidateSet:
    """The first candidates of each file, about as many from every one."""
    parts: list[CandidateSet] = []
    share = -(-size // len(counts))
    for path, count in counts.items():
        with problems.collected():
            parts += find_source(path).read(path, 0, min(count, share), layout, options, problems)
    if not parts:
        raise InputError(problems[-1].where, problems[-1].what, problems[-1].remedy)
    return concatenate(parts)


def _sample_json(sample: CandidateSet, task: str | None) -> dict[str, Any]:
    pixels = sample.candidates.load()
    channel = np.bincount(
        pixels.pixel_index // (pixels.spec.rows * pixels.spec.columns), minlength=len(pixels.spec.channels)
    )
    lengths = np.diff(pixels.offsets)
    per_channel = dict(zip(pixels.spec.channels, (channel / len(pixels)).round(2).tolist(), strict=True))
    pt = sample.pt[np.isfinite(sample.pt)]
    return {
        "candidates": len(sample),
        "kinds": {name: int(is_kind.sum()) for name, is_kind in kinds(sample, task).items()},
        "pixels_per_candidate": {"mean": round(float(lengths.mean()), 1), "max": int(lengths.max())},
        "pixels_per_channel": per_channel,
        "empty_fraction": round(1 - float(lengths.mean()) / pixels.spec.num_pixels, 5),
        "pt": [round(float(x), 2) for x in np.quantile(pt, (0, 0.5, 1))] if len(pt) else None,
    }
