"""A bundle for CMSSW: its model, and its contract as a configuration, so that no number is typed twice.

AREA/RecoE2E/Inference/data/NAME/model.onnx, model.pt, config.pbtxt (of the model on a server)
AREA/RecoE2E/Inference/python/bundles/NAME_cfi.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from e2e import __version__
from e2e.bundles.bundle import ONNX, Bundle, load_bundle, read_golden
from e2e.bundles.contract_file import contract_version
from e2e.bundles.parity import RELATIVE_TOLERANCE
from e2e.bundles.torchscript import write_torchscript
from e2e.contract import BUNDLE_VERSION, PADDING_INDEX, GraphSpec
from e2e.files import make_folder, replacing, write_text, writing
from e2e.problems import InputError
from e2e.serving.repository import CONFIG, served_config

PACKAGE = "RecoE2E/Inference"  # of the plugins, inside an area's `src`
TORCHSCRIPT = "model.pt"


def write_for_cmssw(bundle: Bundle | Path, area: Path) -> Path:
    """Put a bundle into the folder `area`, `$CMSSW_BASE/src` of a CMSSW area, beside the plugins of `cmssw/RecoE2E`.

    Returns the configuration written. Raises InputError for a folder without the plugins, a name that is none in
    Python, and a bundle of whole events.
    """
    if not isinstance(bundle, Bundle):
        bundle = load_bundle(Path(bundle))
    if bundle.contract.frame.is_whole:
        raise InputError(bundle.path, "looks at whole events, which are in no collection", "use `e2e predict`")
    package = area / PACKAGE
    if not (package / "plugins").is_dir():
        raise InputError(area, f"no {PACKAGE} in it", "copy cmssw/RecoE2E there first: cp -rL cmssw/RecoE2E AREA/src")
    name = identifier(bundle)
    data = make_folder(package / "data" / name)
    with replacing(data / ONNX) as hidden, writing(data / ONNX):
        hidden.write_bytes(bundle.onnx_path.read_bytes())
    write_torchscript(bundle, data / TORCHSCRIPT)
    write_text(data / CONFIG, served_config(bundle))
    folder = make_folder(package / "python" / "bundles")
    (folder / "__init__.py").touch()
    path = folder / f"{name}_cfi.py"
    write_text(path, _config_text(bundle))
    return path


def identifier(bundle: Bundle) -> str:
    """The bundle's name as Python and ROOT take it."""
    name = bundle.path.resolve().name.replace("-", "_")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        remedy = "rename the folder: letters, digits, hyphens"
        raise InputError(bundle.path, f"{name!r} can be no name in CMSSW", remedy)
    return name


def instance_of(output: str) -> str:
    """Of an output's product, since CMSSW's names of products hold no underscores: `mass_lower` -> `massLower`"""
    first, *others = output.split("_")
    return first + "".join(word.capitalize() for word in others)


def _config_text(bundle: Bundle) -> str:
    """`bundle`, a PSet: what `RecoE2E/Bundles` reads."""
    contract, frame, name = bundle.contract, bundle.contract.frame, identifier(bundle)
    outputs = [
        _set(
            name=_string(output.name),
            instance=_string(instance_of(output.name)),
            kind=_string(output.kind),
            unit=_string(output.unit),
            meaning=_string(output.meaning),
            trainedRange=_doubles(output.trained_range or ()),
        )
        for output in contract.outputs
    ]
    data = f"{PACKAGE}/data/{name}"
    whole = _set(
        name=_string(name),
        bundleVersion=f"cms.uint32({BUNDLE_VERSION})",
        contractVersion=f"cms.uint32({contract_version(contract.graph)})",
        model=f"cms.FileInPath({f'{data}/{ONNX}'!r})",
        frame=_set(
            grid=_string(frame.grid),
            channels=f"cms.vstring({', '.join(map(repr, frame.channels))})",
            rows=f"cms.int32({frame.rows})",
            columns=f"cms.int32({frame.columns})",
            centreRow=f"cms.int32({frame.centre_row})",
            centreColumn=f"cms.int32({frame.centre_column})",
        ),
        **({} if contract.graph is None else {"graph": _graph(contract.graph)}),
        outputs=f"cms.VPSet({', '.join(outputs)})",
        selfTest=_self_test(bundle),
    )
    digest = contract.files[ONNX].sha256
    return (
        f"# Written by `e2e export {bundle.path.name} --cmssw` ({__version__}); SHA-256 of the model: {digest}\n"
        f"import FWCore.ParameterSet.Config as cms\n\n"
        f"torchScript = cms.FileInPath({f'{data}/{TORCHSCRIPT}'!r})\n\n"
        f"bundle = {whole}\n"
    )


def _graph(graph: GraphSpec) -> str:
    return _set(**{name: f"cms.int32({number})" for name, number in graph._asdict().items()})


def _self_test(bundle: Bundle) -> str:
    """The first golden candidate that has pixels, and its answers."""
    packed, answers = read_golden(bundle)
    is_pixel = packed.pixel_index != PADDING_INDEX
    row = int(is_pixel.any(axis=1).argmax())
    scale = [value if isfinite(value) else 0.0 for value in bundle.contract.tolerance_scale]  # a flag has none
    answer = [number for number, size in enumerate(bundle.contract.answer_sizes) for _ in range(size)]
    return _set(
        pixelIndex=_doubles(packed.pixel_index[row][is_pixel[row]]),
        pixelValue=_doubles(packed.pixel_value[row][is_pixel[row]]),
        seed=_doubles(packed.seed[row]),
        outputs=_doubles(answers[row]),
        scale=_doubles(scale),
        answer=f"cms.vint32({', '.join(map(str, answer))})",
        tolerance=f"cms.double({RELATIVE_TOLERANCE})",
    )


def _set(**parameters: str) -> str:
    inside = "".join(f"    {name} = {value},\n" for name, value in parameters.items())
    return "cms.PSet(\n" + inside + ")"


def _string(text: str) -> str:
    return f"cms.string({text!r})"


def _doubles(values: Iterable[Any]) -> str:
    """Exactly: a float32 is a double."""
    return f"cms.vdouble({', '.join(repr(float(value)) for value in values)})"
