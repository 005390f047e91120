"""One bundle in many engines: each in a process of its own, asked in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from e2e.bench.worker import Setting
from e2e.bench.workers import Worker, started
from e2e.bundles import Bundle
from e2e.bundles.bundle import ONNX
from e2e.bundles.network import load_network
from e2e.comparison.cost import count_operations
from e2e.datasets import CandidateSet
from e2e.inference.names import Device
from e2e.problems import Problems
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.server import ServerOptions, TritonServer
from e2e.serving.wire import dense_bytes, to_wire

CANDIDATES = "candidates.safetensors"
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True)
class Plan:
    """What is measured of each bundle; see `bench`. threads: numbers of them, none of which is 0."""

    engines: Sequence[str]
    threads: Sequence[int]
    batch_sizes: Sequence[int]
    device: Device
    rounds: int
    seconds: float


def measure(bundle: Bundle, candidates: CandidateSet, plan: Plan, problems: Problems) -> Iterator[dict[str, Any]]:
    """A row for each engine, number of threads and batch size; what cannot be had is named in `problems`."""
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
        save_file(packed._asdict(), folder / CANDIDATES)
        processes = _Processes(bundle, plan.device, folder, stack)
        for key in product(plan.engines, plan.threads):
            with problems.collected():
                processes.start(*key)
        asked = [(key, size) for key in processes.running for size in plan.batch_sizes]
        taken: dict[Any, list[list[float]]] = {case: [] for case in asked}
        memory: dict[Any, int] = {}
        rng = np.random.default_rng(0)
        for number in chain.from_iterable(rng.permutation(len(asked)) for _ in range(plan.rounds)):
            key, size = case = asked[number]
            if key in processes.running and case in taken:
                calls = taken.pop(case)  # stays out unless it answers
                with problems.collected():
                    answer = processes.ask(key, size, plan.seconds)
                    taken[case] = [*calls, answer["seconds"]]
                    memory[case] = max(memory.get(case, 0), answer["memory_bytes"])
        for case in asked:
            key, size = case
            if len(calls := taken.get(case, [])) < plan.rounds:
                continue
            engine, count = key
            yield {
                **about,
                "engine": engine,
                "threads": count,
                "batch": size,
                "start": processes.starts[key],
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


class _Processes:
    """Of one bundle: an engine in each, by its name and number of threads; and the servers that `triton` asks.

    running: those that answered when last they began. starts: what each was slow at when first it did, in seconds.
    """

    def __init__(self, bundle: Bundle, device: Device, folder: Path, stack: ExitStack) -> None:
        """folder: has `candidates.safetensors`. stack: ends them all."""
        self._bundle, self._device, self._folder, self._stack = bundle, device, folder, stack
        self._servers: dict[tuple[str, int], TritonServer] = {}
        self.running: dict[tuple[str, int], Worker] = {}
        self.starts: dict[tuple[str, int], dict[str, float]] = {}

    def start(self, engine: str, count: int) -> None:
        """Raises InputError where it does not answer; it is then not among those running."""
        key, begin = (engine, count), perf_counter()
        self.running.pop(key, None)
        if engine == "triton" and not (key in self._servers and self._servers[key].is_running()):
            self._servers[key] = self._serve(count)
        served_s = perf_counter() - begin
        urls = (self._servers[key].url,) if key in self._servers else ()
        place = str(self._folder / CANDIDATES)
        setting = Setting(str(self._bundle.path), engine, count, self._device, place, urls)
        worker = self._stack.enter_context(started(setting, self._folder / f"{engine}-{count}.log"))
        worker.start["load_s"] += served_s
        self.running[key] = worker
        self.starts.setdefault(key, worker.start)

    def ask(self, key: tuple[str, int], size: int, seconds: float) -> dict[str, Any]:
        """Seconds of calls, and bytes held at most; of another process where this one ended before. Raises InputError
        where it ends now."""
        if not self.running[key].is_running():
            self.start(*key)
        answer = self.running[key].ask(size, seconds)
        if key in self._servers:
            answer["memory_bytes"] += self._servers[key].memory_bytes()
        return answer

    def _serve(self, count: int) -> TritonServer:
        models = self._folder / f"models-{count}"
        if not models.exists():
            write_repository([self._bundle], models, ServingOptions(instances=count, max_candidates=1024))
        return self._stack.enter_context(TritonServer(models, ServerOptions(port=0)))
