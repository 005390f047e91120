"""Whatever runs a bundle: same call, same answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.inference.names import Device, Precision
from e2e.inference.pieces import in_pieces
from e2e.problems import InputError, known_names


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


@dataclass(frozen=True)
class EngineOptions:
    """precision: of the products of matrices inside; anything but `fp32` gives other answers than the bundle's, by what
    docs/engines.md measures. remote: of the engine `triton`."""

    threads: int = 1
    device: Device = "cpu"
    precision: Precision = "fp32"
    remote: RemoteOptions = RemoteOptions()


class Engine(ABC):
    """Runs one bundle."""

    name: ClassVar[str]

    def __init__(self, options: EngineOptions | None = None) -> None:
        self.options = options or EngineOptions()

    @property
    def label(self) -> str:
        """What its rows say: the name, and the precision where that is not full."""
        precision = self.options.precision
        return self.name if precision == "fp32" else f"{self.name}-{precision}"

    @abstractmethod
    def run(self, packed: Packed) -> NDArray[np.float32]:
        """Final outputs (batch, outputs) in the units of the contract."""

    def run_whole(self, packed: Packed) -> NDArray[np.float32]:
        """The same in one call of the network, where that runs in this process (`LocalEngine`); else as `run`."""
        return self.run(packed)

    def run_named(self, packed: Packed) -> tuple[NDArray[np.float32], list[str]]:
        """Beside the outputs, who gave each row: for an engine that may hand over to another."""
        return self.run(packed), [self.label] * len(packed.seed)

    def complaints(self) -> list[tuple[str, str]]:
        """Where, and what, of that which went wrong and was got over."""
        return []

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """To be called once; the engine is then of no more use."""


class LocalEngine(Engine):
    """Runs on this machine: on a processor in pieces; on a GPU, where it is the number of calls that counts, whole."""

    def run(self, packed: Packed) -> NDArray[np.float32]:
        return in_pieces(self.run_whole, packed) if self.options.device == "cpu" else self.run_whole(packed)

    @abstractmethod
    def run_whole(self, packed: Packed) -> NDArray[np.float32]:
        """Final outputs (batch, outputs), all candidates in one call."""


@dataclass(frozen=True)
class EngineKind:
    """Where an engine lives, imported when it is asked for, and what it can do."""

    module: str
    class_name: str
    abilities: dict[Device, tuple[Precision, ...]]

    def __call__(self, bundle: Bundle, options: EngineOptions) -> Engine:
        return getattr(import_module(f"e2e.inference.{self.module}"), self.class_name)(bundle, options)


_FULL: tuple[Precision, ...] = ("fp32",)
_TORCH: dict[Device, tuple[Precision, ...]] = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "bf16", "fp16")}

ENGINES: dict[str, Callable[[Bundle, EngineOptions], Engine]] = {
    "onnxruntime": EngineKind(
        "onnxruntime_engine", "OnnxRuntimeEngine", {"cpu": ("fp32", "int8"), "cuda": _FULL, "tensorrt": _FULL}
    ),
    "openvino": EngineKind("openvino_engine", "OpenVinoEngine", {"cpu": _FULL}),
    "pytorch": EngineKind("pytorch_engine", "PyTorchEngine", _TORCH),
    "compiled": EngineKind("pytorch_engine", "CompiledEngine", _TORCH),
    "torchscript": EngineKind("pytorch_engine", "TorchScriptEngine", {"cpu": _FULL, "cuda": _FULL}),
    "aotinductor": EngineKind("pytorch_engine", "AotInductorEngine", {"cpu": _FULL, "cuda": _FULL}),
    "triton": EngineKind("triton_engine", "TritonEngine", {"cpu": _FULL}),
}


class NotInstalledError(InputError):
    """An engine that is known and not here."""


def check_abilities(name: str, device: Device, precision: Precision) -> None:
    """Raises InputError for an engine that is unknown, and one that cannot have these."""
    if name not in ENGINES:
        raise InputError(name, "no such engine", known_names(name, ENGINES))
    kind = ENGINES[name]
    if not isinstance(kind, EngineKind):  # somebody's own
        return
    abilities = kind.abilities
    asked = (("device", device, tuple(abilities)), ("precision", precision, abilities.get(device, ())))
    for what, wanted, able in asked:
        if wanted not in able:
            raise InputError(name, f"has no {what} {wanted}", f"choose: {', '.join(able)}")


def load_engine(
    bundle: Bundle,
    name: str = "onnxruntime",
    *,
    threads: int = 1,
    device: Device = "cpu",
    precision: Precision = "fp32",
    remote: RemoteOptions | None = None,
) -> Engine:
    """Raises InputError for an engine that is unknown, and for what it cannot do; NotInstalledError."""
    check_abilities(name, device, precision)
    try:
        return ENGINES[name](bundle, EngineOptions(threads, device, precision, remote or RemoteOptions()))
    except ModuleNotFoundError as error:
        raise NotInstalledError(name, f"not installed ({error})", "install it, or choose another engine") from None
