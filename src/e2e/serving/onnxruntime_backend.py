"""Triton's onnxruntime back end in Python, for a server that comes without it. A server imports this file alone.

It knows what the configurations of `e2e.serving.repository` use: ragged inputs, which are concatenated, outputs that
are shared out as `num_pixels` was, and the limit of a request. A bad request is refused, those merged with it answered.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb

_SHARED_OUT_LIKE = "num_pixels"


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        parameters = {key: entry["string_value"] for key, entry in config["parameters"].items()}
        self._max_candidates = int(parameters["max_candidates"])
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters["intra_op_thread_count"])
        options.inter_op_num_threads = int(parameters["inter_op_thread_count"])
        is_gpu = args["model_instance_kind"] == "GPU"
        gpu = ("CUDAExecutionProvider", {"device_id": int(args["model_instance_device_id"]), "use_tf32": "0"})
        providers: list[Any] = [*([gpu] if is_gpu else []), "CPUExecutionProvider"]
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(os.fspath(path), options, providers=providers)

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order; those that can be run are run together."""
        responses: list[Any] = [None] * len(requests)
        sound: list[tuple[int, dict[str, np.ndarray]]] = []
        for number, request in enumerate(requests):
            try:
                sound.append((number, self._read(request)))
            except ValueError as error:
                responses[number] = _refusal(str(error))
        if not sound:
            return responses
        merged = {name: np.concatenate([tensors[name] for _, tensors in sound]) for name in self._inputs}
        try:
            columns = self._session.run(self._outputs, merged)
        except Exception as error:  # of the session: whatever it is, the clients must hear of it
            for number, _ in sound:
                responses[number] = _refusal(f"the network failed: {error}")
            return responses
        ends = np.cumsum([len(tensors[_SHARED_OUT_LIKE]) for _, tensors in sound])
        for part, (number, _) in enumerate(sound):
            begin = ends[part - 1] if part else 0
            shared = [np.ascontiguousarray(column[None, begin : ends[part]]) for column in columns]
            tensors = [pb.Tensor.from_dlpack(name, column) for name, column in zip(self._outputs, shared, strict=True)]
            responses[number] = pb.InferenceResponse(output_tensors=tensors)
        return responses

    def _read(self, request: Any) -> dict[str, np.ndarray]:
        """Each input without its first dimension. Raises ValueError for what does not go together."""
        tensors = {}
        for name in self._inputs:
            tensor = pb.get_input_tensor_by_name(request, name)
            array = np.from_dlpack(tensor)  # `as_numpy` is empty beside NumPy 2
            if array.ndim != 2 or len(array) != 1:
                raise ValueError(f"{name} has shape {list(array.shape)}, not [1, any]")
            tensors[name] = array[0]
        counts = tensors[_SHARED_OUT_LIKE].astype(np.int64)
        if len(counts) > self._max_candidates:
            raise ValueError(
                f"{len(counts)} candidates in a request, at most {self._max_candidates}: send fewer at once"
            )
        wanted = {"pixel_step": int(counts.sum()), "pixel_value": int(counts.sum()), "seed": 2 * len(counts)}
        if (counts < 0).any():
            raise ValueError("num_pixels is negative")
        for name, length in wanted.items():
            if len(tensors[name]) != length:
                raise ValueError(f"{name} has {len(tensors[name])} entries, num_pixels says {length}")
        return tensors


def _refusal(what: str) -> Any:
    return pb.InferenceResponse(output_tensors=[], error=pb.TritonError(what, pb.TritonError.INVALID_ARG))
