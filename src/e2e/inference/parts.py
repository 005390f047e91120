"""Predictions of many files: a folder with a part for each, made by any number of workers, in order, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from e2e.bundles import Bundle
from e2e.bundles.bundle import ONNX
from e2e.datasets.fingerprint import fingerprint
from e2e.events.reader import expand_inputs, find_reader
from e2e.files import write_json
from e2e.inference.prediction_file import PredictionWriter
from e2e.inference.predictions import Predictions, Timing
from e2e.problems import InputError, Problem, Problems
from e2e.scale.engines import choose_engine
from e2e.scale.shards import count_rows, shard_path, write_shards

Source = tuple[Path, str | None]  # a file and its fingerprint; None where it cannot be read
Predict = Callable[..., Predictions]  # `e2e.inference.predict.predict`


def predict_parts(
    predict: Predict,
    bundle: Bundle,
    inputs: Iterable[Path],
    output: Path,
    options: Mapping[str, Any],
    workers: int,
    dask: str | None,
    progress: Callable[[int, int], Any],
) -> Predictions:
    """options: of `predict`, for each file. The part of a file that has changed, or could not be read, is made again by
    the next call; what was wrong lies beside each part. Raises InputError as `predict` and `write_shards` do."""
    engine, problems = choose_engine(workers, dask), Problems()
    files: list[Path] = []
    for given in inputs:
        with problems.collected():
            files += [path.absolute() for path in expand_inputs([given])]
    if not files:
        raise InputError("predict", "no input can be read", "; ".join(map(str, problems)) or "give files of events")
    num_events, marks = 0, []
    for path in files:
        mark = None  # of what cannot be read
        with Problems().collected():  # said again by the one who predicts
            num_events += find_reader(path).count(path)
            mark = fingerprint(path)
        marks.append(mark)
    plan = {
        "verb": "predict",
        "model_sha256": bundle.contract.files[ONNX].sha256,
        **{key: options[key] for key in ("engine", "precision", "candidates")},
        "inputs": [str(path) for path in files],
    }
    sources = tuple(zip(files, marks, strict=True))
    write = partial(_write_part, predict, bundle.path.absolute(), sources, dict(options))
    count = partial(_count_events, sources)
    write_shards(
        output,
        plan,
        len(files),
        _nothing,
        engine,
        lambda done: progress(done, num_events),
        write=write,
        count=count,
    )
    parts = [shard_path(output, number) for number in range(len(files))]
    timing, seconds = Timing(), dict.fromkeys(Timing().seconds, 0.0)
    for part in parts:
        about = json.loads(_beside(part).read_text())
        problems += [Problem(**entry) for entry in about["problems"]]
        timing.num_events += about["events"]
        timing.num_candidates += count_rows(part) or 0
        seconds = {name: spent + about["seconds"][name] for name, spent in seconds.items()}
    timing.seconds.update(seconds)
    return Predictions(bundle.contract, output, pq.read_schema(parts[0]), [], timing, problems)


def _nothing(number: int) -> Sequence[Any]:
    """A part is written by `predict` itself."""
    return ()


def _write_part(
    predict: Predict,
    bundle: Path,
    sources: Sequence[Source],
    options: Mapping[str, Any],
    path: Path,
    checked: Iterable[Any],
) -> None:
    """Runs in the worker. checked: nothing, but walking through it makes sure that the folder is still ours."""
    file, mark = _source_of(path, sources)
    found = predict(bundle, [file], None, **options)
    list(checked)
    problems = [asdict(problem) for problem in found.problems]
    about = {
        "fingerprint": mark,
        "events": found.timing.num_events,
        "seconds": found.timing.seconds,
        "problems": problems,
    }
    write_json(_beside(path), about)
    with PredictionWriter(path, found.schema) as writer:
        for batch in found.batches:
            writer.write(batch)


def _count_events(sources: Sequence[Source], path: Path) -> int | None:
    """None where the part is to be made: it is not there, or its input has changed or could not be read."""
    if count_rows(path) is None or not _beside(path).exists():
        return None
    about, (_, mark) = json.loads(_beside(path).read_text()), _source_of(path, sources)
    return int(about["events"]) if mark is not None and about["fingerprint"] == mark else None


def _source_of(part: Path, sources: Sequence[Source]) -> Source:
    return sources[int(part.stem.removeprefix("part-"))]


def _beside(part: Path) -> Path:
    return part.with_suffix(".json")
