"""Two ONNX files of one bundle, asked in turn for the same batches in one process, one thread: how do their times
compare, and how far are their answers apart? An old file: `git show COMMIT:zoo/NAME/model.onnx > old.onnx`.

    python benchmarks/model_files.py OLD.onnx BUNDLE [--data EVENTS ...] [--batch 4] [-n 200]

Keys: `nodes` as stored and as ONNX Runtime runs them, `milliseconds` (medians over batches), `ratio` new over old with
its error, `largest_difference` of the answers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from _measuring import machine, seconds
from _networks import ratio

from e2e.bundles import load_bundle
from e2e.datasets import load_candidates
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS

TURNS = 5


def session(path: Path) -> tuple[onnxruntime.InferenceSession, list[int]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # else a warning about the file that is written
    with TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "as-run.onnx")
        made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return made, [len(onnx.load(file).graph.node) for file in (path, options.optimized_model_filepath)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="simulated unless given")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("-n", type=int, default=200, help="candidates")
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    task = TASKS[bundle.contract.task]
    with TemporaryDirectory() as folder:
        data = options.data or [simulate(task.name, Path(folder) / "events", num_events=3 * options.n, pileup=20.0)]
        found = load_candidates(task, data, frame=bundle.contract.frame).select(slice(options.n))
    feeds = [bundle.inputs(packed) for packed, _ in found.batches(options.batch)]
    sessions, nodes = zip(*(session(path) for path in (options.old, bundle.onnx_path)), strict=True)
    differences = [np.abs(np.subtract(*(one.run(None, feed)[0] for one in sessions))).max() for feed in feeds]
    taken = np.empty((2, TURNS, len(feeds)))
    for turn in range(TURNS):
        for i, feed in enumerate(feeds):
            for which in (0, 1) if (turn + i) % 2 else (1, 0):  # who is second finds the batch in the cache
                taken[which, turn, i] = seconds(lambda which=which, feed=feed: sessions[which].run(None, feed))
    old, new = np.median(taken, axis=1)
    result = {
        "benchmark": "model_files",
        "machine": machine(),
        "bundle": options.bundle.name,
        "batch": options.batch,
        "batches": len(feeds),
        "nodes": dict(zip(("old", "new"), nodes, strict=True)),
        "milliseconds": {"old": round(1e3 * np.median(old), 3), "new": round(1e3 * np.median(new), 3)},
        "ratio": ratio(new, old),
        "largest_difference": float(max(differences)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
