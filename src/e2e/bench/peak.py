"""What a machine can do at best: a large product of matrices, and a copy. `python -m e2e.bench.peak THREADS DEVICE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

TURNS = 5


class Size(NamedTuple):
    side: int  # of the matrices
    copied_bytes: int


SIZES = {"cpu": Size(2048, 1 << 28), "cuda": Size(8192, 1 << 31)}


class Peak(NamedTuple):
    """Of float32 products without TF32, a product and a sum counting as two; of bytes read and written."""

    flop_per_second: float
    bytes_per_second: float


def measure_peak(threads: int, device: str = "cpu") -> Peak:
    """The best of a few turns. Sets PyTorch's threads for the whole process."""
    import torch

    torch.set_num_threads(threads)
    side, copied_bytes = SIZES[device]
    first, second = torch.randn(side, side, device=device), torch.randn(side, side, device=device)
    source = torch.zeros(copied_bytes // 4, device=device)
    target = torch.empty_like(source)
    wait: Callable[[], Any] = torch.cuda.synchronize if device == "cuda" else lambda: None
    products, copies = [], []
    for _ in range(TURNS):
        start = _now(wait)
        torch.mm(first, second)
        middle = _now(wait)
        target.copy_(source)
        products.append(middle - start)
        copies.append(_now(wait) - middle)
    return Peak(2 * side**3 / min(products), 2 * copied_bytes / min(copies))


def _now(wait: Callable[[], Any]) -> float:
    """Seconds, once the device has done what it was asked."""
    wait()
    return perf_counter()


if __name__ == "__main__":
    print(json.dumps(measure_peak(int(sys.argv[1]), sys.argv[2])._asdict()))
