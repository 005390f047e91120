"""Whatever runs a bundle: same call, same answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.problems import InputError

Device = Literal["cpu", "cuda"]


class Engine(ABC):
    """Runs one bundle."""

    name: ClassVar[str]

    @abstractmethod
    def run(self, packed: Packed) -> NDArray[np.float32]:
        """Final outputs (batch, outputs) in the units of the contract."""

    def run_named(self, packed: Packed) -> tuple[NDArray[np.float32], list[str]]:
        """Beside the outputs, who gave each row: for an engine that may hand over to another."""
        return self.run(packed), [self.name] * len(packed.seed)

    def complaints(self) -> list[tuple[str, str]]:
        """Where, and what, of that which went wrong and was got over."""
        return []

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """To be called once; the engine is then of no more use."""


@dataclass(frozen=True)
class RemoteOptions:
    """servers: HOST:PORT, grpc://HOST:PORT or http://HOST:PORT, which share the work. deadline_s: for a batch; what no
    server has answered by then is answered here. request_candidates: sent at once, at most; in_flight: requests under
    way at once. compresses: by gzip; None: unless the server is on this machine. has_fallback: whether this machine may
    answer at all."""

    servers: tuple[str, ...] = ()
    deadline_s: float = 30.0
    request_candidates: int = 64
    in_flight: int = 4
    compresses: bool | None = None
    has_fallback: bool = True

    def __post_init__(self) -> None:
        for name in ("deadline_s", "request_candidates", "in_flight"):
            if not 0 < getattr(self, name) < 1e6:
                raise InputError("triton", f"{name} {getattr(self, name)}", "give a number above 0, below a million")


def _onnxruntime(bundle: Bundle, threads: int, device: Device, remote: RemoteOptions) -> Engine:
    from e2e.inference.onnxruntime_engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(bundle, threads, device)


def _pytorch(bundle: Bundle, threads: int, device: Device, remote: RemoteOptions) -> Engine:
    from e2e.inference.pytorch_engine import PyTorchEngine

    return PyTorchEngine(bundle, threads, device)


def _triton(bundle: Bundle, threads: int, device: Device, remote: RemoteOptions) -> Engine:
    from e2e.inference.triton_engine import TritonEngine

    return TritonEngine(bundle, threads, remote)


ENGINES: dict[str, Callable[[Bundle, int, Device, RemoteOptions], Engine]] = {
    "onnxruntime": _onnxruntime,
    "pytorch": _pytorch,
    "triton": _triton,
}


def load_engine(
    bundle: Bundle,
    name: str = "onnxruntime",
    *,
    threads: int = 1,
    device: Device = "cpu",
    remote: RemoteOptions | None = None,
) -> Engine:
    """Raises InputError for an engine that is unknown or not installed, and for a device that it cannot use."""
    if name not in ENGINES:
        raise InputError(name, "no such engine", f"choose one of: {', '.join(ENGINES)}")
    try:
        return ENGINES[name](bundle, threads, device, remote or RemoteOptions())
    except ModuleNotFoundError as error:
        raise InputError(name, f"not installed ({error})", "install it, or choose another engine") from None
