"""The shape of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

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


@dataclass(frozen=True)
class Task:
    """name: also the simulated process. target: events -> float32 (events,) in the output's unit.

    published: numbers to measure against. limits: what a user of a bundle must know; printed on its card.
    """

    name: str
    title: str
    frame: FrameSpec
    input_scale: tuple[float, ...]
    output: Output
    target: Callable[[Events], NDArray[np.float32]]
    published: dict[str, Any]
    limits: tuple[str, ...] = ()
