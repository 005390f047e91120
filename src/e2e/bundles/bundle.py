"""A trained model to ship: a folder whose files are what `contract.json` says. Loading needs no PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load_file

from e2e.bundles.contract_file import Contract, FileDigest, read_contract
from e2e.bundles.json_fields import REMEDY
from e2e.bundles.onnx_file import check_onnx_file
from e2e.bundles.parity import check_agreement
from e2e.files import reading
from e2e.frames import Packed
from e2e.frames.graph import network_inputs
from e2e.problems import InputError, nearest

CONTRACT, ONNX, WEIGHTS, GOLDEN, CARD = (
    "contract.json",
    "model.onnx",
    "weights.safetensors",
    "golden.safetensors",
    "README.md",
)
# for people, and for analyses
TRAINING_CURVE, TRAINING_HISTORY, WORKING_POINTS = "training.svg", "training.json", "working_points.json"
DIGESTED_FILES = (ONNX, WEIGHTS, GOLDEN)  # not the card: its words may be improved


@dataclass(frozen=True)
class Bundle:
    path: Path
    contract: Contract

    def inputs(self, packed: Packed) -> dict[str, Any]:
        """What its network takes of candidates, by name, in order."""
        return network_inputs(packed, self.contract.frame, self.contract.graph)

    @property
    def onnx_path(self) -> Path:
        return self.path / ONNX

    @property
    def weights_path(self) -> Path:
        return self.path / WEIGHTS

    @property
    def golden_path(self) -> Path:
        return self.path / GOLDEN


def load_bundle(path: Path) -> Bundle:
    """Read the contract and check every file against it.

    Raises InputError, one line: what is missing, damaged, newer than this version, or contradicts the contract.
    """
    with reading(path):
        if not path.exists():
            known = (entry.parent.name for entry in path.parent.glob(f"*/{CONTRACT}"))
            near = nearest(path.name, known)
            remedy = f"did you mean {path.with_name(near)}?" if near else "check the path"
            raise InputError(path, "no such bundle", remedy)
        if not path.is_dir():
            raise InputError(path, "not a folder", f"a bundle is a folder with {CONTRACT} inside")
        if inside := sorted(entry.parent.name for entry in path.glob(f"*/{CONTRACT}")):
            raise InputError(path, "a folder of bundles", f"give one of them: {', '.join(inside)}")
        if (path / "run.json").exists() and not (path / CONTRACT).exists():
            raise InputError(path, "a training run, not a bundle", "give it to `e2e export` first")
    contract = read_contract(path / CONTRACT)
    for name in DIGESTED_FILES:
        _check_digest(path / name, contract.files.get(name))
    bundle = Bundle(path, contract)
    check_onnx_file(bundle.onnx_path, contract)
    return bundle


def digest_file(path: Path) -> FileDigest:
    with path.open("rb") as file:
        return FileDigest(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def read_golden(bundle: Bundle) -> tuple[Packed, Any]:
    """Golden inputs and their outputs (batch, outputs)."""
    try:
        tensors = load_file(bundle.golden_path)
        return Packed(*(tensors[name] for name in Packed._fields)), tensors["outputs"]
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(bundle.golden_path, f"cannot be read ({error})", REMEDY) from None


def verify_golden(bundle: Bundle, run: Callable[[Packed], Any]) -> float:
    """Worst deviation from the golden outputs. run: an engine's. Raises ParityError when it is above the tolerance."""
    packed, expected = read_golden(bundle)
    contract = bundle.contract
    given = run(packed)
    return check_agreement(f"{bundle.path}: golden", given, expected, contract.tolerance_scale, contract.answer_sizes)


def _check_digest(path: Path, stated: FileDigest | None) -> None:
    if stated is None:
        raise InputError(path, f"{CONTRACT} does not list it", REMEDY)
    with reading(path):
        if not path.exists():
            raise InputError(path, "missing", REMEDY)
        found = digest_file(path)
    if found.num_bytes != stated.num_bytes:
        what = f"truncated or altered: {found.num_bytes} bytes, {CONTRACT} says {stated.num_bytes}"
        raise InputError(path, what, REMEDY)
    if found.sha256 != stated.sha256:
        raise InputError(path, f"altered: its SHA-256 is not the one in {CONTRACT}", REMEDY)
