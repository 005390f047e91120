"""What an answer costs: operations, the latency of the exported bundle, the throughput on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from e2e.bundles import Bundle
from e2e.datasets import CandidateSet
from e2e.frames import Packed
from e2e.inference.engine import Engine, load_engine
from e2e.metrics import Measured, bootstrap

FLOP_CANDIDATES, LATENCY_CANDIDATES, WARM_UP = 50, 300, 20
GPU_BATCH, GPU_BATCHES = 512, 20


def count_operations(network: nn.Module, candidates: CandidateSet) -> float:
    """Floating-point operations for one candidate, the mean over a few: of matrix products and convolutions, a product
    and a sum counting as two."""
    found = [operations_of(network, packed) for packed in _one_by_one(candidates, FLOP_CANDIDATES)]
    return sum(found) / max(len(found), 1)


def operations_of(network: nn.Module, packed: Packed) -> int:
    """For these candidates together."""
    # attention as plain products: the fused kernel of a CPU is not counted
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*map(torch.from_numpy, packed))
    return counter.get_total_flops()


class Latency(NamedTuple):
    """Milliseconds for one candidate on one thread: the median and the 90 % quantile over candidates. ratio: to the
    reference's on the same candidates, the median with its error."""

    median_ms: float
    high_ms: float
    ratio: Measured


def measure_latency(asked: Mapping[str, tuple[Bundle, CandidateSet]], reference: str) -> dict[str, Latency]:
    """Of each bundle in ONNX Runtime, batch 1: every candidate goes to all of them in turn, so that what else the
    machine does meets all alike. asked: each bundle with the same candidates as it sees them. reference: one of them.
    """
    engines = [load_engine(bundle) for bundle, _ in asked.values()]
    singles = list(zip(*(_one_by_one(seen, LATENCY_CANDIDATES) for _, seen in asked.values()), strict=True))
    for candidate in singles[:WARM_UP]:
        for engine, packed in zip(engines, candidate, strict=True):
            engine.run(packed)
    turns = [[_time(engine, packed) for engine, packed in zip(engines, one, strict=True)] for one in singles]
    seconds = dict(zip(asked, np.array(turns).T, strict=True))
    return {name: _latency(own, seconds[reference]) for name, own in seconds.items()}


def _latency(own: NDArray[np.float64], reference: NDArray[np.float64]) -> Latency:
    ratio = bootstrap(lambda a, b: float(np.median(a / b)), own, reference)
    return Latency(float(np.median(own)) * 1e3, float(np.quantile(own, 0.9)) * 1e3, ratio)


def measure_gpu(bundle: Bundle, candidates: CandidateSet) -> float | None:
    """Candidates per second in PyTorch on the GPU, from packed pixels to answers; None where there is no GPU."""
    if not torch.cuda.is_available():
        return None
    engine = load_engine(bundle, "pytorch", device="cuda")
    batches = [packed for packed, _ in candidates.select(slice(GPU_BATCH * GPU_BATCHES)).batches(GPU_BATCH)]
    for packed in batches[:3]:
        engine.run(packed)
    seconds = sum(_time(engine, packed) for packed in batches)
    return sum(len(packed.seed) for packed in batches) / seconds


def _one_by_one(candidates: CandidateSet, count: int) -> Sequence[Packed]:
    return [packed for packed, _ in candidates.select(slice(count)).batches(1)]


def _time(engine: Engine, packed: Packed) -> float:
    start = perf_counter()
    engine.run(packed)
    return perf_counter() - start
