"""What can be asked of engines, by name; nothing else, so that the command line need not import them."""

from __future__ import annotations

from typing import Literal, get_args

EngineName = Literal["onnxruntime", "openvino", "pytorch", "compiled", "torchscript", "aotinductor", "triton"]
Device = Literal["cpu", "cuda", "tensorrt"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
LOCAL_ENGINES = tuple(name for name in ENGINE_NAMES if name != "triton")
DEVICES: tuple[Device, ...] = get_args(Device)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def package_of(engine: str) -> str:
    """The Python package whose version decides how it answers."""
    return {"onnxruntime": "onnxruntime", "openvino": "openvino", "triton": "tritonclient"}.get(engine, "torch")


def split_label(label: str) -> tuple[str, Precision]:
    """`onnxruntime-int8` -> its name and precision; full precision where none is said."""
    name, _, last = label.rpartition("-")
    for precision in PRECISIONS:
        if name and last == precision:
            return name, precision
    return label, "fp32"
