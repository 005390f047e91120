"""Measure bundles in engines: latency, throughput, memory, start, bytes on the wire, share of the machine's best."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from e2e import __version__
from e2e.bench.measure import Plan, measure
from e2e.bench.report import compare_with, read_saved, write_report
from e2e.bundles import Bundle, load_bundle
from e2e.datasets import CandidateSet, load_candidates
from e2e.datasets.candidate_store import CandidateFile, is_candidate_store
from e2e.events.reader import expand_inputs
from e2e.files import make_folder
from e2e.inference.engine import check_abilities
from e2e.inference.names import Device, package_of, split_label
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS, Task

SAMPLE = 256  # candidates, of which all batches are made


def bench(
    bundles: Sequence[Path],
    output: Path = Path("bench"),
    *,
    data: Sequence[Path] = (),
    engines: Sequence[str] = ("onnxruntime", "pytorch"),
    batch_sizes: Sequence[int] = (1, 32, 1024),
    threads: Sequence[int] | None = None,
    device: Device = "cpu",
    rounds: int = 5,
    seconds: float = 0.5,
    against: Path | None = None,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Bundles x engines x threads x batch sizes, in random order, `rounds` times; returns what `bench.json` says.

    engines: by name, or with a precision, such as `onnxruntime-int8`. Each runs in a process of its own, which answers
    for `seconds` whenever it is its turn and rests otherwise: what else the machine does meets all alike. threads: one,
    and as many as there are cores, unless given; of `triton`, so many instances of one thread at a server on loopback,
    whose memory and start count as well. data: candidates of the bundles' tasks; of a task without some are simulated,
    pile-up 20. against: a saved `bench.json`; what has changed beyond the noise of both is said under `changes`. Writes
    JSON, a table, and a page with plots. What cannot be measured is named in `problems` and left out.
    Raises InputError for what cannot be read, and an option that is out of range.
    """
    problems = Problems() if problems is None else problems
    counts = sorted(set((1, os.cpu_count() or 1) if threads is None else threads))
    _check(engines, device, batch_sizes, counts, rounds, seconds)
    if against is not None and output.resolve() in (against.resolve(), against.resolve().parent):
        raise InputError(output, "is what it is compared with", "give another folder with -o")
    opened = [load_bundle(Path(bundle)) for bundle in bundles]
    before = None if against is None else read_saved(against)
    plan = Plan(engines, counts, batch_sizes, device, rounds, seconds)
    make_folder(output)
    peaks = _peaks(counts, device)
    rows: list[dict[str, Any]] = []
    for bundle in opened:
        say(f"measure {bundle.path.name}")
        with problems.collected():
            candidates = _candidates(bundle, data, say)
            rows += measure(bundle, candidates, plan, problems)
    again = _peaks(counts, device)  # the machine may have been busy the first time
    for of, peak in again.items():
        peaks[of] = {key: max(value, peaks.get(of, peak)[key]) for key, value in peak.items()}
    for row in rows:
        own = row["operations"] * row["candidates_per_second"]["value"]
        best = peaks.get(str(row["threads"]) if device == "cpu" else "cuda")
        row["share_of_peak"] = own / best["flop_per_second"] if best else None
    if not rows:
        raise InputError("bench", "nothing could be measured", "; ".join(map(str, problems)) or "see above")
    result: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "device": device},
        "versions": {"e2e": __version__, "python": platform.python_version(), **_versions(engines)},
        "options": {"rounds": rounds, "seconds": seconds, "candidates": SAMPLE},
        "peak": peaks,
        "rows": rows,
        "problems": [str(problem) for problem in problems],
    }
    if before is not None:
        result["changes"] = compare_with(before, result)
    write_report(result, output)
    return result


def _check(
    engines: Sequence[str],
    device: Device,
    batch_sizes: Sequence[int],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
) -> None:
    for engine in engines:
        name, precision = split_label(engine)
        check_abilities(name, device, precision)
    least = [
        ("batch size", batch_sizes, 1),
        ("threads", threads, 1),
        ("rounds", [rounds], 2),
        ("seconds", [seconds], 0),
    ]
    for name, values, limit in least:
        if not values or min(values) < limit:
            raise InputError("bench", f"{name} {', '.join(map(str, values)) or 'none'}", f"give at least {limit}")


def _versions(engines: Sequence[str]) -> dict[str, str]:
    """Of the packages that the engines run on, where they are installed."""
    found = {}
    for package in sorted({package_of(split_label(engine)[0]) for engine in engines}):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _peaks(counts: Sequence[int], device: Device) -> dict[str, dict[str, float]]:
    """Of each number of threads, or of the GPU; nothing where that cannot be measured."""
    keys = {str(count): (count, "cpu") for count in counts} if device == "cpu" else {"cuda": (1, "cuda")}
    found = {key: _peak(*asked) for key, asked in keys.items()}
    return {key: peak for key, peak in found.items() if peak is not None}


def _peak(threads: int, device: str) -> dict[str, float] | None:
    command = [sys.executable, "-m", "e2e.bench.peak", str(threads), device]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else json.loads(done.stdout)


def _of_task(data: Sequence[Path], task: Task) -> list[Path]:
    """Without candidate stores of other tasks; events may serve any."""
    paths = expand_inputs(data) if data else []
    return [
        path for path in paths if not is_candidate_store(path) or CandidateFile(path).about.task in (None, task.name)
    ]


def _candidates(bundle: Bundle, data: Sequence[Path], say: Callable[[str], None]) -> CandidateSet:
    task = TASKS[bundle.contract.task]
    with TemporaryDirectory() as folder:
        inputs = _of_task(data, task)
        if not inputs:
            say(f"simulate {task.name}")
            inputs = [simulate(task.name, Path(folder) / "events", num_events=4 * SAMPLE, pileup=20.0)]
        candidates = load_candidates(task, inputs, bundle.contract.frame).select(slice(SAMPLE))
    if not len(candidates):
        raise InputError(inputs[0], f"no candidates for {bundle.path.name}", "give other data")
    return candidates
