"""The ONNX graph that a server runs: a bundle's own, behind what turns the wire back into padded tensors.

Its answers are one tensor per output, (candidates,), since that is how Triton shares a ragged batch out among requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from e2e.bundles import Bundle
from e2e.bundles.contract_file import OUTPUT_TENSOR, Contract
from e2e.bundles.export import neighbour_finder
from e2e.contract import PADDING_INDEX
from e2e.serving.wire import index_type, tensor_types

_OWN = "network/"  # before every name of the bundle's graph


def served_graph(bundle: Bundle) -> onnx.ModelProto:
    """Inputs: those of `Wire` less their first dimension. Outputs: float32 (candidates,), named as in the contract."""
    own = onnx.load_model(bundle.onnx_path)
    opset = next(domain.version for domain in own.opset_import if domain.domain in ("", "ai.onnx"))
    names, kind = bundle.contract.output_names, index_type(bundle.contract.frame)
    before = helper.make_graph(list(_padded(kind)), "wire", _inputs(bundle), _padded_tensors(), list(_constants(kind)))
    after = helper.make_graph(
        list(_columns(names)),
        "columns",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ("batch", len(names)))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch",)) for name in names],
        [numpy_helper.from_array(np.array(column), f"column_{column}") for column in range(len(names))],
    )
    wrap = [helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]) for graph in (before, after)]
    for model in wrap:
        model.ir_version = own.ir_version
    own = onnx.compose.add_prefix(own, _OWN)
    given = wrap[0] if bundle.contract.graph is None else _with_neighbours(wrap[0], bundle.contract)
    pairs = [("padded/" + tensor.name, _OWN + tensor.name) for tensor in bundle.contract.inputs]
    whole = onnx.compose.merge_models(given, own, pairs)
    whole = onnx.compose.merge_models(whole, wrap[1], [(_OWN + OUTPUT_TENSOR, "rows")])
    onnx.checker.check_model(whole)
    return whole


def _with_neighbours(padded: onnx.ModelProto, contract: Contract) -> onnx.ModelProto:
    """They do not travel: a server finds them, in more time than the core takes here."""
    assert contract.graph is not None
    finder = onnx.compose.add_prefix(neighbour_finder(contract.frame, contract.graph), "padded/", rename_inputs=False)
    finder = onnx.compose.add_prefix(finder, "finder/", rename_nodes=False, rename_edges=False, rename_outputs=False)
    kept = [output.name for output in (*padded.graph.output, *finder.graph.output)]
    pair = [("padded/pixel_index", finder.graph.input[0].name)]
    finder.ir_version = padded.ir_version
    return onnx.compose.merge_models(padded, finder, pair, outputs=kept)


def _inputs(bundle: Bundle) -> list[onnx.ValueInfoProto]:
    lengths = {"pixel_step": "entries", "pixel_value": "entries", "num_pixels": "batch", "seed": "numbers"}
    return [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(kind), (lengths[name],))
        for name, kind in tensor_types(bundle.contract.frame).items()
    ]


def _padded_tensors() -> list[onnx.ValueInfoProto]:
    shapes: dict[str, tuple[str | int, ...]] = {
        "pixel_index": ("batch", "pixels"),
        "pixel_value": ("batch", "pixels"),
        "seed": ("batch", 2),
    }
    return [helper.make_tensor_value_info("padded/" + name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]


def _constants(kind: np.dtype[Any]) -> Iterator[onnx.TensorProto]:
    of = {"zero": 0, "one": 1, "first_axis": [0], "second_axis": [1], "pairs": [-1, 2]}
    if kind == np.uint16:
        of["wrap"] = 1 << 16
    for name, value in of.items():
        yield numpy_helper.from_array(np.array(value, dtype=np.int64), name)
    yield numpy_helper.from_array(np.array(PADDING_INDEX, dtype=np.float32), "no_pixel")
    yield numpy_helper.from_array(np.zeros(1, dtype=np.float32), "no_value")


def _padded(kind: np.dtype[Any]) -> Iterator[onnx.NodeProto]:
    """Each candidate's pixels lie from `start` on; what is beyond its count points at one entry of padding past all.
    kind: of the steps."""

    def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(operator, inputs.split(), [output], **attributes)

    yield node("Cast", "num_pixels", "counts", to=TensorProto.INT64)
    yield node("CumSum", "counts zero", "ends")
    yield node("Sub", "ends counts", "starts")
    yield node("Concat", "counts first_axis", "counts_or_zero", axis=0)  # so that there is a largest one
    yield node("ReduceMax", "counts_or_zero", "largest", keepdims=0)
    yield node("Max", "largest one", "length")
    yield node("Range", "zero length one", "place")
    yield node("Unsqueeze", "counts second_axis", "count_column")
    yield node("Unsqueeze", "starts second_axis", "start_column")
    yield node("Less", "place count_column", "is_pixel")
    yield node("Add", "place start_column", "entry")
    yield node("Size", "pixel_step", "padding_entry")
    yield node("Where", "is_pixel entry padding_entry", "chosen")
    yield node("Cast", "pixel_step", "step", to=TensorProto.INT64)
    yield node("CumSum", "step zero", "total")
    yield node("Concat", "first_axis total", "total_before", axis=0)  # of the entry before; its last is read by padding
    yield node("Add", "chosen one", "own_total_at")
    yield node("Min", "own_total_at padding_entry", "own_total_or_last")
    yield node("Gather", "total_before own_total_or_last", "own_total", axis=0)
    yield node("Gather", "total_before start_column", "before_first", axis=0)
    yield node("Sub", "own_total before_first", "whole_index")
    if kind == np.uint16:
        yield node("Mod", "whole_index wrap", "index")
    else:
        yield node("Identity", "whole_index", "index")
    yield node("Cast", "index", "index_as_float", to=TensorProto.FLOAT)
    yield node("Where", "is_pixel index_as_float no_pixel", "padded/pixel_index")
    yield node("Concat", "pixel_value no_value", "value_and_padding", axis=0)
    yield node("Gather", "value_and_padding chosen", "padded/pixel_value", axis=0)
    yield node("Cast", "seed", "seed_as_float", to=TensorProto.FLOAT)
    yield node("Reshape", "seed_as_float pairs", "padded/seed")


def _columns(names: tuple[str, ...]) -> Iterator[onnx.NodeProto]:
    for column, name in enumerate(names):
        yield helper.make_node("Gather", ["rows", f"column_{column}"], [name], axis=1)
