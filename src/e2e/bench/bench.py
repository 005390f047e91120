"""Measure bundles in engines: latency, throughput, memory, start, bytes on the wire, share of the machine's best."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from e2e import __version__
from e2e.bench.report import compare_with, read_saved, write_report
from e2e.bench.worker import Setting
from e2e.bundles import Bundle, load_bundle
from e2e.bundles.bundle import ONNX
from e2e.bundles.network import load_network
from e2e.comparison.cost import count_operations
from e2e.datasets import CandidateSet, load_candidates
from e2e.files import make_folder
from e2e.inference.engine import ENGINES
from e2e.inference.names import Device, split_label
from e2e.problems import InputError, Problems, known_names
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.server import ServerOptions, TritonServer
from e2e.serving.wire import dense_bytes, to_wire
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS

SAMPLE = 256  # candidates, of which all batches are made
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


def bench(
    bundles: Sequence[Path],
    output: Path = Path("bench"),
    *,
    data: Sequence[Path] = (),
    engines: Sequence[str] = ("onnxruntime", "pytorch"),
    batch_sizes: Sequence[int] = (1, 32, 1024),
    threads: Sequence[int] = (1, 0),
    device: Device = "cpu",
    rounds: int = 5,
    seconds: float = 0.5,
    against: Path | None = None,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Bundles x engines x threads x batch sizes, in random order, `rounds` times; returns what `bench.json` says.

    engines: by name, or with a precision, such as `onnxruntime-int8`. Each runs in a process of its own, which answers
    for `seconds` whenever it is its turn and rests otherwise: what else the machine does meets all alike. threads: 0
    for all cores; of `triton`, so many instances of one thread at a server on loopback. data: candidates of the
    bundles' tasks; without it some are simulated, pile-up 20. against: a saved `bench.json`; what has changed beyond
    the noise of both is said under `changes`. Writes JSON, a table, and a page with plots. What cannot be measured is
    named in `problems` and left out.
    Raises InputError for what cannot be read, and an option that is out of range.
    """
    problems = Problems() if problems is None else problems
    _check(engines, batch_sizes, threads, rounds, seconds)
    opened = [load_bundle(Path(bundle)) for bundle in bundles]
    before = None if against is None else read_saved(against)
    counts = sorted({count or os.cpu_count() or 1 for count in threads})
    make_folder(output)
    peaks = {count: _peak(count) for count in counts}
    rows: list[dict[str, Any]] = []
    for bundle in opened:
        say(f"measure {bundle.path.name}")
        with problems.collected():
            candidates = _candidates(bundle, data)
            rows += _rows(bundle, candidates, engines, counts, batch_sizes, device, rounds, seconds, problems)
    for count in counts:  # the machine may have been busy the first time
        peaks[count] = {key: max(value, peaks[count][key]) for key, value in _peak(count).items()}
    for row in rows:
        own = row["operations"] * row["candidates_per_second"]["value"]
        row["share_of_peak"] = own / peaks[row["threads"]]["flop_per_second"] if device == "cpu" else None
    if not rows:
        raise InputError("bench", "nothing could be measured", "; ".join(map(str, problems)) or "see above")
    result: dict[str, Any] = {
        "machine": {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count(), "device": device},
        "versions": {"e2e": __version__, "python": platform.python_version()},
        "options": {"rounds": rounds, "seconds": seconds, "candidates": SAMPLE},
        "peak": {str(count): peak for count, peak in peaks.items()},
        "rows": rows,
        "problems": [str(problem) for problem in problems],
    }
    if before is not None:
        result["changes"] = compare_with(before, result)
    write_report(result, output)
    return result


def _check(
    engines: Sequence[str], batch_sizes: Sequence[int], threads: Sequence[int], rounds: int, seconds: float
) -> None:
    for engine in engines:
        if split_label(engine)[0] not in ENGINES:
            raise InputError("bench", f"no engine {engine!r}", known_names(engine, ENGINES))
    least = [
        ("batch size", batch_sizes, 1),
        ("threads", threads, 0),
        ("rounds", [rounds], 2),
        ("seconds", [seconds], 0),
    ]
    for name, values, limit in least:
        if not values or min(values) < limit:
            raise InputError("bench", f"{name} {', '.join(map(str, values)) or 'none'}", f"give at least {limit}")


