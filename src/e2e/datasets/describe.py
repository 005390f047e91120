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
from e2e.datasets.look import Input, look, raise_first
from e2e.datasets.source import Options
from e2e.datasets.sources import EVENT_FILES
from e2e.events.reader import find_reader
from e2e.events.record import Events
from e2e.problems import Problems
from e2e.tasks import TASKS

SAMPLE = 1000  # candidates; of events, those of as many


@dataclass(frozen=True)
class Description:
    """counts, bytes: of `events` in files of events, and of `candidates` in the others. tables: hits and objects of the
    first events, rows an event. frame, task: of the candidates, None where it is not said what to cut. sample: the
    first candidates, in memory. codec: of compressed candidates, what their file says of it, and `bytes_per_candidate`
    of labels and of pixels."""

    formats: list[str]
    files: int
    counts: dict[str, int]
    bytes: dict[str, int]
    tables: dict[str, float]
    frame: FrameSpec | None
    task: str | None
    sample: CandidateSet | None
    provenance: Provenance
    problems: Problems
    codec: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Numbers for a reader; sizes in bytes."""
        said: dict[str, Any] = {"formats": self.formats, "files": self.files, "bytes": sum(self.bytes.values())}
        for kind, count in self.counts.items():
            said |= {kind: count, f"bytes_per_{kind.removesuffix('s')}": round(self.bytes[kind] / max(count, 1), 1)}
        if self.tables:
            said["rows_per_event"] = self.tables
        if self.frame is not None:
            said |= {"task": self.task, "frame": self.frame.to_json()}
        if self.codec is not None:
            said["codec"] = self.codec
        if self.sample is not None and len(self.sample):
            said["sample"] = _sample_json(self.sample, self.task)
        return {**said, "provenance": self.provenance}


def describe(inputs: Sequence[Path], options: Options = Options(), sample: int = SAMPLE) -> Description:  # noqa: B008
    """Look at files and folders of any format. sample: candidates to look at the pixels of.

    What is wrong with a file goes to `problems`, as does a file that gives other candidates than the first, of which
    no more is said than what is counted. Raises InputError where no file can be understood.
    """
    problems = Problems()
    found = [item for item in look(inputs, options, problems, is_cut=False) if item.source is not None]
    if not found:
        raise_first(problems)
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for item in found:
        kind = "events" if item.source is EVENT_FILES else "candidates"
        counts[kind] = counts.get(kind, 0) + item.entries
        sizes[kind] = sizes.get(kind, 0) + item.path.stat().st_size
    alike = _like_the_first(found, problems)
    layout = alike[0].layout if alike else None
    chosen = _sample(alike, options, sample, problems) if alike else None
    first = next((item for item in found if item.source is EVENT_FILES and item.entries), None)
    events = _first_events(first.path, problems) if first else None
    first_made = [dict(events.provenance)] if events else []
    return Description(
        list(dict.fromkeys(map(_format, found))),
        len(found),
        counts,
        sizes,
        _tables(events) if events else {},
        layout.frame if layout else None,
        layout.task if layout else None,
        chosen,
        first_made if chosen is None else chosen.provenance,
        Problems(dict.fromkeys(problems)),  # the same events may have been read twice
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


def _format(item: Input) -> str:
    assert item.source is not None
    return find_reader(item.path).name if item.source is EVENT_FILES else item.source.name


def _like_the_first(found: Sequence[Input], problems: Problems) -> list[Input]:
    """Those that give the same candidates as the first that gives any; the others are named."""
    first = next((item for item in found if item.layout is not None), None)
    if first is None:
        return []
    for item in found:
        if item.entries and item.layout != first.layout:
            gives = f"gives {item.layout}" if item.layout else "gives events that do not say what to cut"
            what = f"{gives}, {first.path.name} gives {first.layout}"
            problems.report(item.path, what, "only counted; ask for it alone, or say --task", "warning")
    return [item for item in found if item.layout == first.layout]


def _first_events(path: Path, problems: Problems) -> Events | None:
    with problems.collected():
        return next(find_reader(path).read(path, problems), None)
    return None


def _tables(events: Events) -> dict[str, float]:
    tables = {**events.hits, **events.objects}
    return {name: round(len(table) / len(events), 2) for name, table in tables.items()}


def _sample(items: Sequence[Input], options: Options, size: int, problems: Problems) -> CandidateSet | None:
    """The first candidates of each file, about as many from every one."""
    parts: list[CandidateSet] = []
    share = -(-size // len(items))
    for item in items:
        assert item.source is not None and item.layout is not None
        with problems.collected():
            for part in item.source.read(item.path, 0, min(item.entries, share), item.layout, options, problems):
                parts.append(part)
    return concatenate(parts) if parts else None


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
