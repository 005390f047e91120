"""What the machine can do at best: a large product of matrices, and a copy. `python -m e2e.bench.peak THREADS`."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import NamedTuple

SIDE, COPIED_BYTES, TURNS = 2048, 1 << 28, 5


class Peak(NamedTuple):
    """Of float32 products, a product and a sum counting as two; of bytes read and written."""

    flop_per_second: float
    bytes_per_second: float


def measure_peak(threads: int) -> Peak:
    """The best of a few turns. Sets PyTorch's threads for the whole process."""
    import torch

    torch.set_num_threads(threads)
    first, second = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    source, target = torch.zeros(COPIED_BYTES // 4), torch.empty(COPIED_BYTES // 4)
    products, copies = [], []
    for _ in range(TURNS):
        start = perf_counter()
        torch.mm(first, second)
        middle = perf_counter()
        target.copy_(source)
        products.append(middle - start)
        copies.append(perf_counter() - middle)
    return Peak(2 * SIDE**3 / min(products), 2 * COPIED_BYTES / min(copies))


if __name__ == "__main__":
    print(json.dumps(measure_peak(int(sys.argv[1]))._asdict()))
