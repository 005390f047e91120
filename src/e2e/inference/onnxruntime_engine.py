"""ONNX Runtime: the engine of a trigger farm, and the default."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.inference.engine import Device, Engine
from e2e.problems import InputError

_PROVIDERS: dict[Device, list[Any]] = {
    "cpu": ["CPUExecutionProvider"],
    # TF32 would round the inputs of convolutions to 10 bits
    "cuda": [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"],
}


class OnnxRuntimeEngine(Engine):
    name = "onnxruntime"

    def __init__(self, bundle: Bundle, threads: int = 1, device: Device = "cpu") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        if device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise InputError(self.name, "this ONNX Runtime has no CUDA", "install onnxruntime-gpu, or use the CPU")
        try:
            self._session = onnxruntime.InferenceSession(bundle.onnx_path, options, providers=_PROVIDERS[device])
        except Exception as error:  # its own types differ between releases
            what = f"ONNX Runtime {onnxruntime.__version__} cannot load it ({error})"
            raise InputError(bundle.onnx_path, what, "upgrade onnxruntime, or use another engine") from None
        if device == "cuda" and self._session.get_providers()[0] != "CUDAExecutionProvider":
            raise InputError(self.name, "CUDA could not be started", "check driver and CUDA version, or use the CPU")

    def run(self, packed: Packed) -> NDArray[np.float32]:
        return self._session.run(None, packed._asdict())[0]
