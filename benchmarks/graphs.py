"""What does a graph cost: finding who is near whom, and the network that learns from it?

Places are drawn as jets fill them, most near the middle of a frame of 125 x 125, `--neighbours` of each. Everything on
one thread, in turn on batches of 32 graphs, which the core takes at once and a tree one by one; the neighbours are
checked to be equally near.

    python benchmarks/graphs.py [--device cuda]

Keys: `speedup_over_scipy` at 500 nodes (cKDTree, built and asked) with its error, `graphs_per_second` there;
`neighbours_ms` of a graph, by nodes: of the core, of the core asked for each graph alone, of SciPy, and of the search
inside the network where none are given; `inference` by batch and nodes: milliseconds of neighbours, network and both in
ONNX Runtime (on a GPU: network in PyTorch), of the same edge convolutions by PyTorch Geometric over ours, where it is
installed, and `megabytes` that the first call adds to a process; `share_of_peak` of the largest case: its products over
what the machine does at best.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from _measuring import machine
from _networks import in_turn, milliseconds, ratio
from scipy.spatial import cKDTree
from torch import nn

from e2e.bench.peak import measure_peak
from e2e.bench.worker import most_memory
from e2e.bundles import load_bundle
from e2e.bundles.export import export_bundle
from e2e.comparison.cost import operations_of
from e2e.contract import GraphSpec
from e2e.frames import Packed, native
from e2e.inference.engine import load_engine
from e2e.models import build_model, find_model
from e2e.models.graph_layers import NUM_PAIR_FEATURES, EdgeConv, Edges
from e2e.models.graph_view import GraphView
from e2e.tasks import TASKS

TASK, MODEL = TASKS["tau"], "edge-conv-nano"
FRAME = TASK.frame
NODES, BATCHES = (50, 200, 500, 1000, 2000), (1, 32, 1024)
AT_ONCE = 100_000  # nodes of a batch at most: more do not fit a small machine's memory
TOGETHER = 32  # graphs
SPREAD = 22.0  # pixels, of the places about the middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neighbours", type=int, default=12)
    parser.add_argument("--batches", type=int, default=15, help="of 32 graphs")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    found = {nodes: neighbours(rng, nodes, options.neighbours, options.batches) for nodes in NODES}
    core = found[500]["core"]
    inference, share = networks(rng, options.device)
    result = {
        "benchmark": "graphs",
        "machine": machine() if options.device == "cpu" else torch.cuda.get_device_name(),
        "neighbours": options.neighbours,
        "graphs": TOGETHER * options.batches,
        "speedup_over_scipy": ratio(found[500]["scipy"], core),
        "graphs_per_second": round(TOGETHER / float(np.median(core))),
        "speedup_by_nodes": {nodes: ratio(taken["scipy"], taken["core"]) for nodes, taken in found.items()},
        "neighbours_ms": {
            nodes: milliseconds({name: own / TOGETHER for name, own in taken.items()}) for nodes, taken in found.items()
        },
        "inference": inference,
        "share_of_peak": share,
    }
    print(json.dumps(result))


def places(rng: np.random.Generator, nodes: int) -> np.ndarray:
    """Ascending, each once."""
    chosen: set[int] = set()
    while len(chosen) < nodes:
        row, column = np.rint(rng.normal(62, SPREAD, (2, 4 * nodes))).astype(int)
        is_inside = (row >= 0) & (row < FRAME.rows) & (column >= 0) & (column < FRAME.columns)
        chosen.update((row * FRAME.columns + column)[is_inside].tolist())
    return np.sort(rng.permutation(sorted(chosen))[:nodes]).astype(np.int32)


def neighbours(rng: np.random.Generator, nodes: int, count: int, batches: int) -> dict[str, np.ndarray]:
    """Seconds of each way for each batch of graphs."""
    shape, offsets = (FRAME.rows, FRAME.columns), np.arange(TOGETHER + 1) * nodes
    view = GraphView(FRAME, 1, GraphSpec(count, 16))

    def core(graphs: np.ndarray) -> np.ndarray:
        return native.nearest_nodes(offsets, graphs.ravel(), shape, count)

    def one_by_one(graphs: np.ndarray) -> None:
        for graph in graphs:
            native.nearest_nodes(offsets[:2], graph, shape, count)

    def scipy(graphs: np.ndarray) -> np.ndarray:
        where = np.stack(np.divmod(graphs, FRAME.columns), axis=2).astype(float)
        return np.concatenate([cKDTree(graph).query(graph, k=count + 1)[1][:, 1:] for graph in where])

    def in_network(graphs: np.ndarray) -> object:
        index = torch.from_numpy(graphs.astype(np.float32))
        with torch.no_grad():
            return view(index, [index])

    drawn = [np.stack([places(rng, nodes) for _ in range(TOGETHER)]) for _ in range(batches)]
    where = np.stack(np.divmod(drawn[0], FRAME.columns), axis=2)
    far = []
    for found in (core(drawn[0]), scipy(drawn[0])):
        near = np.stack([w[f] for w, f in zip(where, found.reshape(TOGETHER, nodes, count), strict=True)])
        far.append(((near - where[:, :, None]) ** 2).sum(axis=3))
    assert np.array_equal(*far)
    ways = {"core": core, "core, one by one": one_by_one, "scipy": scipy}
    taken = in_turn(ways, drawn)
    return taken | {"in the network": in_turn({"": in_network}, drawn[:2])[""]}


def candidates(rng: np.random.Generator, batch: int, nodes: int) -> Packed:
    """A pixel of some channel at each node."""
    place = np.stack([places(rng, nodes) for _ in range(min(batch, 32))])[np.arange(batch) % min(batch, 32)]
    channel = rng.integers(0, 3, place.shape) * FRAME.rows * FRAME.columns
    value = rng.uniform(0.1, 5, place.shape).astype(np.float32)
    return Packed((channel + place).astype(np.float32), value, np.full((batch, 2), 140, np.float32))


def networks(rng: np.random.Generator, device: str) -> tuple[list[dict[str, Any]], dict[str, float]]:
    family, config = find_model(MODEL)
    network = build_model(family, FRAME, {"input_scale": list(TASK.input_scale), **config}).eval()
    rows = []
    with TemporaryDirectory() as folder:
        bundle = load_bundle(export_bundle(network, TASK, Path(folder) / "bundle"))
        engine = load_engine(bundle, "pytorch" if device == "cuda" else "onnxruntime", device=device)
        for nodes in NODES:
            for batch in BATCHES:
                if batch * nodes > AT_ONCE:
                    continue
                packed = candidates(rng, batch, nodes)
                graph = bundle.contract.graph
                ways: dict[str, Callable[[Packed], object]] = {
                    "neighbours": lambda p, g=graph: native.packed_neighbours(p.pixel_index, FRAME, g),
                    "both": engine.run_whole,
                }
                taken = repeated(ways, packed)
                each = milliseconds(taken)
                each["network"] = round(each["both"] - each["neighbours"], 4)
                row: dict[str, Any] = {"nodes": nodes, "batch": batch, "milliseconds": each}
                row["megabytes"] = apart(megabytes, bundle.path, packed, device)
                if batch == 32 and (geometric := over_geometric(packed, device)) is not None:
                    row["geometric_over_ours"] = geometric
                rows.append(row)
        operations = operations_of(network, packed)
    peak = measure_peak(1, device)
    done = operations / (rows[-1]["milliseconds"]["both"] / 1e3)
    return rows, {"flop_per_second": done / peak.flop_per_second}


def apart(function: Callable[..., float], *given: Any) -> float:
    """What it gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *given).result()


