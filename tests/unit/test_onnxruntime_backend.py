"""Triton's Python back end without a server: what it runs together, and what it answers where that fails."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from e2e.bundles.parity import random_candidates
from e2e.serving.wire import to_wire
from e2e.tasks import TASKS

FRAME = TASKS["electron-photon"].frame


class Session:
    """Answers each candidate with its number of runs; remembers how many came at once."""

    def __init__(self):
        self.asked, self.most = [], 1000

    def run(self, outputs, inputs):
        counts = inputs["num_runs"]
        self.asked.append(len(counts))
        if len(counts) > self.most:
            raise RuntimeError("out of memory")
        return [counts.astype(np.float32) for _ in outputs]


@pytest.fixture
def backend(monkeypatch):
    stub = SimpleNamespace(
        InferenceResponse=lambda output_tensors, error=None: SimpleNamespace(answer=output_tensors, error=error),
        TritonError=type("TritonError", (str,), {"INVALID_ARG": 1, "INTERNAL": 2, "__new__": _worded}),
        get_input_tensor_by_name=lambda request, name: request[name],
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", stub)
    sys.modules.pop("e2e.serving.onnxruntime_backend", None)
    module = importlib.import_module("e2e.serving.onnxruntime_backend")
    monkeypatch.setattr(module, "_handed_over", lambda name, column: column[0].tolist())
    monkeypatch.setattr(module.onnxruntime, "InferenceSession", lambda *given, **options: Session())
    model = module.TritonPythonModel()
    names = ("run_step", "run_length", "run_value", "num_runs", "seed")
    numbers = {"max_candidates": 8, "max_pixels": FRAME.num_pixels}
    threads = {"intra_op_thread_count": 1, "inter_op_thread_count": 1}
    config = {
        "parameters": {key: {"string_value": str(value)} for key, value in {**numbers, **threads}.items()},
        "input": [{"name": name} for name in names],
        "output": [{"name": "score"}],
    }
    place = {"model_repository": "/nowhere", "model_version": "1", "model_instance_kind": "CPU"}
    model.initialize({"model_config": json.dumps(config), "model_instance_device_id": "0", **place})
    yield SimpleNamespace(model=model, module=module, session=model._session)
    sys.modules.pop("e2e.serving.onnxruntime_backend", None)


def _worded(kind, text, code):
    return str.__new__(kind, text)


def requests(*sizes):
    rng = np.random.default_rng(4)
    return [to_wire(random_candidates(rng, FRAME, size, 30), FRAME)._asdict() for size in sizes]


def test_sound_requests_run_together_each_with_its_own_answers(backend):
    given = requests(3, 1, 8, 9, 2)
    answers = backend.model.execute(given)
    assert backend.session.asked == [14]
    assert "at most 8" in answers[3].error
    for number in (0, 1, 2, 4):
        assert answers[number].answer == [given[number]["num_runs"][0].tolist()]


def test_what_would_be_too_large_together_runs_apart(backend, monkeypatch):
    monkeypatch.setattr(backend.module, "_MOST_PADDED", 8 * 30)
    answers = backend.model.execute(requests(3, 8, 2))
    assert backend.session.asked == [3, 8, 2] and all(answer.error is None for answer in answers)
    monkeypatch.setattr(backend.module, "_MOST_PADDED", 100)
    small, large = backend.model.execute(requests(3, 8))
    assert small.error is None and "send fewer at once" in large.error


def test_one_on_which_the_network_fails_takes_no_other_along(backend):
    backend.session.most = 3
    answers = backend.model.execute(requests(3, 4))
    assert backend.session.asked == [7, 3, 4]
    assert answers[0].error is None and "the network failed: out of memory" in answers[1].error


@pytest.mark.parametrize(
    ("name", "entry", "to", "why"),
    [
        ("run_length", 0, 0, "a run without a pixel"),
        ("run_step", 0, FRAME.num_pixels, "none of the frame's 1024"),
        ("run_length", 0, 255, "none of the frame's 1024"),
    ],
)
def test_a_run_beyond_the_frame_is_refused(backend, name, entry, to, why):
    packed = random_candidates(np.random.default_rng(4), FRAME, 1, 30, is_full=True)
    packed.pixel_index[:] = FRAME.num_pixels - 1 - np.arange(30)
    wire = to_wire(packed, FRAME)._asdict()
    wire[name][0, entry] = to
    (answer,) = backend.model.execute([wire])
    assert why in answer.error
