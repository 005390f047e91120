"""What an answer costs: operations, the latency of the exported bundle, the throughput on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from e2e.bundles import Bundle
from e2e.datasets import CandidateSet
from e2e.frames import Packed
from e2e.inference.engine import Engine, load_engine
from e2e.metrics import Measured, bootstrap

FLOP_CANDIDATES, LATENCY_CANDIDATES, WARM_UP = 50, 300, 20
GPU_BATCH, GPU_BATCHES = 512, 20


def count_operations(network: nn.Module, candidates: CandidateSet) -> float:
    """Floating-point operations for one candidate, the mean over a few; products and sums count apart."""
    total, count = 0, 0
    for packed in _one_by_one(candidates, FLOP_CANDIDATES):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(*map(torch.from_numpy, packed))
        total, count = total + counter.get_total_flops(), count + 1
    return total / max(count, 1)


class Latency(NamedTuple):
    """Milliseconds for one candidate on one thread: the median and the 90 % quantile over candidates. ratio: to the
    reference's on the same candidates, the median with its error."""

    median_ms: float
    high_ms: float
    ratio: Measured


def measure_latency(bundles: Mapping[str, Bundle], candidates: CandidateSet, reference: str) -> dict[str, Latency]:
    """Of each bundle in ONNX Runtime, batch 1: every candidate goes to all of them in turn, so that what else the
    machine does meets all alike. reference: of the bundles."""
    engines = {name: load_engine(bundle) for name, bundle in bundles.items()}
    singles = _one_by_one(candidates, LATENCY_CANDIDATES)
    for packed in singles[:WARM_UP]:
        for engine in engines.values():
            engine.run(packed)
    seconds = np.array([[_time(engine, packed) for engine in engines.values()] for packed in singles])
    by_name = dict(zip(engines, seconds.T, strict=True))
    return {name: _latency(own, by_name[reference]) for name, own in by_name.items()}


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
