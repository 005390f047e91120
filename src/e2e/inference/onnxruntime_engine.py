"""ONNX Runtime: the engine of a trigger farm, and the default."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.inference.engine import EngineOptions, LocalEngine
from e2e.inference.names import Device
from e2e.problems import InputError

INTEGER_BLOCK = 32  # weights that share a scale
_CPU: tuple[str, dict[str, str]] = ("CPUExecutionProvider", {})
# TF32 would round the inputs of convolutions to 10 bits
_CUDA = ("CUDAExecutionProvider", {"use_tf32": "0"})
_PROVIDERS: dict[Device, list[Any]] = {
    "cpu": [_CPU],
    "cuda": [_CUDA, _CPU],
    "tensorrt": [("TensorrtExecutionProvider", {}), _CUDA, _CPU],
}
_NAMES: dict[Device, str] = {"cuda": "CUDA", "tensorrt": "TensorRT"}


class OnnxRuntimeEngine(LocalEngine):
    """int8: the weights of inner products of matrices; convolutions and the head stay as they are."""

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, options: EngineOptions) -> None:
        super().__init__(options)
        self._bundle = bundle
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = options.threads
        session.inter_op_num_threads = 1
        session.enable_mem_pattern = False  # one plan is kept for each shape, and pieces have many
        providers = _PROVIDERS[options.device]
        wanted, _ = providers[0]
        named = _NAMES.get(options.device, "")
        if wanted not in onnxruntime.get_available_providers():
            raise InputError(self.name, f"this ONNX Runtime has no {named}", "install onnxruntime-gpu, or use the CPU")
        if options.device != "cpu":
            _load_cuda()
        model = _with_integers(bundle.onnx_path) if options.precision == "int8" else bundle.onnx_path
        try:
            self._session = onnxruntime.InferenceSession(model, session, providers=providers)
        except Exception as error:  # its own types differ between releases
            what = f"ONNX Runtime {onnxruntime.__version__} cannot load it ({error})"
            raise InputError(bundle.onnx_path, what, "upgrade onnxruntime, or use another engine") from None
        if self._session.get_providers()[0] != wanted:
            raise InputError(self.name, f"{named} could not be started", "check driver and version, or use the CPU")

    def run_whole(self, packed: Packed) -> NDArray[np.float32]:
        return self._session.run(None, self._bundle.inputs(packed))[0]


def _load_cuda() -> None:
    """CUDA's libraries where they came as Python packages, such as those of PyTorch; else the system's are found."""
    if (preload := getattr(onnxruntime, "preload_dlls", None)) is not None:  # since 1.21
        with redirect_stdout(io.StringIO()):  # where it says what it did not find
            preload()


def _with_integers(path: Path) -> bytes:
    """The model with 8-bit weights in its inner products of matrices.

    What they are multiplied with stays as it is: rounded with one scale for a batch, as `quantize_dynamic` does, a
    candidate's answer would depend on those beside it, and the most energetic one would drown the others.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    quantiser = MatMulNBitsQuantizer(onnx.load(path), bits=8, block_size=INTEGER_BLOCK, is_symmetric=True)
    quantiser.process()
    return quantiser.model.model.SerializeToString()
