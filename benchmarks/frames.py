"""How fast hits become sparse crops, and crops dense images; one core, native and NumPy in turn in one run.

    python benchmarks/frames.py

Events are drawn, not simulated: 600 barrel hits each, a third of them close to a seed, as in the real files.
A crop counts everything from the columns of the hits to the ragged candidates. The last line is JSON.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from e2e.contract import FrameSpec
from e2e.detector.detid import pack_eb
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Table
from e2e.frames import native, reference
from e2e.frames.candidates import Seeds

HITS_PER_EVENT = 600
NATIVE_EVENTS, NUMPY_EVENTS, DENSE_CANDIDATES = 4000, 100, 20_000
REPEATS = 7
SPEC = FrameSpec(channels=("ecal_energy", "ecal_time"))


def draw_events(events: int, seeds_per_event: int) -> tuple[Table, Seeds]:
    rng = np.random.default_rng(1)
    row, column = rng.integers(20, 150, (events, seeds_per_event)), rng.integers(0, 360, (events, seeds_per_event))
    pixels = []
    for i in range(events):
        near = rng.integers(0, seeds_per_event, HITS_PER_EVENT // 3)
        rows = np.clip(np.rint(rng.normal(row[i, near], 5)), 0, 169)
        columns = np.rint(rng.normal(column[i, near], 7)) % 360
        anywhere = rng.choice(170 * 360, HITS_PER_EVENT, replace=False)
        pixel = np.unique(np.concatenate((rows * 360 + columns, anywhere)).astype(np.int32))
        pixels.append(rng.permutation(pixel)[:HITS_PER_EVENT])
    detid = pack_eb(*barrel_crystal(*np.divmod(np.concatenate(pixels), 360)))
    energy = rng.exponential(0.5, len(detid)).astype(np.float32)
    hits = Table.from_counts(
        [len(p) for p in pixels], {"detid": detid, "energy": energy, "time": rng.normal(size=len(detid)).astype("f4")}
    )
    event = np.repeat(np.arange(events), seeds_per_event)
    return hits, Seeds.from_columns(event, row.ravel(), column.ravel(), np.ones(event.size))


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def crops(seeds_per_event: int) -> dict[str, float]:
    hits, seeds = draw_events(NATIVE_EVENTS, seeds_per_event)
    few_hits, few_seeds = hits.slice(0, NUMPY_EVENTS), seeds.select(seeds.event_index < NUMPY_EVENTS)
    native.build_candidates(hits, SPEC, seeds)
    rates: dict[str, list[float]] = {"native": [], "numpy": []}
    for _ in range(REPEATS):
        rates["native"].append(len(seeds) / seconds(lambda: native.build_candidates(hits, SPEC, seeds)))
        rates["numpy"].append(len(few_seeds) / seconds(lambda: reference.build_candidates(few_hits, SPEC, few_seeds)))
    rate, slow = (statistics.median(rates[name]) for name in rates)
    spread = (max(rates["native"]) - min(rates["native"])) / rate
    print(f"{seeds_per_event} seeds per event: {rate:,.0f} crops/s native, {slow:,.0f} NumPy: {rate / slow:.0f} times")
    return {"rate": rate, "speedup": rate / slow, "spread": spread}


def dense() -> dict[str, float]:
    """Bytes of pixels read and images written per second, against filling and copying arrays of that size."""
    hits, seeds = draw_events(1000, 1)
    once = native.build_candidates(hits, SPEC, seeds)
    candidates = type(once).concatenate([once] * (DENSE_CANDIDATES // len(once)))
    out, other = (np.zeros((len(candidates), *SPEC.shape), dtype=np.float32) for _ in range(2))
    gigabytes = out.nbytes / 1e9
    moved = gigabytes + (candidates.pixel_index.nbytes + candidates.pixel_value.nbytes) / 1e9
    rates: dict[str, list[float]] = {"dense": [], "fill": [], "copy": []}
    for _ in range(REPEATS):
        rates["dense"].append(moved / seconds(lambda: candidates.to_dense(out)))
        rates["fill"].append(gigabytes / seconds(lambda: other.fill(0)))
        rates["copy"].append(2 * gigabytes / seconds(lambda: np.copyto(other, out)))
    dense_rate, fill, copy = (statistics.median(rates[name]) for name in rates)
    print(
        f"dense view: {dense_rate:.1f} GB/s read and written, {len(candidates) * dense_rate / moved:,.0f} images/s; "
        f"fill {fill:.1f}, copy {copy:.1f} GB/s"
    )
    return {"dense": dense_rate, "fill": fill, "copy": copy}


def main() -> None:
    one, four, view = crops(1), crops(4), dense()
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.split(": ")[1] for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
    result = {
        "sparse_crops_per_second": round(one["rate"]),
        "speedup_over_numpy": round(one["speedup"], 1),
        "memory_bandwidth_fraction": round(view["dense"] / max(view["fill"], view["copy"]), 3),
        "crops_per_second_4_seeds": round(four["rate"]),
        "speedup_over_numpy_4_seeds": round(four["speedup"], 1),
        "relative_spread": round(one["spread"], 3),
        "dense_gb_per_second": round(view["dense"], 2),
        "fill_gb_per_second": round(view["fill"], 2),
        "copy_gb_per_second": round(view["copy"], 2),
        "hits_per_event": HITS_PER_EVENT,
        "repeats": REPEATS,
        "machine": names[0] if names else platform.processor(),
        "numpy": np.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
