"""Where a Triton server is on this machine: a stock one on the path, or the one of the package `nvidia-pytriton`.

The package is 55 MB and pins NumPy 1, so it is not installed beside the others but into a folder of its own:

    pip install --no-deps --target .venv/triton nvidia-pytriton==0.7.0
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from e2e.problems import InputError

PLACE = "E2E_TRITON"  # environment: the package's folder, where it is not in `sys.prefix`/triton
_PYTHON_BACKEND = "libtriton_python.so", "triton_python_backend_utils.py"
_BACKEND = Path(__file__).with_name("onnxruntime_backend.py")


@dataclass(frozen=True)
class Installation:
    """binary: tritonserver. arguments, environment: that say where its back ends and libraries are; none for a stock
    server."""

    binary: Path
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def find_server(workspace: Path) -> Installation:
    """workspace: a folder for what the server needs beside itself. Raises InputError where there is none."""
    place = Path(os.environ.get(PLACE, Path(sys.prefix) / "triton"))
    if (place / "pytriton").is_dir():
        return _of_package(place, workspace)
    if stock := shutil.which("tritonserver"):
        return Installation(Path(stock))
    remedy = f"pip install --no-deps --target {place} nvidia-pytriton==0.7.0, or put a stock tritonserver on the path"
    raise InputError("serve", "no Triton server on this machine", remedy)


def _of_package(place: Path, workspace: Path) -> Installation:
    """Its Python back end wants library, utilities and the stub of this Python side by side."""
    own, version = place / "pytriton" / "tritonserver", f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = own / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        raise InputError(own, f"no back end for Python {version}", "use another Python, or a stock tritonserver")
    backends = workspace / "backends"
    for folder in ("python", "onnxruntime"):
        (backends / folder).mkdir(parents=True)
    library, tools = (own / "backends" / "python" / name for name in _PYTHON_BACKEND)
    for file in (library, tools, stub):
        shutil.copy(file, backends / "python" / file.name)  # it follows no link out of its folder
    shutil.copy(_BACKEND, backends / "onnxruntime" / "model.py")
    libraries = [sysconfig.get_config_var("LIBDIR"), place / "nvidia_pytriton.libs", os.environ.get("LD_LIBRARY_PATH")]
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")]),
        "LD_LIBRARY_PATH": os.pathsep.join(str(folder) for folder in libraries if folder),
    }
    return Installation(own / "bin" / "tritonserver", ("--backend-directory", str(backends)), environment)
