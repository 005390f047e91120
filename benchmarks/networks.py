"""How long does a network take for one candidate, on one thread? Latency needs no training: the weights are random.

Every network is exported as a bundle would be and asked for each candidate in turn with the others, batch 1, in ONNX
Runtime.

    python benchmarks/networks.py [--data CANDIDATES] [--task quark-gluon] [--models NAME ...]

Keys: `milliseconds` of each (median over candidates), `ratio_to_resnet15` with its error, and `dense_over`: the latency
of the dense transformer `vit` over that of ours of its size.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import torch
from _measuring import machine
from _networks import in_turn, milliseconds, one_by_one, ratio, session

from e2e.models import build_model, count_parameters, find_model, numbers_for
from e2e.tasks import TASKS

SIZES, OURS = ("nano", "tiny", "small"), ("sparse-vit", "hybrid", "pixel-hybrid")
MODELS = ["resnet15", *(f"{kind}-{size}" for size in SIZES for kind in (*OURS, "vit"))]
AXES = {
    "pixel_index": {0: "batch", 1: "pixels"},
    "pixel_value": {0: "batch", 1: "pixels"},
    "seed": {0: "batch"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="simulated unless given")
    parser.add_argument("--task", default="quark-gluon", choices=TASKS)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("-n", type=int, default=200, help="candidates")
    options = parser.parse_args()
    task = TASKS[options.task]
    feeds = [packed._asdict() for packed in one_by_one(task, options.data, options.n)]
    example = tuple(torch.from_numpy(values.repeat(2, axis=0)) for values in feeds[0].values())  # one is a constant
    sessions, parameters = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            family, config = find_model(name)
            numbers = {"input_scale": list(task.scales_of(task.frame)), **numbers_for(family, task.network), **config}
            network = build_model(family, task.frame, numbers)
            parameters[name] = count_parameters(network)
            sessions[name] = session(network, example, AXES, Path(folder) / f"{name}.onnx")
    ways = {name: lambda feed, one=one: one.run(None, feed) for name, one in sessions.items()}
    in_turn(ways, feeds[:10])
    taken = in_turn(ways, feeds)
    pairs = [(f"{kind}-{size}", f"vit-{size}") for size in SIZES for kind in OURS]
    result = {
        "benchmark": "networks",
        "machine": machine(),
        "task": task.name,
        "candidates": len(feeds),
        "parameters": parameters,
        "milliseconds": milliseconds(taken),
        "ratio_to_resnet15": {
            name: ratio(own, taken["resnet15"]) for name, own in taken.items() if "resnet15" in taken
        },
        "dense_over": {ours: ratio(taken[dense], taken[ours]) for ours, dense in pairs if {ours, dense} <= set(taken)},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
