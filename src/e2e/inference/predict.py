"""The main job: a bundle and files of events in, one row per candidate out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from e2e import __version__
from e2e.bundles import Bundle
from e2e.bundles.bundle import ONNX
from e2e.events.reader import expand_inputs, read_events
from e2e.events.record import Events
from e2e.frames import native
from e2e.inference.candidate_rows import MODES, CandidateRows, Mode, find_candidates, has_objects
from e2e.inference.engine import Device, Engine, open_engine
from e2e.inference.prediction_file import PredictionWriter, prediction_schema, to_record_batch
from e2e.problems import InputError, Problems

BATCH_SIZE = 256  # candidates; what is in memory at once is this and one batch of events


@dataclass
class Throughput:
    """What was done, and the seconds of each stage: reading files, framing candidates, inference."""

    num_events: int = 0
    num_candidates: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("reading", "framing", "inference"), 0.0))

    @property
    def candidates_per_second(self) -> float:
        return self.num_candidates / max(sum(self.seconds.values()), 1e-9)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += perf_counter() - start

    def __str__(self) -> str:
        stages = ", ".join(f"{stage} {seconds:.3g} s" for stage, seconds in self.seconds.items())
        rate = f"{self.candidates_per_second:,.0f} candidates/s"
        return f"{self.num_candidates} candidates of {self.num_events} events; {rate} ({stages})"


@dataclass(frozen=True)
class Predictions:
    """path: the file written, None: the rows are in memory. problems: what was wrong with the inputs."""

    path: Path | None
    batches: list[pa.RecordBatch]
    schema: pa.Schema
    throughput: Throughput
    problems: Problems

    @cached_property
    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches, self.schema) if self.path is None else pq.read_table(self.path)

    def to_json(self) -> list[dict[str, Any]]:
        """Rows as dictionaries of plain Python values."""
        return self.table.to_pylist()


def predict(
    bundle: Bundle,
    inputs: Iterable[Path],
    output: Path | None = None,
    *,
    engine: str = "onnxruntime",
    batch_size: int = BATCH_SIZE,
    candidates: Mode = "auto",
    threads: int = 1,
    device: Device = "cpu",
) -> Predictions:
    """Run `bundle` over files and folders of events (.ig, event stores); rows in the order of files and events.

    output: a Parquet file; without it the rows stay in memory. candidates: see `find_candidates`.
    What is wrong with one input or event is in `problems` and does not stop the others. Raises InputError when nothing
    can be done: unknown engine, output that cannot be written; ValueError for an unknown mode or a batch size below 1.
    """
    if candidates not in MODES or batch_size < 1:
        raise ValueError(f"candidates {candidates!r} (known: {', '.join(MODES)}), batch size {batch_size}")
    paths = list(inputs)
    throughput, problems = Throughput(), Problems()
    batches: list[pa.RecordBatch] = []
    schema = prediction_schema(bundle.contract, _provenance(bundle, paths, engine, candidates))
    runner = open_engine(engine, bundle, threads=threads, device=device)
    with ExitStack() as stack:
        write = batches.append
        if output is not None:
            _check_output(output, paths)
            write = stack.enter_context(PredictionWriter(output, schema)).write
        for path, events in _timed(_read(paths, problems), throughput):
            throughput.num_events += len(events)
            if candidates == "objects" and not has_objects(events):
                problems.report(path, "no photons or electrons in the record", "use --candidates seeds", "warning")
            with throughput.timed("framing"):
                rows = find_candidates(events, candidates)
            if len(rows):
                outputs = _run(runner, bundle, events, rows, batch_size, throughput)
                _report_not_finite(bundle, path, events, rows, outputs, problems)
                write(to_record_batch(schema, path, events, rows, outputs))
    return Predictions(output, batches, schema, throughput, problems)


def _read(paths: Iterable[Path], problems: Problems) -> Iterator[tuple[Path, Events]]:
    for given in paths:
        with problems.collected():
            for path in expand_inputs([given]):
                with problems.collected():
                    for events in read_events(path, problems):
                        yield path, events


def _timed(batches: Iterator[tuple[Path, Events]], throughput: Throughput) -> Iterator[tuple[Path, Events]]:
    while True:
        with throughput.timed("reading"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _run(
    engine: Engine, bundle: Bundle, events: Events, rows: CandidateRows, batch_size: int, throughput: Throughput
) -> Any:
    """Outputs (candidates, outputs), `batch_size` candidates at a time."""
    parts = []
    for start in range(0, len(rows), batch_size):
        with throughput.timed("framing"):
            seeds = rows.seeds.select(slice(start, start + batch_size))
            packed = native.build_candidates(events.hits["EB"], bundle.contract.frame, seeds).pack()
        with throughput.timed("inference"):
            parts.append(engine.run(packed))
    throughput.num_candidates += len(rows)
    return np.concatenate(parts)


def _report_not_finite(
    bundle: Bundle, path: Path, events: Events, rows: CandidateRows, outputs: Any, problems: Problems
) -> None:
    for candidate, column in np.argwhere(~np.isfinite(outputs)).tolist():
        event = rows.seeds.event_index[candidate]
        number = rows.index_in_event[candidate]
        where = f"{path}: run {events.run[event]} event {events.event[event]} candidate {number}"
        what = f"{bundle.contract.output_names[column]} is {outputs[candidate, column]}"
        problems.report(where, what, "left empty in its row")


def _check_output(output: Path, paths: Iterable[Path]) -> None:
    """An input must not be replaced by what is made of it."""
    given, place = {path.resolve() for path in paths}, output.resolve()
    if place.exists() and given & {place, place.parent}:
        raise InputError(output, "exists among the inputs", "choose another place")


def _provenance(bundle: Bundle, paths: Iterable[Path], engine: str, candidates: Mode) -> dict[str, Any]:
    return {
        "e2e": __version__,
        "task": bundle.contract.task,
        "bundle": bundle.path.name,
        "model_sha256": bundle.contract.files[ONNX].sha256,
        "engine": engine,
        "candidates": candidates,
        "inputs": [str(path) for path in paths],
    }
