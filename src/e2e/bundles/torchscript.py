"""A bundle's network as TorchScript, for CMSSW's PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from e2e.bundles.bundle import Bundle, read_golden
from e2e.bundles.network import load_network, to_tensors
from e2e.files import replacing, writing


def to_torchscript(bundle: Bundle, device: torch.device | str = "cpu") -> torch.jit.ScriptModule:
    """Same inputs, same outputs, for any batch and length; it runs on the device it was made for."""
    example = to_tensors(bundle.inputs(read_golden(bundle)[0]), device)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shapes become constants where that is meant; and TorchScript is old
        return torch.jit.freeze(torch.jit.trace(load_network(bundle).to(device), example, check_trace=False).eval())


def write_torchscript(bundle: Bundle, path: Path) -> None:
    """Raises InputError where `path` cannot be written."""
    script = to_torchscript(bundle)
    with replacing(path) as hidden, writing(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(script, str(hidden))
