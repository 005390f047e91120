"""Whatever holds candidates -> a folder of candidate stores: in pieces, by any number of workers, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from e2e import __version__
from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.candidate_store import CandidateFile, CandidateWriter, is_candidate_store
from e2e.datasets.source import Layout, Options
from e2e.datasets.sources import find_source
from e2e.events.reader import expand_inputs
from e2e.problems import InputError, Problem, Problems
from e2e.scale.engines import choose_engine
from e2e.scale.shards import shard_path, write_shards
from e2e.tasks import TASKS

SHARD_ENTRIES = 5000  # events or images of the inputs; what is lost by a kill


class Input(NamedTuple):
    """A file and what is in it; number: as the candidates name it."""

    number: int
    path: Path
    entries: int
    layout: Layout


@dataclass(frozen=True)
class Converted:
    """The folder, the candidates in it, and what was wrong with the inputs."""

    output: Path
    num_entries: int
    num_candidates: int
    problems: Problems


def convert(
    inputs: Sequence[Path],
    output: Path,
    *,
    task: str | None = None,
    channels: Sequence[str] | None = None,
    endcap_factor: float = 1.0,
    hcal_factor: float = 1.0,
    workers: int = 1,
    dask: str | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Converted:
    """Write the candidates of files and folders, of any format in `SOURCES`, into candidate stores in `output`.

    A call that was interrupted, even by a kill, goes on where it was when it is given again; so does one whose inputs
    could not be read in whole. task: key of TASKS; needed for events that do not say what they were simulated for.
    channels, endcap_factor, hcal_factor: of images, see `Options`. workers, dask: as in `simulate`; the bytes do not
    depend on them. progress: called with the events or images done, and how many there are.
    A file that cannot be read goes to `problems` and the others are converted. Raises InputError when nothing can be
    done: an unknown task, no input that can be read, inputs of different frames, or an `output` that cannot be written
    or holds something else.
    """
    options = _options(task, channels, endcap_factor, hcal_factor)
    engine = choose_engine(workers, dask)
    problems = Problems()
    found = _look(inputs, options, problems)
    layout, total = found[0].layout, sum(item.entries for item in found)
    plan = {
        "verb": "convert",
        **options.to_json(),
        "task": layout.task,
        "inputs": [[item.path.name, item.path.stat().st_size, item.entries] for item in found],
    }
    make = partial(read_piece, tuple(found), options)
    write = partial(_write, layout.frame, layout.task, options.to_json())
    num_shards = -(-total // SHARD_ENTRIES)
    write_shards(output, plan, num_shards, make, engine, lambda done: progress(done, total), write=write, count=_count)
    files = [CandidateFile(shard_path(output, number)) for number in range(num_shards)]
    for file in files:
        problems += [Problem(**entry) for entry in file.about.more["problems"]]
    return Converted(output, total, sum(map(len, files)), problems)


def _options(task: str | None, channels: Sequence[str] | None, endcap_factor: float, hcal_factor: float) -> Options:
    if task is not None and task not in TASKS:
        near = get_close_matches(task, TASKS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError("convert", f"unknown task {task!r}", f"{hint}known: {', '.join(TASKS)}")
    for name, factor in (("endcap", endcap_factor), ("HCAL", hcal_factor)):
        if not (np.isfinite(factor) and factor > 0):
            raise InputError("convert", f"{name} factor {factor}", "give a number above 0")
    return Options(task, tuple(channels) if channels else None, float(endcap_factor), float(hcal_factor))


def _look(inputs: Sequence[Path], options: Options, problems: Problems) -> list[Input]:
    """What is in each file; those that cannot be read become problems. Raises InputError when nothing is left."""
    found: list[Input] = []
    for given in inputs:
        with problems.collected():
            for path in expand_inputs([given]):
                with problems.collected():
                    source = find_source(path)
                    entries = source.count(path)
                    if entries:
                        found.append(Input(len(found), path.resolve(), entries, source.layout(path, options)))
                    else:
                        problems.report(path, "holds no events and no candidates", "left out", "warning")
    if not found:
        worst = next((problem for problem in problems if problem.severity == "error"), None)
        if worst is None:
            raise InputError(", ".join(map(str, inputs)), "nothing to convert", "give files with events or images")
        raise InputError(worst.where, worst.what, worst.remedy)
    first = found[0]
    for item in found:
        if item.layout != first.layout:
            what = f"gives {_describe(item.layout)}, {first.path.name} gives {_describe(first.layout)}"
            raise InputError(item.path, what, "convert them apart, or say --task and --channels")
    return found


def _describe(layout: Layout) -> str:
    frame: FrameSpec = layout.frame
    return f"{layout.task} with {frame.rows} x {frame.columns} of {', '.join(frame.channels)}"


class Piece(NamedTuple):
    """One batch of a shard, and what was wrong with its input. entries: of a file that is done with; is_whole: all of
    them could be read."""

    candidates: CandidateSet | None = None
    problems: Sequence[Problem] = ()
    entries: int = 0
    is_whole: bool = True


def read_piece(inputs: Sequence[Input], options: Options, number: int) -> Iterator[Piece]:
    """Entries of shard `number`: `SHARD_ENTRIES` of them, counted through all inputs."""
    low, high, first = number * SHARD_ENTRIES, (number + 1) * SHARD_ENTRIES, 0
    for item in inputs:
        start, stop = max(low - first, 0), min(high - first, item.entries)
        first += item.entries
        if start < stop:
            problems, is_whole = Problems(), True
            try:
                source = find_source(item.path)
                for candidates in source.read(item.path, start, stop, item.layout, options, problems):
                    named = np.full(len(candidates), item.number, dtype=np.uint32)
                    yield Piece(replace(candidates, labels={**candidates.labels, "input": named}))
            except InputError as error:
                problems.report(error.where, error.what, error.remedy)
                is_whole = False
            yield Piece(None, problems, stop - start, is_whole)


def _write(frame: FrameSpec, task: str | None, options: dict[str, Any], path: Path, pieces: Iterable[Piece]) -> None:
    more: dict[str, Any] = {"e2e": __version__, "options": options, "problems": [], "entries": 0, "is_whole": True}
    with CandidateWriter(path, frame, task, more) as writer:
        for piece in pieces:
            if piece.candidates is not None:
                writer.write(piece.candidates)
            more["problems"] += [asdict(problem) for problem in piece.problems]
            more["entries"] += piece.entries
            more["is_whole"] &= piece.is_whole


def _count(path: Path) -> int | None:
    """Entries that a shard answers for. One that lacks some is made again: the cause may be mended by now."""
    if not is_candidate_store(path):
        return None
    more = CandidateFile(path).about.more
    return int(more["entries"]) if more["is_whole"] else None
