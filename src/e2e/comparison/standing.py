"""Who is better, by how much, and whether that could be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e.comparison.yardsticks import Outputs, Yardstick
from e2e.metrics import FloatArray, Measured, holm

RESAMPLINGS = 1000

Trainings = Sequence[Outputs]  # of one model


@dataclass(frozen=True)
class Standing:
    """measured: the mean over trainings; errors are of the test candidates. behind_best: by how much the best network
    is better, on the same resamplings. p_value: that they are equal."""

    measured: Measured
    of_trainings: list[float]
    behind_best: Measured
    p_value: float

    def to_json(self, key: str) -> dict[str, Any]:
        several = len(self.of_trainings) > 1
        return {
            "trainings": len(self.of_trainings),
            key: self.measured.to_json(),
            f"{key}_of_trainings": self.of_trainings,
            "spread_of_trainings": float(np.std(self.of_trainings, ddof=1)) if several else None,
            "behind_best": self.behind_best.to_json(),
            "p_value": self.p_value,
        }


def mean_of(trainings: Trainings, yardstick: Yardstick) -> float:
    return float(np.mean(_each(trainings, yardstick)))


def stand(
    networks: Mapping[str, Trainings], classical: Mapping[str, Trainings], yardstick: Yardstick
) -> dict[str, Standing]:
    """Each set against the best of the networks; p values are two-sided and corrected for being several."""
    everyone = {**classical, **networks}
    each = {name: _each(given, yardstick) for name, given in everyone.items()}
    mean = {name: float(np.mean(values)) for name, values in each.items()}
    resampled = {name: yardstick.resampled(given, RESAMPLINGS).mean(axis=1) for name, given in everyone.items()}
    sign = yardstick.sign
    best = max(networks, key=lambda name: sign * mean[name])
    behind = {name: sign * (resampled[best] - own) for name, own in resampled.items()}
    others = [name for name in everyone if name != best]
    p_value = {best: 1.0, **dict(zip(others, holm([_two_sided(behind[name]) for name in others]), strict=True))}
    return {
        name: Standing(
            _measured(mean[name], resampled[name]),
            each[name],
            _measured(sign * (mean[best] - mean[name]), behind[name]),
            p_value[name],
        )
        for name in everyone
    }


def _each(trainings: Trainings, yardstick: Yardstick) -> list[float]:
    return [yardstick.measure(given).value for given in trainings]


def _two_sided(difference: FloatArray) -> float:
    """How often a resampling would have it the other way, of these trainings; never 0."""
    less, more = ((side.sum() + 1) / (len(difference) + 1) for side in (difference <= 0, difference >= 0))
    return float(min(1.0, 2 * min(less, more)))


def _measured(value: float, resampled: FloatArray) -> Measured:
    return Measured(value, float(resampled.std(ddof=1)))
