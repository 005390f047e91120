"""What a validation says: a row for each quantity, the largest disagreement, and both as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from e2e.problems import Problems
from e2e.validation.distances import Distance, independent_distance, item_distance
from e2e.validation.quantities import SUBDETECTORS, Quantity
from e2e.validation.sample import Sample
from e2e.validation.values import Values

MAX_CHANCE = 0.01  # a distance less probable than this is a disagreement
MIN_VALUES = 10  # of either side


class Side(NamedTuple):
    """median: in the quantity's unit, None without a value."""

    num_events: int
    num_values: int
    median: float | None

    @classmethod
    def of(cls, values: Values | None) -> Side:
        if values is None:
            return cls(0, 0, None)
        median = float(np.median(values.value)) if len(values.value) else None
        return cls(values.num_events, len(values.value), median)


@dataclass(frozen=True)
class Row:
    """distance: None where the quantity cannot be compared, `why_not` says why."""

    quantity: Quantity
    real: Side
    simulated: Side
    distance: Distance | None
    why_not: str = ""

    @property
    def is_disagreement(self) -> bool:
        return self.distance is not None and not self.quantity.is_information and self.distance.p_value < MAX_CHANCE

    def to_json(self) -> dict[str, Any]:
        quantity = self.quantity
        row: dict[str, Any] = {"quantity": quantity.name, "unit": quantity.unit, "one_value_per": quantity.item}
        row |= {"real": self.real._asdict(), "simulated": self.simulated._asdict()}
        if self.distance is None:
            return row | {"not_comparable": self.why_not}
        found = self.distance
        row["wasserstein_over_real_deviation"] = found.wasserstein._asdict()
        row |= {"ks": found.ks, "p_value": found.p_value, "is_information": quantity.is_information}
        return row | {"is_disagreement": self.is_disagreement}

    def cells(self, found: Distance) -> tuple[str, ...]:
        """As `HEADER`."""
        verdict = "disagrees" if self.is_disagreement else "compatible"
        return (
            self.quantity.name,
            *(f"{side.median:.4g} ({side.num_values})" for side in (self.real, self.simulated)),
            f"{found.wasserstein.value:.3f} ± {found.wasserstein.error:.3f}",
            "-" if found.ks is None else f"{found.ks:.3f}",
            f"{found.p_value:.2g}",
            "for information" if self.quantity.is_information else verdict,
        )


HEADER = ("quantity", "real median (values)", "simulated", "distance / real deviation", "KS", "p", "verdict")


@dataclass(frozen=True)
class Validation:
    """pileup: mean number of other collisions simulated, None where the given stores do not say. notes: what a reader
    of the numbers must know. provenance: versions, inputs, seed. problems: of the real files."""

    rows: tuple[Row, ...]
    pileup: float | None
    notes: tuple[str, ...]
    provenance: dict[str, Any]
    output: Path
    problems: Problems

    @property
    def compared(self) -> list[Row]:
        return [row for row in self.rows if row.distance is not None and not row.quantity.is_information]

    @property
    def largest(self) -> Row | None:
        """The largest disagreement, in real standard deviations; None where there is none beyond chance."""
        found = [row for row in self.rows if row.is_disagreement]
        return max(found, key=lambda row: row.distance.wasserstein.value if row.distance else 0.0, default=None)

    def summary(self) -> str:
        count = sum(row.is_disagreement for row in self.rows)
        tail = f"{count} of {len(self.compared)} quantities disagree (p < {MAX_CHANCE})"
        row = self.largest
        if row is None or row.distance is None:
            return f"no disagreement beyond chance; {tail}"
        return (
            f"largest disagreement: {row.quantity.name}, {row.distance.wasserstein.value:.2f} ± "
            f"{row.distance.wasserstein.error:.2f} real standard deviations "
            f"(median {row.real.median:.4g} real, {row.simulated.median:.4g} simulated); {tail}"
        )

    def table(self) -> list[tuple[str, ...]]:
        """The header, then the cells of what was compared."""
        return [HEADER, *(row.cells(row.distance) for row in self.rows if row.distance is not None)]

    def not_compared(self) -> str:
        """Reasons, and the quantities left out for each; empty where nothing was."""
        reasons: dict[str, list[str]] = {}
        for row in self.rows:
            if row.distance is None:
                reasons.setdefault(row.why_not, []).append(row.quantity.name)
        told = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
        return f"Not compared: {told}." if told else ""

    def format_table(self) -> str:
        """Distances, what could not be compared and why, notes, and the summary as the last line."""
        table = self.table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        return "\n".join([*lines, "", *filter(None, (self.not_compared(), *self.notes)), self.summary()])

    def to_json(self) -> dict[str, Any]:
        return {
            "summary": self.summary(),
            "largest_disagreement": None if self.largest is None else self.largest.quantity.name,
            "pileup": self.pileup,
            "notes": list(self.notes),
            "provenance": self.provenance,
            "rows": [row.to_json() for row in self.rows],
        }


def compare(quantity: Quantity, real: Sample, simulated: Sample) -> Row:
    """Distance of one quantity, or why there is none."""
    ours, theirs = real.values.get(quantity.name), simulated.values.get(quantity.name)
    sides = Side.of(ours), Side.of(theirs)
    if why_not := _why_not(quantity, real, simulated):
        return Row(quantity, *sides, None, why_not)
    assert ours is not None and theirs is not None
    forward = quantity.scale.forward
    ours, theirs = (values._replace(value=forward(values.value)) for values in (ours, theirs))
    measure = independent_distance if quantity.is_independent else item_distance
    return Row(quantity, *sides, measure(ours, theirs))


def _why_not(quantity: Quantity, real: Sample, simulated: Sample) -> str:
    for side, sample in (("real", real), ("simulated", simulated)):
        values = sample.values.get(quantity.name)
        if values is None:
            return f"not in the {side} events"
        subdetector = quantity.name.partition("-")[0]
        hits = sample.values.get(f"{subdetector}-hits") if subdetector in SUBDETECTORS else None
        if hits is not None and np.median(hits.value) < 1:
            return f"{subdetector} nearly empty in the {side} events"
        if len(values.value) < MIN_VALUES:
            return f"{f'only {len(values.value)}' if len(values.value) else 'none'} in the {side} events"
    return "" if np.ptp(real.values[quantity.name].value) > 0 else "the same value in all real events"
