"""What `predict` hands back: the rows, how fast they came, and what was wrong with the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from e2e.bundles import Contract
from e2e.bundles.contract_file import OutputColumn
from e2e.problems import Problems


@dataclass
class Timing:
    """What was done, and the seconds of each stage: reading files, framing candidates, inference."""

    num_events: int = 0
    num_candidates: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("reading", "framing", "inference"), 0.0))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += perf_counter() - start

    def candidates_per_second(self, *stages: str) -> float:
        """Of these stages together, of all unless given."""
        return self.num_candidates / max(sum(self.seconds[name] for name in stages or self.seconds), 1e-9)


@dataclass(frozen=True)
class Predictions:
    """path: file or folder written; None: the rows are in memory. problems: what was wrong with inputs and answers."""

    contract: Contract
    path: Path | None
    schema: pa.Schema
    batches: list[pa.RecordBatch]
    timing: Timing
    problems: Problems

    @cached_property
    def table(self) -> pa.Table:
        if self.path is None:
            return pa.Table.from_batches(self.batches, self.schema)
        if self.path.is_dir():  # a part for each input
            return pa.concat_tables([pq.read_table(part) for part in sorted(self.path.glob("part-*.parquet"))])
        return pq.read_table(self.path)

    def to_json(self) -> list[dict[str, Any]]:
        """Rows as dictionaries of plain Python values; null: the network gave no finite number."""
        return self.table.to_pylist()

    def summary(self) -> str:
        """A few lines: how many candidates of each kind, and where their answers lie."""
        columns = {name: self.table[name].to_numpy() for name in ("source", "matches_electron")}
        label = np.where(columns["matches_electron"].astype(bool), "photon = electron", columns["source"].astype(str))
        lines = [f"{self.contract.title}: {len(label)} candidates" + (f" in {self.path}" if self.path else "")]
        for name in np.unique(label):
            lines += [self._line(name, label == name, output) for output in self.contract.outputs]
        return "\n".join(lines)

    def throughput(self) -> str:
        """One line: candidates per second, in all and of each stage."""
        timing = self.timing
        stages = ", ".join(f"{name} {timing.candidates_per_second(name):,.0f}/s" for name in timing.seconds)
        whole = f"{timing.candidates_per_second():,.0f} candidates/s"
        return f"{timing.num_candidates} candidates of {timing.num_events} events: {whole} ({stages})"

    def _line(self, name: str, rows: Any, output: OutputColumn) -> str:
        values = self.table[output.name].to_numpy()[rows].astype(np.float64)  # null becomes NaN
        head = f"  {name:<18}{rows.sum():>7}   {output.name}"
        if output.kind == "flag":
            return f"{head} for {np.mean(values == 1):.1%}"
        quartiles = np.nanpercentile(values, (25, 50, 75)) if np.isfinite(values).any() else [np.nan] * 3
        unit = "" if output.unit == "1" else f" {output.unit}"
        shown = ", ".join(f"{value:.3f}" for value in quartiles)
        return f"{head} (quartiles) {shown}{unit}"
