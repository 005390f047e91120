"""Triton's Python back end without a server: what it runs together, and what it answers where that fails."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from e2e.bundles.parity import random_candidates
from e2e.inference.pieces import MOST_PADDED
from e2e.serving.wire import to_wire
from e2e.tasks import TASKS

FRAMES = {"two bytes a step": TASKS["electron-photon"].frame, "four bytes": TASKS["tau"].frame}


class Session:
    """Answers each candidate with its number of runs; remembers how many came at once."""

    def __init__(self, providers):
        self.asked, self.padded, self.most = [], [], 1000
        self.get_providers = lambda: providers

    def run(self, outputs, inputs):
        counts = inputs["num_runs"]
        self.asked.append(len(counts))
        runs = np.split(inputs["run_length"], np.cumsum(counts)[:-1])
        self.padded.append(len(counts) * max(own.sum(dtype=int) for own in runs))
        assert len(inputs["seed"]) == 2 * len(counts) and len(inputs["run_value"]) == counts.sum()
        if len(counts) > self.most:
            raise RuntimeError("out of memory")
        return [counts.astype(np.float32) for _ in outputs]


@pytest.fixture(params=FRAMES)
def backend(request, monkeypatch):
    frame = FRAMES[request.param]
    stub = SimpleNamespace(
        InferenceResponse=lambda output_tensors, error=None: SimpleNamespace(answer=output_tensors, error=error),
        TritonError=type("TritonError", (str,), {"INVALID_ARG": 1, "INTERNAL": 2, "__new__": _worded}),
        get_input_tensor_by_name=lambda request, name: request[name],
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", stub)
    sys.modules.pop("e2e.serving.onnxruntime_backend", None)
    providers = ["CPUExecutionProvider"]
    module = importlib.import_module("e2e.serving.onnxruntime_backend")
    monkeypatch.setattr(module, "_handed_over", lambda name, column: column[0].tolist())
    monkeypatch.setattr(module.onnxruntime, "InferenceSession", lambda *given, **options: Session(providers))
    model = module.TritonPythonModel()
    names = ("run_step", "run_length", "run_value", "num_runs", "seed")
    numbers = {"max_candidates": 8, "max_pixels": frame.num_pixels}
    threads = {"intra_op_thread_count": 1, "inter_op_thread_count": 1}
    config = {
        "parameters": {key: {"string_value": str(value)} for key, value in {**numbers, **threads}.items()},
        "input": [{"name": name} for name in names],
        "output": [{"name": "score"}],
    }
    place = {"model_repository": "/nowhere", "model_version": "1", "model_instance_kind": "CPU"}

    def start():
        model.initialize({"model_config": json.dumps(config), "model_instance_device_id": "0", **place})

    start()
    yield SimpleNamespace(model=model, session=model._session, frame=frame, providers=providers, start=start)
    sys.modules.pop("e2e.serving.onnxruntime_backend", None)


def _worded(kind, text, code):
    return str.__new__(kind, text)


def requests(frame, *sizes):
    rng = np.random.default_rng(4)
    return [to_wire(random_candidates(rng, frame, size, 30), frame)._asdict() for size in sizes]


@pytest.mark.parametrize(("provider", "most"), [("CPU", MOST_PADDED), ("CUDA", 1 << 18)])
def test_how_much_runs_at_once_is_by_what_it_runs_on(backend, provider, most):
    backend.providers[:] = [f"{provider}ExecutionProvider"]
    backend.start()
    assert backend.model._most_padded == most


def test_sound_requests_run_together_each_with_its_own_answers(backend):
    given = requests(backend.frame, 3, 1, 8, 9, 2)
    answers = backend.model.execute(given)
    assert backend.session.asked == [14]
    assert "at most 8" in answers[3].error
    for number in (0, 1, 2, 4):
        assert answers[number].answer == [given[number]["num_runs"][0].tolist()]


@pytest.mark.parametrize("most", [1, 100, 8 * 30, 10**6])
def test_what_would_be_too_large_together_runs_in_parts(backend, most):
    backend.model._most_padded = most
    given = requests(backend.frame, 3, 8, 2)
    answers = backend.model.execute(given)
    for request, answer in zip(given, answers, strict=True):
        assert answer.error is None and answer.answer == [request["num_runs"][0].tolist()]
    assert sum(backend.session.asked) == 13
    assert all(
        size == 1 or padded <= most for size, padded in zip(backend.session.asked, backend.session.padded, strict=True)
    )
    assert len(backend.session.asked) > 1 or most == 10**6


def test_one_on_which_the_network_fails_takes_no_other_along(backend):
    backend.session.most = 3
    answers = backend.model.execute(requests(backend.frame, 3, 4))
    assert backend.session.asked == [7, 3, 4]  # none twice
    assert answers[0].error is None and "the network failed: out of memory" in answers[1].error


@pytest.mark.parametrize(
    ("name", "to", "why"),
    [
        ("run_length", 0, "a run without a pixel"),
        ("run_length", 255, "none of the frame's"),
        ("run_step", None, "none of the frame's"),  # one past the last
        ("num_runs", 31, "num_runs says 31"),
    ],
)
def test_what_is_not_in_the_frame_is_refused(backend, name, to, why):
    packed = random_candidates(np.random.default_rng(4), backend.frame, 1, 30, is_full=True)
    packed.pixel_index[:] = backend.frame.num_pixels - 1 - np.arange(30)  # from the last one down
    wire = to_wire(packed, backend.frame)._asdict()
    wire[name][0, 0] = backend.frame.num_pixels if to is None else to
    (answer,) = backend.model.execute([wire])
    assert why in answer.error and not backend.session.asked


def test_a_candidate_of_more_pixels_than_the_frame_is_refused(backend):
    """Runs may lie on one another."""
    number = backend.frame.num_pixels // 255 + 1
    (wire,) = requests(backend.frame, 1)
    wire["run_step"] = np.zeros((1, number), wire["run_step"].dtype)
    wire["run_length"], wire["run_value"] = np.full((1, number), 255, np.uint8), np.ones((1, number), np.float32)
    wire["num_runs"] = np.array([[number]], np.int32)
    (answer,) = backend.model.execute([wire])
    assert f"more than the {backend.frame.num_pixels} of the frame" in answer.error


def test_a_step_below_the_frame_is_refused(backend):
    (wire,) = requests(backend.frame, 2)
    wire["run_step"][0, 0] = -1 if wire["run_step"].dtype == np.int32 else np.uint16(65_535)
    (answer,) = backend.model.execute([wire])
    assert "none of the frame's" in answer.error
