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
    lengths = {**dict.fromkeys(("run_step", "run_length", "run_value"), "runs"), "num_runs": "batch", "seed": "numbers"}
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
    """Runs become pixels, end to end; each candidate's are then set side by side. kind: of the steps."""
    yield from _of_runs()
    yield from _of_pixels()
    yield from _of_candidates(kind)
    yield _node("Cast", "seed", "seed_as_float", to=TensorProto.FLOAT)
    yield _node("Reshape", "seed_as_float pairs", "padded/seed")


def _of_runs() -> Iterator[onnx.NodeProto]:
    """The pixels and the steps before each run and after the last; the values, with one of no run in front."""
    yield _node("Cast", "run_length", "length", to=TensorProto.INT64)
    yield _node("CumSum", "length zero", "pixels_until")
    yield _node("Concat", "first_axis pixels_until", "pixels_before", axis=0)
    yield _node("Sub", "pixels_until length", "begin")
    yield _node("Concat", "first_axis begin", "begins", axis=0)
    yield _node("Cast", "run_step", "step", to=TensorProto.INT64)
    yield _node("CumSum", "step zero", "total")
    yield _node("Concat", "first_axis total", "totals", axis=0)
    yield _node("Concat", "no_value run_value", "values", axis=0)


def _of_pixels() -> Iterator[onnx.NodeProto]:
    """The sum of the steps of all candidates up to each pixel, its value; one entry of padding past all.

    run: how many have begun, up to the pixel's own.
    """
    yield _node("ReduceSum", "length first_axis", "num_entries", keepdims=1)
    yield _node("Add", "num_entries one", "num_entries_and_padding")
    none = helper.make_tensor("", TensorProto.INT64, [1], [0])
    yield _node("ConstantOfShape", "num_entries_and_padding", "nothing", value=none)
    yield _node("Shape", "begin", "num_begun")
    yield _node("Expand", "one num_begun", "ones")
    yield _node("ScatterElements", "nothing begin ones", "begins_here", axis=0, reduction="add")
    yield _node("CumSum", "begins_here zero", "run")
    yield _node("Squeeze", "num_entries_and_padding", "past_all")
    yield _node("Range", "zero past_all one", "entries")
    yield _node("Gather", "begins run", "begin_of_own", axis=0)
    yield _node("Sub", "entries begin_of_own", "inside")
    yield _node("Gather", "totals run", "total_of_own", axis=0)
    yield _node("Add", "total_of_own inside", "entry_total")
    yield _node("Gather", "values run", "entry_value", axis=0)


def _of_candidates(kind: np.dtype[Any]) -> Iterator[onnx.NodeProto]:
    """Each one's pixels lie from its `start` on; what is beyond its count points at the entry of padding."""
    yield _node("Cast", "num_runs", "runs_of", to=TensorProto.INT64)
    yield _node("CumSum", "runs_of zero", "last_runs")
    yield _node("Sub", "last_runs runs_of", "first_runs")
    yield _node("Gather", "pixels_before last_runs", "ends", axis=0)
    yield _node("Gather", "pixels_before first_runs", "starts", axis=0)
    yield _node("Sub", "ends starts", "counts")
    yield _node("Concat", "counts first_axis", "counts_or_zero", axis=0)  # so that there is a largest one
    yield _node("ReduceMax", "counts_or_zero", "largest", keepdims=0)
    yield _node("Max", "largest one", "longest")
    yield _node("Range", "zero longest one", "place")
    yield _node("Unsqueeze", "counts second_axis", "count_column")
    yield _node("Unsqueeze", "starts second_axis", "start_column")
    yield _node("Less", "place count_column", "is_pixel")
    yield _node("Add", "place start_column", "entry")
    yield _node("Where", "is_pixel entry num_entries", "chosen")
    yield _node("Gather", "entry_total chosen", "own_total", axis=0)
    yield _node("Unsqueeze", "first_runs second_axis", "first_run_column")
    yield _node("Gather", "totals first_run_column", "before_first", axis=0)
    yield _node("Sub", "own_total before_first", "whole_index")
    if kind == np.uint16:
        yield _node("Mod", "whole_index wrap", "index")
    else:
        yield _node("Identity", "whole_index", "index")
    yield _node("Cast", "index", "index_as_float", to=TensorProto.FLOAT)
    yield _node("Where", "is_pixel index_as_float no_pixel", "padded/pixel_index")
    yield _node("Gather", "entry_value chosen", "own_value", axis=0)
    yield _node("Where", "is_pixel own_value no_value", "padded/pixel_value")


def _node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


def _columns(names: tuple[str, ...]) -> Iterator[onnx.NodeProto]:
    for column, name in enumerate(names):
        yield helper.make_node("Gather", ["rows", f"column_{column}"], [name], axis=1)
