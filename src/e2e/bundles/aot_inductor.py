"""A bundle's network compiled to a package by AOTInductor: native code, for one machine and a number of threads.

A package is made where it is to run and kept in the user's own cache folder: what is loaded came from nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from e2e.bundles.bundle import ONNX, Bundle, read_golden, verify_golden
from e2e.bundles.network import load_network, run_network, to_tensors
from e2e.bundles.onnx_file import dynamic_shapes
from e2e.files import own_folder
from e2e.problems import InputError

CACHE = "E2E_CACHE"  # environment: the folder to use instead of ~/.cache/e2e


def load_package(bundle: Bundle, device: torch.device | str = "cpu") -> Callable[..., torch.Tensor]:
    """Compiled unless it was before, for as many threads as PyTorch has now. It must give the golden answers.

    Raises InputError where it cannot be compiled, ParityError where it gives other answers.
    """
    device = torch.device(device)
    folder = own_folder(_cache())
    path = folder / f"{bundle.contract.task}-{_key(bundle, device)}.pt2"
    if not path.exists():
        with TemporaryDirectory(prefix=".compile.", dir=folder) as hidden:
            package = Path(hidden) / "network.pt2"  # the ending is wanted
            _compile(bundle, device, package)
            made = _load(package)
            verify_golden(bundle, lambda packed: run_network(made, bundle.inputs(packed), device))
            package.replace(path)
    return _load(path)


def _compile(bundle: Bundle, device: torch.device, package: Path) -> None:
    example = to_tensors(bundle.inputs(read_golden(bundle)[0]), device)
    logging.getLogger("torch._inductor").setLevel(logging.ERROR)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                load_network(bundle).to(device),
                example,
                dynamic_shapes=dynamic_shapes(bundle.contract.graph),
                strict=False,
            )
            torch._inductor.aoti_compile_and_package(program, package_path=str(package))
    except Exception as error:  # of the exporter, the compiler and its compiler
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(bundle.path, f"AOTInductor cannot compile it ({why[0]})", "use another engine") from None


def _load(path: Path) -> Any:
    return torch._inductor.aoti_load_package(str(path))


def _cache() -> Path:
    if own := os.environ.get(CACHE):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "e2e"


def _key(bundle: Bundle, device: torch.device) -> str:
    """Of everything that the native code depends on."""
    from torch._inductor.cpu_vec_isa import pick_vec_isa

    machine = f"{pick_vec_isa()} {_processor()}" if device.type == "cpu" else torch.cuda.get_device_name(device)
    parts = [bundle.contract.files[ONNX].sha256, torch.__version__, str(device), machine, torch.get_num_threads()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _processor() -> list[str]:
    """Compiled with every instruction it has: machines that share a folder must tell each other's packages apart."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else [platform.processor()]
    return sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
