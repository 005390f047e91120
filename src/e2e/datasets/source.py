"""What files can hold candidates, or what candidates are cut from: the shape of their readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet
from e2e.problems import InputError, Problems, known_names
from e2e.tasks import TASKS


@dataclass(frozen=True)
class Options:
    """What the files do not say themselves.

    task: key of TASKS, None: as the files say. channels: of images, in the order in which they are stored, None: that
    of a known data set. endcap_factor: the ECAL energies of images in the endcaps are multiplied by it; 4 for files
    of MLAnalyzer, whose `resample_EE` divides by 4 once too often. hcal_factor: likewise for the HCAL; 0.04 for files
    in which a tower's energy was copied to its 25 pixels instead of shared among them.
    Raises InputError for what no file can mean.
    """

    task: str | None = None
    channels: Sequence[str] | None = None
    endcap_factor: float = 1.0
    hcal_factor: float = 1.0

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise InputError("options", f"unknown task {self.task!r}", known_names(self.task, TASKS))
        for name, factor in (("endcap", self.endcap_factor), ("HCAL", self.hcal_factor)):
            if not (isfinite(factor) and factor > 0):
                raise InputError("options", f"{name} factor {factor}", "give a number above 0")
        channels = tuple(self.channels) if self.channels else None
        if twice := [name for name in dict.fromkeys(channels or ()) if (channels or ()).count(name) > 1]:
            raise InputError("options", f"channels with {', '.join(twice)} twice", "name each of them once")
        object.__setattr__(self, "channels", channels)

    @property
    def has_factors(self) -> bool:
        return self.endcap_factor != 1 or self.hcal_factor != 1

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


class Layout(NamedTuple):
    """What candidates a file gives. task: key of TASKS, None: not known."""

    frame: FrameSpec
    task: str | None

    def __str__(self) -> str:
        frame = self.frame
        task = "candidates" if self.task is None else self.task
        return f"{task} with {frame.rows} x {frame.columns} of {', '.join(frame.channels)}"


class Source(Protocol):
    """Reads one format.

    name: for messages. recognises: from the content, not from the name; never raises on strange bytes. layout: what
    will come, None for events that do not say what to cut. count: entries in the file, events or candidates. read:
    candidates of entries `start` to `stop`, in batches of bounded size, with the frame of `layout`; what is wrong with
    one entry goes to `problems`. All but `recognises` raise InputError for a file that as a whole cannot be read, or
    understood with these options.
    """

    @property
    def name(self) -> str: ...

    def recognises(self, path: Path) -> bool: ...

    def layout(self, path: Path, options: Options) -> Layout | None: ...

    def count(self, path: Path) -> int: ...

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]: ...


def is_same_window(one: FrameSpec, other: FrameSpec) -> bool:
    """Whether they differ in their channels at most."""
    return window_of(one) == window_of(other) and (one.centre_row, one.centre_column) == (
        other.centre_row,
        other.centre_column,
    )


def window_of(frame: FrameSpec) -> str:
    return f"{frame.rows} x {frame.columns} windows of the {frame.grid} grid"
