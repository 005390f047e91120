"""The main job: a bundle and files of events in, one row per candidate out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from e2e import __version__
from e2e.bundles import Bundle, Contract, load_bundle
from e2e.bundles.bundle import ONNX
from e2e.events.reader import read_inputs
from e2e.events.record import Events
from e2e.files import check_output
from e2e.frames.build import build_candidates
from e2e.frames.candidate_rows import MODES, CandidateRows, Mode, find_candidates, modes_of
from e2e.inference.engine import Engine, RemoteOptions, load_engine
from e2e.inference.names import Device, Precision
from e2e.inference.parts import predict_parts
from e2e.inference.prediction_file import Answered, PredictionWriter, prediction_schema, to_record_batch
from e2e.inference.predictions import Predictions, Timing
from e2e.inference.remarks import Remarks
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS

BATCH_SIZE = 256  # candidates; what is in memory at once is this and one batch of events


def predict(
    bundle: Bundle | Path,
    inputs: Iterable[Path],
    output: Path | None = None,
    *,
    engine: str = "onnxruntime",
    candidates: Mode = "auto",
    batch_size: int = BATCH_SIZE,
    threads: int = 1,
    device: Device = "cpu",
    precision: Precision = "fp32",
    servers: Sequence[str] = (),
    deadline: float = RemoteOptions.deadline_s,
    fallback: bool = True,
    workers: int | None = None,
    dask: str | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Predictions:
    """Run a bundle over files and folders of events (.ig, event stores); rows in the order of files and events.

    output: a Parquet file; without it the rows stay in memory; when no input can be read, it is left as it was.
    candidates: see `find_candidates`. device, precision: what each engine can is said by `ENGINES`. servers, deadline,
    fallback: of the engine `triton`, see `RemoteOptions`; a row says who answered it.
    workers, dask: as in `simulate`; `output` is then a folder with a part for each file, whose rows name it by its
    absolute path, and a call that was interrupted goes on when it is given again. progress: then called with the events
    done, and how many there are.
    What is wrong with one input or event is in `problems` of the result and does not stop the others. Raises InputError
    when nothing can be done: bad bundle, unknown engine or option, output that cannot be written.
    """
    _check_options(candidates, batch_size, threads)
    if not isinstance(bundle, Bundle):
        bundle = load_bundle(Path(bundle))
    if candidates not in (fitting := modes_of(bundle.contract.frame)):
        what = f"bundle {bundle.path.name} cannot be asked for candidates {candidates!r}"
        raise InputError("predict", what, f"choose one of: {', '.join(fitting)}")
    paths = [Path(path) for path in inputs]
    if workers is not None or dask is not None:
        if output is None:
            raise InputError("predict", "workers without an output", "give a folder for it")
        check_output(output, paths)
        options = {"engine": engine, "candidates": candidates, "batch_size": batch_size, "threads": threads}
        options |= {"device": device, "precision": precision, "servers": tuple(servers)}
        options |= {"deadline": deadline, "fallback": fallback}
        return predict_parts(predict, bundle, paths, output, options, workers or 1, dask, progress)
    timing, problems = Timing(), Problems()
    jets = TASKS[bundle.contract.task].jets if bundle.contract.task in TASKS else ("jets",)
    schema = prediction_schema(bundle.contract, _provenance(bundle, paths, engine, precision, candidates))
    if servers and engine != "triton":
        raise InputError("predict", f"servers for the engine {engine}", "use the engine triton, or give none")
    remote = RemoteOptions(tuple(servers), deadline, has_fallback=fallback)
    runner = load_engine(bundle, engine, threads=threads, device=device, precision=precision, remote=remote)
    batches: list[pa.RecordBatch] = []
    remarks = Remarks(bundle)
    with ExitStack() as stack:
        stack.callback(runner.close)
        write = None
        if output is not None:
            check_output(output, paths)
        for path, events in _timed(read_inputs(paths, problems), timing):
            write = write or _open(output, schema, batches, stack)
            timing.num_events += len(events)
            remarks.note_events(path, events, candidates)
            with timing.stage("framing"):
                rows = find_candidates(events, candidates, bundle.contract.frame, jets)
            if len(rows):
                answered = _run(runner, bundle, events, rows, batch_size, timing)
                remarks.note_answers(path, events, answered)
                _report_not_finite(bundle, path, events, rows, answered.outputs, problems)
                write(to_record_batch(schema, path, events, rows, answered))
        if write is None and not problems.has_errors:  # nothing to read is an answer, nothing readable is none
            write = _open(output, schema, batches, stack)
    for where, what in runner.complaints():
        problems.report(where, what, "every candidate was answered", "warning")
    remarks.report(problems)
    return Predictions(bundle.contract, output if write else None, schema, batches, timing, problems)


def _timed(batches: Iterator[tuple[Path, Events]], timing: Timing) -> Iterator[tuple[Path, Events]]:
    while True:
        with timing.stage("reading"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _open(
    output: Path | None, schema: pa.Schema, batches: list[pa.RecordBatch], stack: ExitStack
) -> Callable[[pa.RecordBatch], None]:
    """Where rows go: the file, or the list."""
    return batches.append if output is None else stack.enter_context(PredictionWriter(output, schema)).write


def _run(
    engine: Engine, bundle: Bundle, events: Events, rows: CandidateRows, batch_size: int, timing: Timing
) -> Answered:
    """`batch_size` candidates at a time."""
    parts = []
    for start in range(0, len(rows), batch_size):
        with timing.stage("framing"):
            seeds = rows.seeds.select(slice(start, start + batch_size))
            candidates = build_candidates(events, bundle.contract.frame, seeds)
            share = candidates.share_outside()
            packed = candidates.pack()
        with timing.stage("inference"):
            parts.append((share, *engine.run_named(packed)))
    timing.num_candidates += len(rows)
    shares, outputs, names = zip(*parts, strict=True)
    engines = [name for part in names for name in part]
    out_of_range = pt_out_of_range(bundle.contract, rows.pt)
    return Answered(out_of_range, np.concatenate(shares), np.concatenate(outputs), engines)


def pt_out_of_range(contract: Contract, pt: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Of which candidates is the pT (GeV, as measured) not one that the bundle was trained on? Of none where its
    contract does not say it."""
    low, high = contract.trained_pt_gev or (-np.inf, np.inf)
    return ~((pt >= low) & (pt <= high)) & (contract.trained_pt_gev is not None)


