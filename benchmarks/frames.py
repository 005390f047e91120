"""How fast hits become sparse crops, and sparse crops dense images, on one core.

    python benchmarks/frames.py

Events are drawn, not simulated: 600 barrel hits each, a third of them close to a seed, as in the real files.

Crops: one call takes the hit columns (DetId, energy, time) and the seeds of many events and returns the ragged
candidates: unpacking and screening of every hit, the frame of the event, and a 32 x 32 window of two channels around
each seed. A rate is candidates per second of that call; drawing the events, finding the seeds and reading files are not
in it. The C++ core gets 4,000 events and the NumPy reference 100 of them, in turn, and a speed-up is the quotient of
the two rates of one turn.

Dense view: `to_dense` into images that exist already. Bytes counted are the sparse pixels, read once, and the images,
written once. The fraction is this rate over what memory gives NumPy in the same turn, filling or copying such
images, whichever moves more bytes per second; a copy counts what it reads and what it writes.

Every number is the median over the turns; a spread is (largest - smallest) / median. The last line is JSON.
"""

from __future__ import annotations

import json
import os

import numpy as np
from _measuring import Turns, machine, seconds

from e2e.contract import FrameSpec
from e2e.detector.detid import pack_eb
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Table
from e2e.frames import native, reference
from e2e.frames.candidates import Candidates, Seeds

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


def crops(seeds_per_event: int) -> tuple[Turns, Turns]:
    """Crops per second of the core, and its speed-up over NumPy."""
    hits, seeds = draw_events(NATIVE_EVENTS, seeds_per_event)
    few_hits, few_seeds = hits.slice(0, NUMPY_EVENTS), seeds.select(seeds.event_index < NUMPY_EVENTS)

    def core() -> float:
        return len(seeds) / seconds(lambda: native.build_candidates(hits, SPEC, seeds))

    def numpy() -> float:
        return len(few_seeds) / seconds(lambda: reference.build_candidates(few_hits, SPEC, few_seeds))

    core(), numpy()  # the first calls fill caches
    pairs = [(core(), numpy()) for _ in range(REPEATS)]
    rate, slow = (Turns(rates) for rates in zip(*pairs, strict=True))
    speedup = Turns([fast / slow for fast, slow in pairs])
    print(
        f"{seeds_per_event} seeds per event: {rate.median:,.0f} crops/s core, {slow.median:,.0f} NumPy: "
        f"{speedup.median:.0f} times"
    )
    return rate, speedup


def dense() -> dict[str, Turns]:
    """GB per second of the dense view, of filling, of copying; `fraction`: the first over the higher of the others."""
    hits, seeds = draw_events(1000, 1)
    once = native.build_candidates(hits, SPEC, seeds)
    candidates = Candidates.concatenate([once] * (DENSE_CANDIDATES // len(once)))
    out, other = (np.zeros((len(candidates), *SPEC.shape), dtype=np.float32) for _ in range(2))
    out.fill(1), other.fill(1)  # memory is given at the first touch
    written = out.nbytes / 1e9
    moved = written + (candidates.pixel_index.nbytes + candidates.pixel_value.nbytes) / 1e9
    rates: dict[str, list[float]] = {"dense": [], "fill": [], "copy": [], "fraction": []}
    for _ in range(REPEATS):
        view = moved / seconds(lambda: candidates.to_dense(out))
        fill = written / seconds(lambda: other.fill(0))
        copy = 2 * written / seconds(lambda: np.copyto(other, out))
        for name, value in zip(rates, (view, fill, copy, view / max(fill, copy)), strict=True):
            rates[name].append(value)
    turns = {name: Turns(values) for name, values in rates.items()}
    per_second = len(candidates) * turns["dense"].median / moved
    print(
        f"dense view: {turns['dense'].median:.1f} GB/s read and written, {per_second:,.0f} images/s; "
        f"fill {turns['fill'].median:.1f}, copy {turns['copy'].median:.1f} GB/s"
    )
    return turns


def main() -> None:
    load = os.getloadavg()[0]
    (rate, speedup), (rate_4, speedup_4), view = crops(1), crops(4), dense()
    result = {
        "sparse_crops_per_second": round(rate.median),
        "sparse_crops_spread": rate.spread,
        "speedup_over_numpy": round(speedup.median, 1),
        "speedup_spread": speedup.spread,
        "crops_per_second_4_seeds": round(rate_4.median),
        "speedup_over_numpy_4_seeds": round(speedup_4.median, 1),
        "memory_bandwidth_fraction": round(view["fraction"].median, 3),
        "memory_bandwidth_fraction_spread": view["fraction"].spread,
        **{f"{name}_gb_per_second": round(view[name].median, 2) for name in ("dense", "fill", "copy")},
        "hits_per_event": HITS_PER_EVENT,
        "repeats": REPEATS,
        "machine": machine(),
        "load_before": round(load, 2),  # processes that wanted a core; a busy machine gives a lower fraction
        "numpy": np.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
