"""What is in each of the inputs: the one look that convert, info and export-data share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from e2e.datasets.fingerprint import fingerprint
from e2e.datasets.source import Layout, Options, Source
from e2e.datasets.sources import CANDIDATE_STORES, find_source
from e2e.events.reader import expand_inputs
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS


class Input(NamedTuple):
    """A file and what is in it.

    place: among all files. number: what the column `input` says of its candidates, or of the first of its `num_numbers`
    inputs if it is a candidate store. source, fingerprint: None where it cannot be read. layout: None there, where it
    is empty, and for events that do not say what to cut.
    """

    path: Path
    place: int
    number: int
    num_numbers: int = 1
    source: Source | None = None
    fingerprint: str | None = None
    entries: int = 0
    layout: Layout | None = None

    @property
    def key(self) -> str:
        """For plans: tells two files of one name apart."""
        return f"{self.place} {self.path.name}"


def look(inputs: Sequence[Path], options: Options, problems: Problems, *, is_cut: bool = True) -> list[Input]:
    """Every file of the inputs in order, those that cannot be read included: they become problems.

    is_cut: events that do not say what to cut count among those.
    """
    found: list[Input] = []
    for given in inputs:
        paths, is_there = [given], False
        with problems.collected():
            paths, is_there = expand_inputs([given]), True
        for path in paths:
            number = found[-1].number + found[-1].num_numbers if found else 0
            item = Input(path, len(found), number)
            if is_there:
                with problems.collected():
                    item = _look(path, item, options, is_cut)
                    if not item.entries:
                        problems.report(path, "holds no events and no candidates", "left out", "warning")
            found.append(item)
    return found


def _look(path: Path, item: Input, options: Options, is_cut: bool) -> Input:
    source = find_source(path)
    entries = source.count(path)
    layout = source.layout(path, options) if entries else None
    if entries and layout is None and is_cut:
        raise InputError(path, "events, which can be cut for many tasks", f"say --task: {', '.join(TASKS)}")
    num_numbers = CANDIDATE_STORES.count_inputs(path) if source is CANDIDATE_STORES else 1
    return item._replace(
        num_numbers=num_numbers, source=source, fingerprint=fingerprint(path), entries=entries, layout=layout
    )


def with_entries(found: Sequence[Input], problems: Problems) -> list[Input]:
    """Those that give candidates. Raises InputError when none does."""
    some = [item for item in found if item.layout is not None]
    if not some:
        raise_first(problems)
        where = ", ".join(str(item.path) for item in found)
        raise InputError(where, "nothing in it", "give files with events or images")
    return some


def common_layout(items: Sequence[Input]) -> Layout:
    """What all of them give. Raises InputError naming the first that gives something else."""
    first = items[0]
    for item in items:
        if item.layout != first.layout:
            what = f"gives {item.layout}, {first.path.name} gives {first.layout}"
            raise InputError(item.path, what, "take them apart, or say --task and --channels")
    assert first.layout is not None
    return first.layout


def raise_first(problems: Problems) -> None:
    """The first error as an exception, if there is one."""
    if worst := next((problem for problem in problems if problem.severity == "error"), None):
        raise InputError(worst.where, worst.what, worst.remedy)
