"""PyTorch in four ways: the network rebuilt from the bundle's numbers and weights, as it is or made faster."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.bundles.aot_inductor import load_package
from e2e.bundles.network import load_network, run_network
from e2e.bundles.torchscript import to_torchscript
from e2e.frames import Packed
from e2e.inference.engine import EngineOptions, LocalEngine
from e2e.inference.names import Precision
from e2e.problems import InputError

_TYPES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


class PyTorchEngine(LocalEngine):
    """Other precisions are of the products of matrices and the convolutions, as `torch.autocast` chooses them."""

    name = "pytorch"

    def __init__(self, bundle: Bundle, options: EngineOptions) -> None:
        super().__init__(options)
        self._bundle = bundle
        if options.device == "cuda" and not torch.cuda.is_available():
            raise InputError(self.name, "this PyTorch finds no CUDA", "check the driver, or use the CPU")
        torch.set_num_threads(options.threads)  # of the whole process: PyTorch knows no other
        self._device = torch.device(options.device)
        self._network = self._load(bundle)

    def _load(self, bundle: Bundle) -> Any:
        return load_network(bundle).to(self._device)

    def run_whole(self, packed: Packed) -> NDArray[np.float32]:
        dtype = _TYPES.get(self.options.precision)
        with torch.autocast(self._device.type, dtype, enabled=dtype is not None):
            return run_network(self._network, self._bundle.inputs(packed), self._device)


class CompiledEngine(PyTorchEngine):
    """`torch.compile`; the first batches take a minute."""

    name = "compiled"

    def _load(self, bundle: Bundle) -> Any:
        torch._dynamo.config.capture_scalar_outputs = True  # how many patches are occupied
        torch._dynamo.config.recompile_limit = 64  # batches and lengths of 0 and 1 are cases of their own
        return torch.compile(super()._load(bundle), dynamic=True)


class TorchScriptEngine(PyTorchEngine):
    """What CMSSW's PyTorch runs."""

    name = "torchscript"

    def _load(self, bundle: Bundle) -> Any:
        return to_torchscript(bundle, self._device)


class AotInductorEngine(PyTorchEngine):
    """A package compiled for this machine, once: a minute, and a C++ compiler."""

    name = "aotinductor"

    def _load(self, bundle: Bundle) -> Any:
        return load_package(bundle, self._device)
