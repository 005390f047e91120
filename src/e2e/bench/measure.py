"""One bundle in many engines: each in a process of its own, asked in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
        save_file(packed._asdict(), folder / "candidates.safetensors")
        running: dict[tuple[str, int], Worker] = {}
        servers: dict[tuple[str, int], TritonServer] = {}
        for engine in plan.engines:
            for count in plan.threads:
                with problems.collected():
                    begin = perf_counter()
                    urls: tuple[str, ...] = ()
                    if engine == "triton":
                        server = servers[engine, count] = _serve(bundle, count, folder / f"models-{count}", stack)
                        urls = (server.url,)
                    served_s = perf_counter() - begin
                    place = str(folder / "candidates.safetensors")
                    setting = Setting(str(bundle.path), engine, count, plan.device, place, urls)
                    worker = stack.enter_context(started(setting, folder / f"{engine}-{count}.log"))
                    worker.start["load_s"] += served_s
                    running[engine, count] = worker
        asked = [(key, size) for key in running for size in plan.batch_sizes]
        taken: dict[Any, list[list[float]]] = {case: [] for case in asked}
        memory: dict[Any, int] = {}
        rng = np.random.default_rng(0)
        for _ in range(plan.rounds):
            for number in rng.permutation(len(asked)):
                key, size = asked[number]
                if key not in running:
                    continue
                with problems.collected():
                    worker = running.pop(key)  # stays out unless it answers
                    answer = worker.ask({"batch": size, "seconds": plan.seconds})
                    running[key] = worker
                    taken[key, size].append(answer["seconds"])
                    server_bytes = servers[key].memory_bytes() if key in servers else 0
                    memory[key, size] = answer["memory_bytes"] + server_bytes
        for case, calls in taken.items():
            (engine, count), size = case
            if (engine, count) not in running:
                continue
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


def _serve(bundle: Bundle, count: int, folder: Path, stack: ExitStack) -> TritonServer:
    write_repository([bundle], folder, ServingOptions(instances=count, max_candidates=1024))
    return stack.enter_context(TritonServer(folder, ServerOptions(port=0)))
