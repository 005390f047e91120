"""What a user must know of a file whose candidates were all answered: one line each, after the last of its events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.events.record import Events
from e2e.frames.build import empty_channels
from e2e.frames.candidate_rows import Mode, has_objects
from e2e.inference.prediction_file import Answered
from e2e.problems import Problems

_USE_SEEDS = "use candidates `auto` or `seeds`"
_DO_NOT_TRUST = "left empty: do not trust its answers"
_EXTRAPOLATED = "marked by pt_out_of_range: do not trust their answers without a study of your own"


class Remarks:
    """Of the files that a bundle is run on, in their order."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._without_objects: dict[Path, int] = {}
        self._empty_channels: dict[Path, list[str]] = {}
        self._out_of_range: dict[Path, list[NDArray[np.bool_]]] = {}

    def note_events(self, path: Path, events: Events, mode: Mode) -> None:
        """Every batch of events."""
        if mode == "objects" and not (has := has_objects(events)).all():
            self._without_objects[path] = self._without_objects.get(path, 0) + int(np.count_nonzero(~has))

    def note_answers(self, path: Path, events: Events, answered: Answered) -> None:
        """Every batch in which there were candidates."""
        self._empty_channels.setdefault(path, empty_channels(events, self._bundle.contract.frame))
        self._out_of_range.setdefault(path, []).append(answered.pt_out_of_range)

    def report(self, problems: Problems) -> None:
        name = self._bundle.path.name
        for path, count in self._without_objects.items():
            what = f"no photons or electrons in the record of {count} events"
            problems.report(path, what, _USE_SEEDS, "warning")
        for path, channels in self._empty_channels.items():
            if channels:
                what = f"the record has nothing for {', '.join(channels)}, which {name} was trained with"
                problems.report(path, what, _DO_NOT_TRUST, "warning")
        for path, parts in self._out_of_range.items():
            is_outside = np.concatenate(parts)
            if (trained := self._bundle.contract.trained_pt_gev) is not None and is_outside.any():
                low, high = trained
                what = (
                    f"{np.count_nonzero(is_outside)} of {len(is_outside)} candidates have a pT outside of "
                    f"{low:g} to {high:g} GeV, which {name} was trained on"
                )
                problems.report(path, what, _EXTRAPOLATED, "warning")