def megabytes(bundle: Path, packed: Packed, device: str) -> float:
    """The most that a call needs beyond what the process has once the network is loaded."""
    engine = load_engine(load_bundle(bundle), "pytorch" if device == "cuda" else "onnxruntime", device=device)
    before = most_memory()
    engine.run_whole(packed)
    most = torch.cuda.max_memory_allocated() if device == "cuda" else most_memory() - before
    return round(most / 1e6, 1)


def repeated(ways: dict[str, Callable[[Packed], object]], packed: Packed) -> dict[str, np.ndarray]:
    turns = 30 if packed.pixel_index.size < 5000 else 8
    in_turn(ways, [packed] * 2)
    return in_turn(ways, [packed] * turns)


def over_geometric(packed: Packed, device: str) -> dict[str, float | None] | None:
    """Time of PyTorch Geometric's edge convolution over that of ours, on the same edges, in PyTorch."""
    try:
        from torch_geometric.nn import EdgeConv as Geometric
    except ImportError:
        return None
    width = 24
    ours = EdgeConv(width).to(device)
    theirs = Geometric(nn.Sequential(nn.Linear(2 * width, width), *ours.mlp), aggr=["mean", "max"]).to(device)
    found = torch.from_numpy(native.packed_neighbours(packed.pixel_index, FRAME, GraphSpec(8, 8))).to(device)
    batch, nodes, _ = found.shape
    edges = Edges(found.clamp(min=0).long(), (found >= 0).float(), found.new_zeros(*found.shape, NUM_PAIR_FEATURES))
    x = torch.randn(batch, nodes, width, device=device)
    candidate, node, _ = torch.argwhere(found >= 0).T
    pairs = torch.stack((found[found >= 0].long() + candidate * nodes, node + candidate * nodes))

    def wait(answer: torch.Tensor) -> float:
        return float(answer.sum())

    with torch.no_grad():
        ways = {
            "ours": lambda _: wait(ours(x, edges)),
            "theirs": lambda _: wait(ours.gathered(theirs(x.flatten(0, 1), pairs))),
        }
        in_turn(ways, [None] * 2)
        taken = in_turn(ways, [None] * 12)
    return ratio(taken["theirs"], taken["ours"])


if __name__ == "__main__":
    main()
