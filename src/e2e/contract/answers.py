"""How the raw numbers of a network become the final ones of a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

AnswerKind = Literal["probability", "point", "quantiles", "gaussian"]
KINDS: tuple[AnswerKind, ...] = ("probability", "point", "quantiles", "gaussian")
INTERVAL_KINDS = ("quantiles", "gaussian")
QUANTILES = (0.16, 0.5, 0.84)  # of an interval and what is between
SUFFIXES = ("", "_lower", "_upper", "_out_of_range")  # of the final numbers of an interval


@dataclass(frozen=True)
class AnswerConfig:
    """How raw numbers are read. JSON numbers; a bundle's contract holds them.

    kind: `probability`: a logit. `point`: a quantity. `quantiles`: its median and how far the quantiles at 16 and 84 %
    lie from it. `gaussian`: mean and width of its likelihood.
    scale: factor of the raw numbers; of a probability, before the sigmoid: 1 / temperature.
    excess: how much too high estimates of the values `excess_at` (ascending) are, in the unit of the quantity: between
    them interpolated, beyond them that of the last, and subtracted. stretch: factor of the interval's arms. Both are
    fitted after the training. trained_range: of the quantity; what reaches out of it is flagged. relative: the raw
    numbers are of the logarithm of the quantity over `scale`, so that the arms are factors before their stretch.
    """

    kind: AnswerKind
    scale: float = 1.0
    stretch: float = 1.0
    excess_at: tuple[float, ...] = ()
    excess: tuple[float, ...] = ()
    trained_range: tuple[float, float] | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"answer {self.kind!r} must be one of {', '.join(KINDS)}")
        if self.kind == "probability" and (self.excess or self.stretch != 1.0 or self.relative):
            raise ValueError("a probability has neither excess nor interval, and is not relative")
        is_ascending = all(a < b for a, b in pairwise(self.excess_at))
        if not is_ascending or len(self.excess_at) != len(self.excess):
            raise ValueError(f"excess {self.excess} at {self.excess_at}: as many, ascending, are needed")

    @property
    def num_raw(self) -> int:
        """Numbers that a network gives."""
        return {"probability": 1, "point": 1, "quantiles": 3, "gaussian": 2}[self.kind]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the final numbers, beside the name of the output."""
        return SUFFIXES if self.kind in INTERVAL_KINDS else SUFFIXES[:1]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AnswerConfig:
        """What `to_json` gave. Raises TypeError or ValueError for anything else."""
        numbers: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in data.items()}
        return cls(**numbers)
