"""Triton's onnxruntime back end in Python, for a server that comes without it. A server imports this file alone.

It knows what the configurations of `e2e.serving.repository` use: ragged inputs, which are concatenated, outputs that
are shared out as `num_runs` was, and the limit of a request. A bad request is refused, those merged with it answered.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb

# pixels that run at once, padding counted: as many as a processor's cache holds, as many as a GPU's memory bears. The
# first is that of `e2e.inference.pieces`, which a server cannot import
_MOST_PADDED, _MOST_PADDED_GPU = 1 << 13, 1 << 18
_SHARED_OUT_LIKE, _OF_RUNS = "num_runs", ("run_step", "run_length", "run_value")


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        parameters = {key: entry["string_value"] for key, entry in config["parameters"].items()}
        self._max_candidates, self._max_pixels = (int(parameters[key]) for key in ("max_candidates", "max_pixels"))
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters["intra_op_thread_count"])
        options.inter_op_num_threads = int(parameters["inter_op_thread_count"])
        options.enable_mem_pattern = False  # one plan is kept for each shape
        is_gpu = args["model_instance_kind"] == "GPU"
        gpu = ("CUDAExecutionProvider", {"device_id": int(args["model_instance_device_id"]), "use_tf32": "0"})
        providers: list[Any] = [*([gpu] if is_gpu else []), "CPUExecutionProvider"]
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self._session = onnxruntime.InferenceSession(os.fspath(path), options, providers=providers)
        runs_on_gpu = self._session.get_providers()[0] == gpu[0]  # where it was asked for and could be started
        self._most_padded = _MOST_PADDED_GPU if runs_on_gpu else _MOST_PADDED

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order; those that can be run are run together."""
        responses: list[Any] = [None] * len(requests)
        sound: dict[int, _Request] = {}
        for number, request in enumerate(requests):
            try:
                sound[number] = self._read(request)
            except Exception as error:  # of this request, whatever it is: those merged with it have theirs
                responses[number] = _failure(str(error), pb.TritonError.INVALID_ARG)
        if sound:
            for number, answer in zip(sound, self._answers(list(sound.values())), strict=True):
                responses[number] = answer
        return responses

    def _answers(self, together: list[_Request]) -> list[Any]:
        try:
            return self._run(together)
        except Exception as error:  # of the session, whatever it is: one of them is to blame, and takes no other along
            if len(together) == 1:
                return [_failure(f"the network failed: {error}", pb.TritonError.INTERNAL)]
            return [answer for request in together for answer in self._answers([request])]

    def _run(self, together: list[_Request]) -> list[Any]:
        merged = {name: np.concatenate([request.tensors[name] for request in together]) for name in self._inputs}
        pixels = np.concatenate([request.pixels for request in together])
        parts = [self._session.run(self._outputs, part) for part in _parts(merged, pixels, self._most_padded)]
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        ends = np.cumsum([len(request.pixels) for request in together])
        responses = []
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            shared = [np.ascontiguousarray(column[None, begin:end]) for column in columns]
            tensors = [_handed_over(name, column) for name, column in zip(self._outputs, shared, strict=True)]
            responses.append(pb.InferenceResponse(output_tensors=tensors))
        return responses

    def _read(self, request: Any) -> _Request:
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
        if (counts < 0).any():
            raise ValueError("num_runs is negative")
        for name, length in {**dict.fromkeys(_OF_RUNS, int(counts.sum())), "seed": 2 * len(counts)}.items():
            if len(tensors[name]) != length:
                raise ValueError(f"{name} has {len(tensors[name])} entries, num_runs says {length}")
        return _Request(tensors, self._pixels(tensors["run_step"], tensors["run_length"], counts))

    def _pixels(self, step: np.ndarray, run_length: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Of each candidate, how many. Raises ValueError for runs that lie not in the frame."""
        length, ends = run_length.astype(np.int64), np.cumsum(counts)
        begins = ends - counts  # of the candidates, in runs
        if (length == 0).any():
            raise ValueError("a run without a pixel")
        total = np.concatenate(([0], np.cumsum(step, dtype=np.int64)))
        first = total[1:] - np.repeat(total[begins], counts)
        if step.dtype == np.uint16:
            first %= 1 << 16
        if ((first < 0) | (first + length > self._max_pixels)).any():
            raise ValueError(f"a pixel that is none of the frame's {self._max_pixels}")
        pixels_before = np.concatenate(([0], np.cumsum(length)))
        pixels = pixels_before[ends] - pixels_before[begins]
        if (pixels > self._max_pixels).any():
            raise ValueError(f"a candidate of {pixels.max()} pixels, more than the {self._max_pixels} of the frame")
        return pixels


class _Request(NamedTuple):
    """pixels: of each candidate, how many."""

    tensors: dict[str, np.ndarray]
    pixels: np.ndarray


def _parts(merged: dict[str, np.ndarray], pixels: np.ndarray, most: int) -> Iterator[dict[str, np.ndarray]]:
    """So many candidates that, padded to the longest of them, they have no more than `most` pixels; one at least. A few
    bytes may ask for one long candidate among many."""
    runs_before = np.concatenate(([0], np.cumsum(merged[_SHARED_OUT_LIKE], dtype=np.int64)))
    begin, longest = 0, 1
    for number, own in enumerate([*pixels.tolist(), 0]):  # the last is nobody's: it ends the last part
        longest = max(longest, own)
        if number == len(pixels) or (number > begin and (number + 1 - begin) * longest > most):
            runs = slice(runs_before[begin], runs_before[number])
            part = {name: merged[name][runs] for name in _OF_RUNS}
            yield part | {
                _SHARED_OUT_LIKE: merged[_SHARED_OUT_LIKE][begin:number],
                "seed": merged["seed"][2 * begin : 2 * number],
            }
            begin, longest = number, max(own, 1)


def _handed_over(name: str, column: np.ndarray) -> Any:
    """A tensor that owns what it is given: Triton frees it, and NumPy's own destructor of the capsule, which comes
    later, would complain in the log of every answer."""
    capsule = column.__dlpack__()
    tensor = pb.Tensor.from_dlpack(name, capsule)
    _set_destructor(capsule, None)
    return tensor


_set_destructor = ctypes.pythonapi.PyCapsule_SetDestructor
_set_destructor.argtypes, _set_destructor.restype = (ctypes.py_object, ctypes.c_void_p), ctypes.c_int


def _failure(what: str, kind: Any) -> Any:
    return pb.InferenceResponse(output_tensors=[], error=pb.TritonError(what, kind))
