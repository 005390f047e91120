"""One engine in a process of its own, asked line by line: its threads, memory and start are nobody else's.

Standard input: a line of JSON with what to load (`Setting`), then lines with a batch size and seconds to fill. Standard
output: a line of JSON for each.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, get_args

import numpy as np
from safetensors.numpy import load_file

from e2e.bundles import load_bundle
from e2e.frames import Packed
from e2e.inference.engine import RemoteOptions, load_engine
from e2e.inference.names import Device, split_label
from e2e.serving.server import resident_bytes
from e2e.serving.wire import from_wire, join, to_wire

LEAST_CALLS, MOST_CALLS, WARM_UP = 1, 2000, 8


@dataclass(frozen=True)
class Setting:
    """candidates: a file with padded candidates; servers: of the engine `triton`."""

    bundle: str
    engine: str
    threads: int
    device: str
    candidates: str
    servers: tuple[str, ...] = ()

    def to_line(self) -> str:
        return json.dumps(asdict(self))


def main() -> None:
    setting = json.loads(sys.stdin.readline())
    bundle = load_bundle(Path(setting["bundle"]))
    packed = Packed(**load_file(setting["candidates"]))
    single = [Packed(*(tensor[i : i + 1] for tensor in packed)) for i in range(len(packed.seed))]
    wires = [to_wire(one, bundle.contract.frame) for one in single]
    device = next(name for name in get_args(Device) if name == setting["device"])
    start = perf_counter()
    remote = RemoteOptions(servers=tuple(setting["servers"]), has_fallback=False)
    name, precision = split_label(setting["engine"])
    engine = load_engine(bundle, name, threads=setting["threads"], device=device, precision=precision, remote=remote)
    loaded = perf_counter()
    engine.run(from_wire(wires[0]))
    answer({"load_s": loaded - start, "first_answer_s": perf_counter() - loaded})
    batches: dict[int, list[Packed]] = {}
    for line in sys.stdin:
        asked: Mapping[str, Any] = json.loads(line)
        size = asked["batch"]
        if size not in batches:
            order = np.random.default_rng(size).permutation(max(size, len(wires))) % len(wires)
            parts = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
            batches[size] = [from_wire(join([wires[i] for i in part])) for part in parts]
            for batch in batches[size][:WARM_UP]:  # memory and shapes of this size, before it is timed
                engine.run(batch)
        taken: list[float] = []
        begin = perf_counter()
        while len(taken) < LEAST_CALLS or (perf_counter() - begin < asked["seconds"] and len(taken) < MOST_CALLS):
            batch = batches[size][len(taken) % len(batches[size])]
            start = perf_counter()
            engine.run(batch)
            taken.append(perf_counter() - start)
        answer({"seconds": taken, "memory_bytes": most_memory()})


def most_memory() -> int:
    """Bytes that this process has held at most; not by `getrusage` on Linux, which remembers its parent's."""
    return resident_bytes(key="VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def answer(content: Mapping[str, Any]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    main()
