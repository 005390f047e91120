"""Same call, same answer: one body over every engine."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e.bundles import load_bundle, verify_golden
from e2e.bundles.parity import RELATIVE_TOLERANCE, check_agreement, parity_cases
from e2e.inference.engine import ENGINES, load_engine
from e2e.problems import InputError

ZOO = Path(__file__).parents[2] / "zoo"
LOCAL = sorted(ENGINES.keys() - {"triton"})  # which has servers to ask: tests/pipeline/test_serving.py
SHIPPED = (  # a missing one fails
    *("electron-photon", "electron-photon-nano", "diphoton-mass", "diphoton-mass-nano", "ditau-mass"),
    *("quark-gluon", "quark-gluon-nano", "top", "top-mass", "top-mass-nano"),
)


@pytest.mark.parametrize("name", LOCAL)
def test_engine_gives_the_golden_answers(untrained_bundle, name):
    engine = load_engine(untrained_bundle, name)
    assert engine.name == name
    assert verify_golden(untrained_bundle, engine.run) <= RELATIVE_TOLERANCE


def test_the_zoo_holds_no_other_bundle():
    assert {path.parent.name for path in ZOO.glob("*/contract.json")} == set(SHIPPED)


@pytest.mark.parametrize("shipped", SHIPPED)
@pytest.mark.parametrize("name", LOCAL)
def test_engine_gives_the_golden_answers_of_the_zoo(shipped, name):
    bundle = load_bundle(ZOO / shipped)
    assert verify_golden(bundle, load_engine(bundle, name).run) <= RELATIVE_TOLERANCE


@pytest.mark.parametrize("name", LOCAL)
def test_engines_agree(untrained_bundle, name):
    engine, reference = load_engine(untrained_bundle, name, threads=2), load_engine(untrained_bundle)
    for case, packed in parity_cases(untrained_bundle.contract.frame):
        outputs = engine.run(packed)
        assert outputs.dtype == np.float32 and outputs.shape == (len(packed.seed), 1)
        check_agreement(f"{name}, {case}", outputs, reference.run(packed), [1.0])


def test_an_engine_that_cannot_run_says_so_in_one_line(untrained_bundle, monkeypatch):
    with pytest.raises(InputError, match="oracle: no such engine; choose one of: onnxruntime, pytorch"):
        load_engine(untrained_bundle, "oracle")

    def not_installed(*arguments):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setitem(ENGINES, "pytorch", not_installed)
    with pytest.raises(InputError, match="pytorch: not installed"):
        load_engine(untrained_bundle, "pytorch")


def test_a_graph_that_onnx_runtime_does_not_know_is_refused_in_one_line(untrained_bundle, tmp_path):
    import onnx

    folder = shutil.copytree(untrained_bundle.path, tmp_path / "copy")
    model = onnx.load(folder / "model.onnx")
    model.graph.node[-1].op_type = "Oracle"
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(InputError, match=r"model.onnx: ONNX Runtime .* cannot load it .*Oracle") as error:
        load_engine(replace(untrained_bundle, path=folder))
    assert "\n" not in str(error.value)


def test_a_missing_gpu_is_no_silent_cpu(untrained_bundle):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(InputError, match="no CUDA"):
        load_engine(untrained_bundle, "onnxruntime", device="cuda")
