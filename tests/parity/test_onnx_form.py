"""What the ONNX files of the zoo are made of: read by old releases, few nodes, nothing stored that can be made."""

from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import pytest

from e2e.bundles.export import IR_VERSION, OPSET

ZOO = Path(__file__).parents[2] / "zoo"
SPARSE = ("electron-photon-nano", "diphoton-mass-nano", "quark-gluon-nano")
NUM_NORMS = 2 * 4 + 1  # of two blocks, four each, and the last


@pytest.mark.parametrize("path", sorted(ZOO.glob("*/model.onnx")), ids=lambda path: path.parent.name)
def test_a_file_is_of_the_oldest_version_that_its_operators_allow_and_standard(path):
    model = onnx.load(path)
    assert model.ir_version == IR_VERSION
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert {node.domain for node in model.graph.node} == {""}


@pytest.mark.parametrize("name", SPARSE)
def test_onnx_runtime_joins_norms_and_products_of_a_sparse_transformer(name, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "as-run.onnx")
    onnxruntime.InferenceSession(ZOO / name / "model.onnx", options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "as-run.onnx").graph.node)
    assert kinds["SimplifiedLayerNormalization"] == NUM_NORMS
    assert kinds["FusedMatMul"] == 2
    assert not {"Pow", "Sqrt", "Mod", "GatherND"} & set(kinds)
    assert kinds.total() <= 151  # 262 before decision 25


@pytest.mark.parametrize("name", [*SPARSE, "top-nano", "top-mass-nano"])
def test_tables_of_places_are_not_in_the_file(name):
    """They would be three times the parameters of `quark-gluon-nano`."""
    weights = (ZOO / name / "weights.safetensors").stat().st_size
    assert (ZOO / name / "model.onnx").stat().st_size < weights + 40_000