def _report_not_finite(
    bundle: Bundle, path: Path, events: Events, rows: CandidateRows, outputs: Any, problems: Problems
) -> None:
    for candidate, column in np.argwhere(~np.isfinite(outputs)).tolist():
        event = rows.seeds.event_index[candidate]
        number = rows.index_in_event[candidate]
        where = f"{path}: {events.name_of(event)} candidate {number}"
        what = f"{bundle.contract.output_names[column]} is {outputs[candidate, column]}"
        problems.report(where, what, "left empty in its row")


def _check_options(candidates: str, batch_size: int, threads: int) -> None:
    if candidates not in MODES:
        raise InputError("predict", f"no candidates {candidates!r}", f"choose one of: {', '.join(MODES)}")
    for name, value in (("batch size", batch_size), ("threads", threads)):
        if value < 1:
            raise InputError("predict", f"{name} {value}", "give at least 1")


def _provenance(
    bundle: Bundle, paths: Iterable[Path], engine: str, precision: Precision, candidates: Mode
) -> dict[str, Any]:
    return {
        "e2e": __version__,
        "task": bundle.contract.task,
        "bundle": bundle.path.name,
        "model_sha256": bundle.contract.files[ONNX].sha256,
        "engine": engine,
        "precision": precision,
        "candidates": candidates,
        "inputs": [str(path) for path in paths],
    }
