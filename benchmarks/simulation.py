"""How long the detector's response takes, beside Pythia's own generation of the same events, and what memory it needs.

    python benchmarks/simulation.py [--events-of-memory 20000]

Generation is Pythia's `nextBatch` alone, until its record is there. Response is all that comes after it: choosing what
enters the detector, transport, showers, tracks, hits, pile-up overlay, read-out, jets. Writing the files is in
neither, but in `events_per_second`, which is for whole calls of `simulate` with one worker. Both are CPU times of one
process, taken in turn over batches of 100 events as `simulate` makes them; a ratio is one of the same turn. The pool of
pile-up is made beforehand.

Memory is the peak of a process that simulates 1,000 quark-gluon events, and of one that simulates 20,000.

Every number is the median over the turns; a spread is (largest - smallest) / median. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _measuring import Turns, machine

from e2e.simulation import pythia, simulate
from e2e.simulation.processes import PROCESSES
from e2e.simulation.simulate import Plan

PROCESS_NAMES = ("quark-gluon", "top")
REPEATS = 9
PILEUP = 35.0


class Stopwatch:
    """Takes the CPU time of Pythia's generation out of that of a whole chunk."""

    def __init__(self) -> None:
        self.generation = 0.0
        self._next_batch = pythia._next_batch

    def next_batch(self, instance: Any, num_events: int) -> Any:
        start = time.process_time()
        try:
            return self._next_batch(instance, num_events)
        finally:
            self.generation += time.process_time() - start


def measure(name: str, pileup: float, pool: Path | None) -> tuple[Turns, Turns]:
    """Response over generation, and generation in ms per event."""
    watch = Stopwatch()
    pythia._next_batch = watch.next_batch
    plan = Plan(name, 10**9, 1, None, pileup, pool)
    num_events = PROCESSES[name].chunk_events
    simulate.simulate_chunk(plan, 0)  # fills caches
    ratios, generation = [], []
    for chunk in range(1, REPEATS + 1):
        watch.generation = 0.0
        start = time.process_time()
        simulate.simulate_chunk(plan, chunk)
        whole = time.process_time() - start
        ratios.append((whole - watch.generation) / watch.generation)
        generation.append(1e3 * watch.generation / num_events)
    pythia._next_batch = watch._next_batch
    return Turns(ratios), Turns(generation)


def call(folder: Path, name: str, num_events: int, *options: str) -> tuple[float, float]:
    """Events per second and peak memory (MB) of one call of the verb, start included."""
    output = folder / f"{name}-{num_events}-{len(options)}"
    command = [sys.executable, "-m", "e2e.cli", "simulate", name, "-n", str(num_events), "-o", str(output), *options]
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
    script += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    return num_events / seconds, int(done.stdout) * unit / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events-of-memory", type=int, default=20_000, metavar="N")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    result: dict[str, Any] = {}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pool = folder / "pool.safetensors"
        simulate.prepare_pool(pool, PROCESSES["quark-gluon"].era)
        for name in PROCESS_NAMES:
            for key, pileup in (("response_over_generation", 0.0), ("response_over_generation_pileup35", PILEUP)):
                ratio, generation = measure(name, pileup, pool if pileup else None)
                what = f"response {ratio.median:.2f} of generation, {generation.median:.1f} ms"
                print(f"{name}, pile-up {pileup:.0f}: {what}")
                result[f"{key}_{name}"] = {"median": round(ratio.median, 3), "spread": ratio.spread}
                result.setdefault(f"generation_ms_{name}", round(generation.median, 2))
        for key in ("response_over_generation", "response_over_generation_pileup35"):
            result[key] = max(result[f"{key}_{name}"]["median"] for name in PROCESS_NAMES)
        _, small = call(folder, "quark-gluon", 1000)
        rate, large = call(folder, "quark-gluon", options.events_of_memory)
        with_pileup, _ = call(folder, "quark-gluon", 1000, "--pileup", "35", "--pool", str(pool))
        print(f"{rate:.0f} events/s, {with_pileup:.0f} with pile-up; peak memory {small:.0f} and {large:.0f} MB")
    result |= {
        "events_per_second": round(rate, 1),
        "events_per_second_pileup35": round(with_pileup, 1),
        "peak_memory_mb_1000_events": round(small),
        f"peak_memory_mb_{options.events_of_memory}_events": round(large),
        "repeats": REPEATS,
        "machine": machine(),
        "load_before": round(load, 2),
        "numpy": np.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
