"""Same call, same answer: one body over every engine."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from e2e.bundles import aot_inductor, load_bundle, verify_golden
from e2e.bundles.bundle import read_golden
from e2e.bundles.parity import RELATIVE_TOLERANCE, ParityError, check_agreement, parity_cases, random_candidates
from e2e.bundles.torchscript import write_torchscript
from e2e.frames import Packed
from e2e.inference.engine import ENGINES, load_engine
from e2e.inference.names import ENGINE_NAMES, LOCAL_ENGINES, split_label
from e2e.problems import InputError

ZOO = Path(__file__).parents[2] / "zoo"
QUICK = ("onnxruntime", "openvino", "pytorch", "torchscript")
# `triton` has servers to ask: tests/pipeline/test_serving.py
LOCAL = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in ("compiled", "aotinductor"))]
SHIPPED = (  # a missing one fails
    *("electron-photon", "electron-photon-nano", "diphoton-mass", "diphoton-mass-nano", "higgs-diphoton"),
    *("quark-gluon", "quark-gluon-nano", "tau", "ditau-mass", "ditau-mass-nano"),
    *("top", "top-nano", "top-mass", "top-mass-nano"),
)


def test_no_engine_is_left_out():
    assert {*QUICK, "compiled", "aotinductor"} == set(LOCAL_ENGINES)
    assert set(ENGINES) == set(ENGINE_NAMES)


@pytest.mark.parametrize("name", LOCAL)
def test_engine_gives_the_golden_answers(untrained_bundle, name):
    engine = load_engine(untrained_bundle, name)
    assert engine.name == name
    assert verify_golden(untrained_bundle, engine.run) <= RELATIVE_TOLERANCE
    assert verify_golden(untrained_bundle, engine.run_whole) <= RELATIVE_TOLERANCE


def test_the_zoo_holds_no_other_bundle():
    assert {path.parent.name for path in ZOO.glob("*/contract.json")} == set(SHIPPED)


@pytest.mark.parametrize("shipped", SHIPPED)
@pytest.mark.parametrize("name", LOCAL)
def test_engine_gives_the_golden_answers_of_the_zoo(shipped, name):
    bundle = load_bundle(ZOO / shipped)
    assert verify_golden(bundle, load_engine(bundle, name).run_whole) <= RELATIVE_TOLERANCE


@pytest.mark.parametrize("name", LOCAL)
def test_engines_agree(untrained_bundle, name):
    engine, reference = load_engine(untrained_bundle, name, threads=2), load_engine(untrained_bundle)
    for case, packed in parity_cases(untrained_bundle.contract.frame):
        expected = reference.run_whole(packed)
        for outputs in (engine.run_whole(packed), engine.run(packed)):
            assert outputs.dtype == np.float32 and outputs.shape == (len(packed.seed), 1)
            check_agreement(f"{name}, {case}", outputs, expected, [1.0])


def test_torchscript_counts_the_occupied_patches_of_each_batch():
    """Traced with a constant number of patches it would do for the batch it was made with, and fail for fuller ones."""
    bundle = load_bundle(ZOO / "quark-gluon-nano")
    engine, reference = load_engine(bundle, "torchscript"), load_engine(bundle)
    rng = np.random.default_rng(3)
    for pixels in (1, 40, 4000, bundle.contract.frame.num_pixels):
        packed = random_candidates(rng, bundle.contract.frame, 2, pixels, is_full=True)
        check_agreement(f"{pixels} pixels", engine.run_whole(packed), reference.run_whole(packed), [1.0])


def test_torchscript_file_gives_the_golden_answers(untrained_bundle, tmp_path):
    write_torchscript(untrained_bundle, tmp_path / "model.pt")
    script = torch.jit.load(tmp_path / "model.pt")
    verify_golden(untrained_bundle, lambda packed: script(*map(torch.from_numpy, packed)).numpy())


@pytest.mark.parametrize("label", ["onnxruntime-int8", "pytorch-bf16"])
def test_a_lower_precision_is_near_and_named(label):
    bundle = load_bundle(ZOO / "quark-gluon-nano")
    name, precision = split_label(label)
    engine = load_engine(bundle, name, precision=precision)
    packed, expected = read_golden(bundle)
    assert set(engine.run_named(packed)[1]) == {label}
    outputs = engine.run_whole(packed)
    difference = np.abs(outputs - expected).max()
    assert 1e-6 < difference < 0.02  # something was rounded, and nothing broken
    each = np.concatenate([engine.run(Packed(*(part[i : i + 1] for part in packed))) for i in range(len(packed.seed))])
    assert np.abs(outputs - each).max() < 0.02  # nor does an answer depend on who is beside it


def test_compiled_package_is_kept_and_its_place_must_be_the_users_own(untrained_bundle, tmp_path, monkeypatch):
    made = []

    def compile_it(bundle, device, package):
        made.append(package)
        package.write_bytes(b"native code")

    monkeypatch.setenv(aot_inductor.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(aot_inductor, "_compile", compile_it)
    answers = read_golden(untrained_bundle)[1]
    monkeypatch.setattr(aot_inductor, "_load", lambda path: lambda *inputs: torch.from_numpy(answers))
    for _ in range(2):
        engine = load_engine(untrained_bundle, "aotinductor")
    assert len(made) == 1
    kept = list((tmp_path / "cache").iterdir())
    assert [path.suffix for path in kept] == [".pt2"]
    assert engine.run_whole(read_golden(untrained_bundle)[0]).shape == answers.shape
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(InputError, match="others may write to it"):
        load_engine(untrained_bundle, "aotinductor")


def test_compiled_package_with_other_answers_is_not_kept(untrained_bundle, tmp_path, monkeypatch):
    monkeypatch.setenv(aot_inductor.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr(aot_inductor, "_compile", lambda bundle, device, package: package.write_bytes(b"native code"))
    wrong = 0.5 + read_golden(untrained_bundle)[1]
    monkeypatch.setattr(aot_inductor, "_load", lambda path: lambda *inputs: torch.from_numpy(wrong))
    with pytest.raises(ParityError, match="golden"):
        load_engine(untrained_bundle, "aotinductor")
    assert not list((tmp_path / "cache").iterdir())


def test_what_an_engine_cannot_do_is_refused_in_one_line(untrained_bundle):
    with pytest.raises(InputError, match="has no precision int8; choose: fp32, bf16"):
        load_engine(untrained_bundle, "pytorch", precision="int8")
    with pytest.raises(InputError, match="has no device cuda; choose: cpu"):
        load_engine(untrained_bundle, "openvino", device="cuda")


def test_an_engine_that_cannot_run_says_so_in_one_line(untrained_bundle, monkeypatch):
    with pytest.raises(InputError, match="oracle: no such engine; known: onnxruntime, openvino"):
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
    for device, name in (("cuda", "CUDA"), ("tensorrt", "TensorRT")):
        with pytest.raises(InputError, match=f"no {name}"):
            load_engine(untrained_bundle, "onnxruntime", device=device)
