"""A Triton server on loopback beside the local engine on the same cores: throughput, latency against load, bytes.

    python benchmarks/sonic.py [--plain] [--bundle zoo/quark-gluon-nano] [--data CANDIDATES] [--cores 2] [--turns 7]

Throughput: all candidates in batches of 64, in turn here (ONNX Runtime with as many threads as cores) and at the server
(as many instances of one thread), whose client runs on the same cores. Load: events of one candidate each arrive at
random (Poisson) at a share of what the server reached; latency is from arrival to answer, waiting included.

Bytes are those that crossed the loopback device, answers and headers included, for requests of 64 candidates.

Keys: `triton_over_local` (median of turns, spread), `dense_bytes_over_sparse_bytes` against float32 images, `load`: for
each share of saturation p50, p95 and p99 in ms, and `p99_ms` at half load.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from _measuring import Turns, machine, seconds
from _networks import one_by_one

from e2e.bundles import load_bundle
from e2e.bundles.bundle import Bundle
from e2e.frames import Packed
from e2e.inference.engine import RemoteOptions, load_engine
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.server import ServerOptions, TritonServer
from e2e.serving.wire import dense_bytes, from_wire, join, to_wire
from e2e.tasks import TASKS

BATCH, CLIENTS = 64, 8
SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("zoo/quark-gluon-nano"))
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="simulated unless given")
    parser.add_argument("-n", type=int, default=1024, help="candidates")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument(
        "--plain", action="store_true", help="requests without compression, as is the default on one machine"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load")
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    single = one_by_one(TASKS[bundle.contract.task], options.data, options.n)
    batches = [_together(single[start : start + BATCH], bundle) for start in range(0, len(single), BATCH)]
    wires = [to_wire(packed, bundle.contract.frame) for packed in batches]
    local = load_engine(bundle, threads=options.cores)
    with TemporaryDirectory() as folder:
        repository = write_repository([bundle], Path(folder) / "models", ServingOptions(instances=options.cores))
        with TritonServer(repository, ServerOptions(port=0)) as server:
            asked = RemoteOptions(servers=(server.url,), compresses=not options.plain, has_fallback=False)
            remote = load_engine(bundle, "triton", remote=asked)
            whole = _together(single, bundle)
            ways = {"local": lambda: [local.run(packed) for packed in batches], "triton": lambda: remote.run(whole)}
            taken: dict[str, list[float]] = {name: [] for name in ways}
            for turn in range(options.turns + 1):
                for name, way in ways.items():
                    took = seconds(way)
                    if turn:  # the first warms up
                        taken[name].append(took)
            before = _loopback_bytes()
            remote.run(whole)
            on_the_wire = (_loopback_bytes() - before) / len(single)
            remote.close()
            ratio = Turns([here / there for here, there in zip(taken["local"], taken["triton"], strict=True)])
            rate = len(single) / Turns(taken["triton"]).median
            load = {share: _latency(bundle, asked, single, share * rate, options.seconds) for share in SHARES}
    dense = dense_bytes(bundle.contract.frame)
    sparse = sum(wire.num_bytes for wire in wires) / len(single)
    result = {
        "benchmark": "sonic",
        "machine": machine(),
        "bundle": bundle.path.name,
        "candidates": len(single),
        "compressed": not options.plain,
        "candidates_per_second": {name: round(len(single) / Turns(own).median, 1) for name, own in taken.items()},
        "triton_over_local": {"median": round(ratio.median, 3), "spread": ratio.spread},
        "bytes_of_a_candidate": {"tensors": round(sparse), "on_the_wire": round(on_the_wire), "dense": dense},
        "dense_bytes_over_sparse_bytes": round(dense / on_the_wire, 1),
        "load": load,
        "p99_ms": load[0.5]["p99"],
    }
    print(json.dumps(result))


def _loopback_bytes() -> int:
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    return int(line.split()[1])


def _together(single: Sequence[Packed], bundle: Bundle) -> Packed:
    return from_wire(join([to_wire(packed, bundle.contract.frame) for packed in single]))


def _latency(
    bundle: Bundle, asked: RemoteOptions, single: Sequence[Packed], rate: float, length: float
) -> dict[str, float]:
    """Milliseconds from arrival to answer of events that arrive `rate` a second, for `length` seconds."""
    own = threading.local()
    options = replace(asked, in_flight=1)

    def answer(packed: Packed, due: float) -> float:
        if not hasattr(own, "engine"):
            own.engine = load_engine(bundle, "triton", remote=options)
        own.engine.run(packed)
        return time.perf_counter() - due

    rng = np.random.default_rng(1)
    due = np.cumsum(rng.exponential(1 / rate, max(int(rate * length), 100)))
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda packed: answer(packed, 0.0), single[:CLIENTS] * 2))  # connected
        began, waiting = time.perf_counter(), []
        for number, moment in enumerate(due):
            time.sleep(max(began + moment - time.perf_counter(), 0))
            waiting.append(pool.submit(answer, single[number % len(single)], began + moment))
        taken = np.array([each.result() for each in waiting])
    p50, p95, p99 = (round(1e3 * float(value), 2) for value in np.quantile(taken, (0.5, 0.95, 0.99)))
    return {"per_second": round(rate, 1), "requests": len(taken), "p50": p50, "p95": p95, "p99": p99}


if __name__ == "__main__":
    main()
