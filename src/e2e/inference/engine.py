"""Whatever runs a bundle: same call, same answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.problems import InputError

Device = Literal["cpu", "cuda"]


class Engine(Protocol):
    """Runs one bundle."""

    @property
    def name(self) -> str: ...

    def run(self, packed: Packed) -> NDArray[np.float32]:
        """Final outputs (batch, outputs) in the units of the contract."""
        ...


def _onnxruntime(bundle: Bundle, threads: int, device: Device) -> Engine:
    from e2e.inference.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(bundle, threads, device)


def _pytorch(bundle: Bundle, threads: int, device: Device) -> Engine:
    from e2e.inference.pytorch_engine import PyTorchEngine

    return PyTorchEngine(bundle, threads, device)


ENGINES: dict[str, Callable[[Bundle, int, Device], Engine]] = {"onnxruntime": _onnxruntime, "pytorch": _pytorch}


def load_engine(bundle: Bundle, name: str = "onnxruntime", *, threads: int = 1, device: Device = "cpu") -> Engine:
    """Raises InputError for an engine that is unknown or not installed, and for a device that it cannot use."""
    if name not in ENGINES:
        raise InputError(name, "no such engine", f"choose one of: {', '.join(ENGINES)}")
    try:
        return ENGINES[name](bundle, threads, device)
    except ModuleNotFoundError as error:
        raise InputError(name, f"not installed ({error})", "install it, or choose another engine") from None
