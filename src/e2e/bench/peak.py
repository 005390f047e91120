"""What a machine can do at best: a product of matrices or a convolution, and a copy.

`bench` runs it in a process of its own: `python -m e2e.bench.peak THREADS DEVICE`.
"""

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
MAPS, IMAGE = 256, 64  # of the convolution


class Peak(NamedTuple):
    """Of float32 products without TF32, a product and a sum counting as two; of bytes read and written.

    Of two matrices, or, on a CPU, of a 3 x 3 convolution where that is faster: PyTorch's matrices go through a library
    that leaves half the width of AMD processors with AVX-512 unused, its convolutions do not.
    """

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
    ways: list[tuple[int, Callable[[], Any]]] = [(2 * side**3, lambda: torch.mm(first, second))]
    if device == "cpu":
        image, kernel = torch.randn(1, MAPS, IMAGE, IMAGE), torch.randn(MAPS, MAPS, 3, 3)
        operations = 2 * 9 * MAPS**2 * (IMAGE - 2) ** 2
        ways.append((operations, lambda: torch.conv2d(image, kernel)))
    best = max(operations / _seconds(way, wait) for operations, way in ways)
    return Peak(best, 2 * copied_bytes / _seconds(lambda: target.copy_(source), wait))


def _seconds(way: Callable[[], Any], wait: Callable[[], Any]) -> float:
    """Of the best of TURNS, once the device has done what it was asked."""
    taken = []
    for _ in range(TURNS):
        wait()
        begin = perf_counter()
        way()
        wait()
        taken.append(perf_counter() - begin)
    return min(taken)


if __name__ == "__main__":
    print(json.dumps(measure_peak(int(sys.argv[1]), sys.argv[2])._asdict()))
