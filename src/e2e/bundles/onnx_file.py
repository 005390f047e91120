"""What `model.onnx` says about itself, and whether that is what the contract says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from e2e.bundles.contract_file import OUTPUT_TENSOR, Contract, contract_version, inputs_of
from e2e.bundles.json_fields import REMEDY
from e2e.contract import FrameSpec, GraphSpec
from e2e.problems import InputError

_PREFIX = "e2e."


def self_description(
    task: str, frame: FrameSpec, graph: GraphSpec | None, outputs: list[tuple[str, str]]
) -> dict[str, str]:
    """`metadata_props` of the file, so that channels and outputs travel with the graph. outputs: (name, unit)."""
    described = {
        "contract_version": contract_version(graph),
        "task": task,
        "frame": frame.to_json(),
        "outputs": [{"name": name, "unit": unit} for name, unit in outputs],
    }
    if graph is not None:
        described["graph"] = graph._asdict()
    return {_PREFIX + key: json.dumps(value) for key, value in described.items()}


def dynamic_shapes(graph: GraphSpec | None) -> dict[str, dict[int, Any]]:
    """Which axes of the inputs are free, as `torch.export` takes it."""
    import torch

    free = {name: torch.export.Dim(name) for name in ("batch", "pixels", "nodes")}
    inputs = inputs_of(graph)
    return {t.name: {axis: free[dim] for axis, dim in enumerate(t.shape) if isinstance(dim, str)} for t in inputs}


def check_onnx_file(path: Path, contract: Contract) -> None:
    """Raises InputError naming the first thing in which the ONNX file and the contract differ."""
    try:
        model = onnx.load_model(path, load_external_data=False)
        recorded = {prop.key: json.loads(prop.value) for prop in model.metadata_props if prop.key.startswith(_PREFIX)}
    except Exception as error:  # protobuf's own errors differ between its back ends
        raise InputError(path, f"not a readable ONNX file ({error})", REMEDY) from None

    for tensor in (tensor for part in (model.graph, *model.functions) for tensor in _stored_tensors(part)):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise InputError(path, f"keeps tensor {tensor.name!r} in another file", "export with all weights inside")

    columns = [(output.name, output.unit) for output in contract.outputs]
    for key, text in self_description(contract.task, contract.frame, contract.graph, columns).items():
        stated, own = json.loads(text), recorded.get(key)
        if own != stated:
            raise InputError(path, _difference(key.removeprefix(_PREFIX), stated, own), REMEDY)

    expected = {tensor.name: tensor.shape for tensor in contract.inputs}
    _check_tensors(path, "input", model.graph.input, expected)
    _check_tensors(path, "output", model.graph.output, {OUTPUT_TENSOR: ("batch", len(contract.outputs))})


def _stored_tensors(part: Any) -> Iterator[Any]:
    """Every tensor with values in it, those of branches and loops as well. part: a graph or a function."""
    yield from getattr(part, "initializer", ())
    for sparse in getattr(part, "sparse_initializer", ()):
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in part.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for inner in (attribute.g, *attribute.graphs):
            yield from _stored_tensors(inner)


def _difference(key: str, stated: Any, own: Any) -> str:
    if key == "frame" and own is not None and stated["channels"] != own["channels"]:
        key, stated, own = "channels", _channels(stated), _channels(own)
    return f"was exported with {key} {own}, contract.json says {stated}"


def _channels(frame: dict[str, Any]) -> str:
    return ", ".join(f"{channel['name']} ({channel['unit']})" for channel in frame["channels"])


def _check_tensors(path: Path, what: str, values: Any, expected: dict[str, tuple[str | int, ...]]) -> None:
    found = {value.name: _shape(value.type.tensor_type) for value in values}
    if list(found.items()) != list(expected.items()):
        raise InputError(path, f"its graph has {what}s {found}, the contract needs float32 {expected}", REMEDY)


def _shape(tensor: Any) -> tuple[str | int, ...] | str:
    """Named dimensions as text; a tensor that is not float32 as the name of its type."""
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        return onnx.TensorProto.DataType.Name(tensor.elem_type)
    return tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim)
