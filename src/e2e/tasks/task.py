"""The shape of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.events.record import Events


@dataclass(frozen=True)
class Output:
    """One number per candidate that a bundle of this task gives.

    kind: `probability` (the network's logit goes through a sigmoid) or `quantity` (the network gives it in units of
    `scale`). Both happen inside the exported graph, so that a bundle's output is final. trained_range: in `unit`.
    """

    name: str
    kind: Literal["probability", "quantity"]
    unit: str
    meaning: str
    scale: float = 1.0
    trained_range: tuple[float, float] | None = None


class Species(NamedTuple):
    """A kind of true particle: its name in plots, and the absolute value of its PDG number."""

    name: str
    pdg_id: int


@dataclass(frozen=True)
class Task:
    """name: also the simulated process. target: events -> float32 (events,) in the output's unit.

    signal, other: the two kinds of candidates. A task that gives a probability gives that of the signal; one that gives
    a quantity is measured on the signal alone. published: numbers to measure against. limits: what a user of a bundle
    must know; printed on its card.
    """

    name: str
    title: str
    frame: FrameSpec
    input_scale: tuple[float, ...]
    output: Output
    target: Callable[[Events], NDArray[np.float32]]
    signal: Species
    other: Species
    published: dict[str, Any]
    limits: tuple[str, ...] = ()

    def is_signal(self, truth: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """True where the true particle is the task's signal; truth: columns of the truth table."""
        return np.abs(truth["pdg_id"]) == self.signal.pdg_id

    def is_known(self, truth: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """True where the true particle has a place in this task."""
        return self.is_signal(truth) | (np.abs(truth["pdg_id"]) == self.other.pdg_id)
