"""Candidate stores beside the nested Parquet and the dense HDF5 of ML4SCI: size, reading speed, feeding, memory.

    python benchmarks/formats.py [--events 1500]

Simulates quark-gluon jets with pile-up 20 and writes the same jets three times: candidate store, nested Parquet (a row
group for each jet, snappy, as published) and HDF5 (lzf), the last two by `e2e export-data`. As the published files are
made once and hold doubles, nested Parquet with row groups of 64 and float32 is timed beside it.

Reading ends for each format where a training begins: pixels packed for the network (store), images as one float32
array (others). One thread, in turn, nothing else in the cache's way; a ratio is one of the same turn.
`jets_per_second_loaded` is the shuffled loading of a training, with threads that read ahead, in batches of 64, over the
store repeated 20 times. Memory is the peak of a process that converts an HDF5 file, and of one that converts one ten
times as long.

Every number is the median over the turns; a spread is (largest - smallest) / median. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _measuring import Turns, machine, seconds

from e2e.datasets import stored
from e2e.datasets.convert import convert
from e2e.datasets.export_data import append, export_data
from e2e.datasets.stored import open_candidates
from e2e.simulation.simulate import simulate

TURNS = 5
BATCH = 64
COPIES = 20


def read_store(path: Path) -> int:
    return sum(len(batch.targets) for batch in open_candidates([path]).batches(BATCH))


def read_nested(path: Path, groups: int) -> int:
    count = 0
    with pq.ParquetFile(path) as file:
        for first in range(0, file.num_row_groups, groups):
            chosen = list(range(first, min(first + groups, file.num_row_groups)))
            column = file.read_row_groups(chosen, columns=["X_jets"], use_threads=False)["X_jets"].combine_chunks()
            values: Any = column
            while pa.types.is_list(values.type):
                values = values.flatten()
            images = values.to_numpy().astype(np.float32, copy=False).reshape(len(column), 3, 125, 125)
            count += len(images)
    return count


def read_hdf5(path: Path) -> int:
    with h5py.File(path) as file:
        images = file["X_jets"]
        return sum(len(images[first : first + BATCH]) for first in range(0, len(images), BATCH))


def load_shuffled(path: Path) -> int:
    return sum(len(batch.targets) for batch in open_candidates([path] * COPIES).batches(BATCH, (1, 0)))


def regroup(path: Path, output: Path) -> None:
    table = pq.read_table(path)
    pq.write_table(table, output, row_group_size=BATCH, compression="snappy")


def as_published(path: Path, output: Path) -> None:
    """The same with doubles, which is what `tolist` gave the published files."""
    double = pa.list_(pa.list_(pa.list_(pa.float64())))
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        kind = schema.set(schema.get_field_index("X_jets"), pa.field("X_jets", double))
        with pq.ParquetWriter(output, kind, compression="snappy") as writer:
            for group in range(file.num_row_groups):
                writer.write_table(file.read_row_group(group).cast(kind))


def repeat_hdf5(path: Path, output: Path, times: int) -> None:
    with h5py.File(path) as source, h5py.File(output, "w") as file:
        for _ in range(times):
            for name, data in source.items():
                for first in range(0, len(data), BATCH):
                    append(file, name, data[first : first + BATCH])


def peak_mb(source: Path, output: Path) -> float:
    command = [sys.executable, "-m", "e2e.cli", "convert", str(source), "-o", str(output)]
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)"
    script += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=True)
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1500, metavar="N")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        simulate(
            "quark-gluon", folder / "events", num_events=options.events, seed=31, pileup=20, workers=os.cpu_count() or 1
        )
        num_jets = convert([folder / "events"], folder / "store").num_candidates
        store = folder / "store" / "part-00000.parquet"
        files = {"store": store, "nested": folder / "nested.parquet", "hdf5": folder / "dense.h5"}
        for name in ("nested", "hdf5"):
            export_data([store], files[name])
        files |= {"published": folder / "published.parquet", "regrouped": folder / "regrouped.parquet"}
        as_published(files["nested"], files["published"])
        regroup(files["nested"], files["regrouped"])
        calls: dict[str, Callable[[], int]] = {
            "store": lambda: read_store(store),
            "published": lambda: read_nested(files["published"], 1),
            "regrouped": lambda: read_nested(files["regrouped"], 1),
            "hdf5": lambda: read_hdf5(files["hdf5"]),
        }
        stored.READERS, readers = 1, stored.READERS
        times: dict[str, list[float]] = {name: [] for name in calls}
        for turn in range(TURNS + 1):
            for name, call in calls.items():
                taken = seconds(call)
                if turn:  # the first fills caches
                    times[name].append(taken)
        stored.READERS = readers
        loading = Turns([num_jets * COPIES / seconds(lambda: load_shuffled(store)) for _ in range(TURNS)])
        repeat_hdf5(files["hdf5"], folder / "long.h5", 10)
        memory = [peak_mb(files["hdf5"], folder / "a"), peak_mb(folder / "long.h5", folder / "b")]
        sizes = {name: path.stat().st_size / num_jets for name, path in files.items() if name in calls}
    speed = {name: Turns([num_jets / taken for taken in values]) for name, values in times.items()}
    for name, rate in speed.items():
        print(f"{name:10s} {sizes[name]:8.0f} bytes/jet, {rate.median:8.0f} jets/s ({rate.spread:.0%})")
    result: dict[str, Any] = {"jets": num_jets, "bytes_per_jet": round(sizes["store"])}
    for name, key in (("published", "nested_parquet"), ("regrouped", "nested_parquet_64"), ("hdf5", "hdf5")):
        ratio = Turns([other / ours for other, ours in zip(times[name], times["store"], strict=True)])
        result[f"read_speed_over_{key}"] = round(ratio.median, 1)
        result[f"read_speed_over_{key}_spread"] = ratio.spread
        result[f"bytes_per_jet_{key}"] = round(sizes[name])
    dense_mb = num_jets * 10 * 3 * 125 * 125 * 4 / 1e6
    print(f"loaded, shuffled: {loading.median:.0f} jets/s ({loading.spread:.0%})")
    print(f"converting: peak {memory[0]:.0f} MB, ten times as much ({dense_mb:.0f} MB dense): {memory[1]:.0f} MB")
    result |= {
        "jets_per_second_read": round(speed["store"].median),
        "jets_per_second_loaded": round(loading.median),
        "jets_per_second_loaded_spread": loading.spread,
        "peak_memory_mb": round(memory[0]),
        "peak_memory_mb_ten_times": round(memory[1]),
        "dense_mb_ten_times": round(dense_mb),
        "turns": TURNS,
        "machine": machine(),
        "load_before": round(load, 2),
        "pyarrow": pa.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
