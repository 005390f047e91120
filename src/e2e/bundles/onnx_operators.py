"""How some of PyTorch's operators are written in ONNX: in fewer nodes than its exporter takes, and in forms that ONNX
Runtime joins into one kernel when it loads a file. Standard operators of opset 20 alone. Why: decision 25.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import torch
from onnxscript import opset20
from onnxscript.function_libs.torch_lib.ops import core, nn

SMALL = 512  # numbers of a constant that is always stored

aten = torch.ops.aten
op: Any = opset20  # takes numbers and lists as well, which become constants; its types do not say so


def stays_a_recipe(node: Any) -> bool | None:
    """For onnxscript's `should_fold`: False where a constant would be larger than what it is made of. The tables of
    `of_pixels` would outweigh the parameters; runtimes make them when they load the file. None: the library decides."""
    made, given = (sum(map(_count, values)) for values in (node.outputs, node.inputs))
    return None if made <= max(given, SMALL) else False


def _count(value: Any) -> int:
    """Numbers of a tensor whose shape is known, else 0."""
    shape = [] if value is None or value.shape is None else list(value.shape)
    return prod(shape) if all(isinstance(size, int) for size in shape) else 0


def rms_norm(x: Any, normalized_shape: Sequence[int], weight: Any, eps: float) -> Any:
    """Over the last axis. Divided by the root, not multiplied with its reciprocal: this is what ONNX Runtime knows as
    one kernel (`SimplifiedLayerNormFusion`)."""
    assert len(normalized_shape) == 1
    mean = op.ReduceMean(op.Pow(x, 2.0), [-1], keepdims=1)
    return op.Mul(op.Div(x, op.Sqrt(op.Add(mean, eps))), weight)


def attention(query: Any, key: Any, value: Any, attn_mask: Any = None, *rest: Any, **named: Any) -> Any:
    """The scale is of the queries alone, and the keys are turned in one node: both become part of the product."""
    if rest or named or (attn_mask is not None and not attn_mask.dtype.is_floating_point()):
        return nn.aten_scaled_dot_product_attention(query, key, value, attn_mask, *rest, **named)
    rank = len(key.shape)
    turned = op.Transpose(key, perm=[*range(rank - 2), rank - 1, rank - 2])
    scores = op.MatMul(op.Mul(query, 1 / sqrt(query.shape[-1])), turned)
    if attn_mask is not None:
        scores = op.Add(scores, attn_mask)
    return op.MatMul(op.Softmax(scores, axis=-1), value)


def floor_divide(dividend: Any, divisor: Any) -> Any:
    """Integers of ours are numbers of something, never negative, where ONNX would round up."""
    return op.Div(dividend, divisor) if dividend.dtype.is_integer() else core.aten_floor_divide(dividend, divisor)


def index(table: Any, indices: Sequence[Any]) -> Any:
    """One index into the first axis needs no GatherND."""
    is_plain = len(indices) == 1 and indices[0].dtype.is_integer()
    return op.Gather(table, indices[0]) if is_plain else core.aten_index(table, indices)


def take(table: Any, index: Any) -> Any:
    """ONNX Runtime gathers single numbers by GatherElements in a quarter of the time that Gather takes."""
    found = op.GatherElements(op.Reshape(table, [-1]), op.Reshape(index, [-1]), axis=0)
    return op.Reshape(found, op.Shape(index), allowzero=1)  # there may be no pixel


def item(number: Any) -> Any:
    return op.Identity(number)


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    aten.rms_norm.default: rms_norm,
    aten.scaled_dot_product_attention.default: attention,
    aten.floor_divide.default: floor_divide,
    aten.index.Tensor: index,
    aten.take.default: take,
    aten._local_scalar_dense.default: item,
}
