"""OpenVINO: reads the same `model.onnx`; ahead on CPUs for ResNet-15."""

from __future__ import annotations

import numpy as np
import openvino
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.inference.engine import EngineOptions, LocalEngine
from e2e.problems import InputError


class OpenVinoEngine(LocalEngine):
    name = "openvino"

    def __init__(self, bundle: Bundle, options: EngineOptions) -> None:
        super().__init__(options)
        self._bundle = bundle
        # where the processor could, it would compute in bf16 unasked
        settings = {"INFERENCE_NUM_THREADS": options.threads, "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        try:
            model = core.compile_model(core.read_model(str(bundle.onnx_path)), "CPU", settings)
        except RuntimeError as error:
            what = f"OpenVINO {openvino.__version__} cannot load it ({' '.join(str(error).split())})"
            raise InputError(bundle.onnx_path, what, "upgrade openvino, or use another engine") from None
        self._request = model.create_infer_request()

    def run_whole(self, packed: Packed) -> NDArray[np.float32]:
        return self._request.infer(self._bundle.inputs(packed))[0].copy()
