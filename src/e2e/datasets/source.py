"""What files can hold candidates, or what candidates are cut from: the shape of their readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from e2e.contract import FrameSpec
from e2e.datasets.candidate_set import CandidateSet
from e2e.problems import Problems


@dataclass(frozen=True)
class Options:
    """What the files do not say themselves.

    task: key of TASKS, None: as the files say. channels: of images, in the order in which they are stored, None: that
    of a known data set. endcap_factor: the ECAL energies of images in the endcaps are multiplied by it; 4 for files
    of MLAnalyzer, whose `resample_EE` divides by 4 once too often. hcal_factor: likewise for the HCAL; 0.04 for files
    in which a tower's energy was copied to its 25 pixels instead of shared among them.
    """

    task: str | None = None
    channels: tuple[str, ...] | None = None
    endcap_factor: float = 1.0
    hcal_factor: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


class Layout(NamedTuple):
    """What candidates a file gives. task: key of TASKS, None: not known."""

    frame: FrameSpec
    task: str | None


class Source(Protocol):
    """Reads one format.

    name: for messages. recognises: from the content, not from the name; never raises on strange bytes. layout: what
    will come. count: entries in the file, events or candidates. read: candidates of entries `start` to `stop`, in
    batches of bounded size, with the frame of `layout`; what is wrong with one entry goes to `problems`. All but
    `recognises` raise InputError for a file that as a whole cannot be read, or understood with these options.
    """

    @property
    def name(self) -> str: ...

    def recognises(self, path: Path) -> bool: ...

    def layout(self, path: Path, options: Options) -> Layout: ...

    def count(self, path: Path) -> int: ...

    def read(
        self, path: Path, start: int, stop: int, layout: Layout, options: Options, problems: Problems
    ) -> Iterator[CandidateSet]: ...