def _peak(threads: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "e2e.bench.peak", str(threads)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _candidates(bundle: Bundle, data: Sequence[Path]) -> CandidateSet:
    task = TASKS[bundle.contract.task]
    with TemporaryDirectory() as folder:
        inputs = list(data) or [simulate(task.name, Path(folder) / "events", num_events=4 * SAMPLE, pileup=20.0)]
        candidates = load_candidates(task, inputs, bundle.contract.frame).select(slice(SAMPLE))
    if not len(candidates):
        raise InputError(inputs[0], f"no candidates for {bundle.path.name}", "give other data")
    return candidates


def _rows(
    bundle: Bundle,
    candidates: CandidateSet,
    engines: Sequence[str],
    counts: Sequence[int],
    batch_sizes: Sequence[int],
    device: Device,
    rounds: int,
    seconds: float,
    problems: Problems,
) -> Iterator[dict[str, Any]]:
    """One for each engine, number of threads and batch size."""
    packed, _ = next(iter(candidates.batches(len(candidates))))
    wire, frame = to_wire(packed, bundle.contract.frame), bundle.contract.frame
    about = {
        "bundle": bundle.path.name,
        "model_sha256": bundle.contract.files[ONNX].sha256,
        "parameters": bundle.contract.model.num_parameters,
        "operations": count_operations(load_network(bundle), candidates),
        "wire_bytes": wire.num_bytes / len(candidates),
        "dense_bytes": dense_bytes(frame),
    }
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="e2e-bench-")))
        save_file(packed._asdict(), folder / "candidates.safetensors")
        running: dict[tuple[str, int], Worker] = {}
        for engine in engines:
            for count in counts:
                with problems.collected():
                    servers = _servers(bundle, count, folder / f"models-{count}", stack) if engine == "triton" else ()
                    place = str(folder / "candidates.safetensors")
                    setting = Setting(str(bundle.path), engine, count, device, place, servers)
                    running[engine, count] = stack.enter_context(started(setting, folder / f"{engine}-{count}.log"))
        asked = [(key, size) for key in running for size in batch_sizes]
        taken: dict[Any, list[list[float]]] = {case: [] for case in asked}
        memory: dict[Any, int] = {}
        rng = np.random.default_rng(0)
        for _ in range(rounds):
            for number in rng.permutation(len(asked)):
                key, size = asked[number]
                answer = running[key].ask({"batch": size, "seconds": seconds})
                taken[key, size].append(answer["seconds"])
                memory[key, size] = answer["memory_bytes"]
        for case, calls in taken.items():
            (engine, count), size = case
            yield {
                **about,
                "engine": engine,
                "threads": count,
                "batch": size,
                "start": running[engine, count].start,
                "memory_bytes": memory[case],
                **_summary(calls, size),
            }


def _summary(calls: Sequence[Sequence[float]], size: int) -> dict[str, Any]:
    """calls: seconds of each call, of each round. The error of a throughput is that of the mean of the rounds."""
    rates = np.array([size * len(one) / sum(one) for one in calls])
    every = np.concatenate([np.asarray(one) for one in calls])
    return {
        "calls": len(every),
        **{name: 1e3 * float(np.quantile(every, share)) for name, share in QUANTILES.items()},
        "candidates_per_second": {
            "value": float(rates.mean()),
            "error": float(rates.std(ddof=1) / np.sqrt(len(rates))),
        },
    }


def _servers(bundle: Bundle, count: int, folder: Path, stack: ExitStack) -> tuple[str, ...]:
    write_repository([bundle], folder, ServingOptions(instances=count, max_candidates=1024))
    return (stack.enter_context(TritonServer(folder, ServerOptions(port=0))).url,)


class Worker:
    """start: seconds of loading the engine, and of its first answer."""

    def __init__(self, setting: Setting, process: subprocess.Popen[str], log: Path) -> None:
        self._name = f"{setting.bundle}, {setting.engine}, {setting.threads} threads"
        self._process, self._log = process, log
        self.start = self._tell(setting.to_line())

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InputError where the process has ended."""
        return self._tell(json.dumps(question))

    def _tell(self, text: str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(text, file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise InputError(self._name, said[-1] if said else "ended without a word", "left out")
        return json.loads(line)


@contextmanager
def started(setting: Setting, log: Path) -> Iterator[Worker]:
    """log: a file for what it says beside its answers."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(setting.threads)}
    command = [sys.executable, "-m", "e2e.bench.worker"]
    pipe = subprocess.PIPE
    with log.open("w") as said:
        process = subprocess.Popen(command, text=True, env=environment, stdin=pipe, stdout=pipe, stderr=said)
    try:
        yield Worker(setting, process, log)
    finally:
        process.kill()
        process.communicate()
