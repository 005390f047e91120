"""PyTorch: the network rebuilt from the bundle's numbers and weights. The only engine that sees the models."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.bundles.network import load_network
from e2e.frames import Packed
from e2e.inference.engine import Device, Engine
from e2e.problems import InputError


class PyTorchEngine(Engine):
    name = "pytorch"

    def __init__(self, bundle: Bundle, threads: int = 1, device: Device = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError(self.name, "this PyTorch finds no CUDA", "check the driver, or use the CPU")
        torch.set_num_threads(threads)  # of the whole process: PyTorch knows no other
        self._device = torch.device(device)
        self._network = load_network(bundle).to(self._device)

    @torch.inference_mode()
    def run(self, packed: Packed) -> NDArray[np.float32]:
        inputs = (torch.from_numpy(values).to(self._device) for values in packed)
        # TF32 would round the inputs of convolutions to 10 bits
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self._network(*inputs).cpu().numpy()
