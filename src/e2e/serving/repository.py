"""A Triton model repository of bundles: what a stock server with its onnxruntime back end loads as it is.

FOLDER/NAME/config.pbtxt      input, output, dynamic batching, warm-up; which bundle each version is
FOLDER/NAME/VERSION/model.onnx
FOLDER/NAME/warmup/           one candidate, raw
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.bundles import Bundle, load_bundle
from e2e.bundles.bundle import ONNX, read_golden
from e2e.files import make_folder, reading, write_text, writing
from e2e.frames import Packed
from e2e.problems import InputError
from e2e.serving.graph import served_graph
from e2e.serving.wire import Wire, tensor_types, to_wire

CONFIG, WARMUP = "config.pbtxt", "warmup"
SHA256_OF_VERSION = "model_sha256_of_version_{}"  # a parameter of the configuration
MAX_CANDIDATES, MAX_PIXELS = "max_candidates", "max_pixels"  # of a request, and of a candidate; parameters as well
_TYPES = {
    "uint8": "TYPE_UINT8",
    "uint16": "TYPE_UINT16",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "float32": "TYPE_FP32",
}


@dataclass(frozen=True)
class ServingOptions:
    """instances: of each model, each with `threads` of its own. max_requests: merged into one run, for which a request
    waits `max_delay_us` at most. max_candidates: of one request."""

    instances: int = 1
    threads: int = 1
    max_requests: int = 16
    max_delay_us: int = 500
    max_candidates: int = 256


def write_repository(bundles: Sequence[Bundle | Path], folder: Path, options: ServingOptions | None = None) -> Path:
    """Put bundles into the repository `folder`, each under the name of its own folder; returns `folder`.

    A model that is there already keeps its versions: another bundle of that name becomes the next one. Raises
    InputError for a bundle that cannot be read, two of one name, or one whose answers are others than the model's.
    """
    options = options or ServingOptions()
    opened = [bundle if isinstance(bundle, Bundle) else load_bundle(Path(bundle)) for bundle in bundles]
    names = [_name_of(bundle) for bundle in opened]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise InputError("serve", f"two bundles named {', '.join(sorted(doubled))}", "rename a folder, or serve one")
    make_folder(folder)
    for bundle in opened:
        _write_model(bundle, folder / _name_of(bundle), options)
    return folder


def versions_of(config: Mapping[str, str]) -> dict[int, str]:
    """Version -> SHA-256 of the bundle's ONNX file. config: the parameters of a model's configuration."""
    before = SHA256_OF_VERSION.format("")
    found = {key.removeprefix(before): value for key, value in config.items() if key.startswith(before)}
    return {int(version): digest for version, digest in found.items() if version.isdigit()}


def _name_of(bundle: Bundle) -> str:
    return bundle.path.resolve().name


def _write_model(bundle: Bundle, place: Path, options: ServingOptions) -> None:
    digest = bundle.contract.files[ONNX].sha256
    known = _known_versions(bundle, place)
    version = next((number for number, sha256 in known.items() if sha256 == digest), max(known, default=0) + 1)
    with writing(place), TemporaryDirectory(prefix=".e2e-model-", dir=place.parent.resolve().parent) as beside:
        hidden = Path(beside)  # not in the repository, where a server would take it for a model
        (hidden / str(version)).mkdir()
        (hidden / WARMUP).mkdir()
        (hidden / str(version) / ONNX).write_bytes(served_graph(bundle).SerializeToString())
        wire = _one_candidate(bundle)
        for name, tensor in wire._asdict().items():
            (hidden / WARMUP / name).write_bytes(tensor.tobytes())
        place.mkdir(exist_ok=True)
        for part in (WARMUP, str(version)):
            shutil.rmtree(place / part, ignore_errors=True)
            (hidden / part).rename(place / part)
    # last: what it names is there
    write_text(place / CONFIG, config_text(bundle, wire, {**known, version: digest}, options))


def _known_versions(bundle: Bundle, place: Path) -> dict[int, str]:
    if not (place / CONFIG).exists():
        return {}
    with reading(place / CONFIG):
        lines = (place / CONFIG).read_text(encoding="utf-8").splitlines()
    if [line for line in lines if line.startswith(("input ", "output "))] != _tensors(bundle):
        what = f"a model with other inputs or answers than {bundle.path}"
        raise InputError(place, what, "rename the bundle's folder, or delete what an earlier version wrote")
    fields = [line.split('"') for line in lines if line.startswith("parameters ")]
    return versions_of({field[1]: field[3] for field in fields})


def _one_candidate(bundle: Bundle) -> Wire:
    packed, _ = read_golden(bundle)
    return to_wire(Packed(*(tensor[:1] for tensor in packed)), bundle.contract.frame)


def served_config(bundle: Bundle) -> str:
    """`config.pbtxt` as a client needs it: the model as its first version."""
    return config_text(bundle, _one_candidate(bundle), {1: bundle.contract.files[ONNX].sha256}, ServingOptions())


def config_text(bundle: Bundle, wire: Wire, versions: Mapping[int, str], options: ServingOptions) -> str:
    """`config.pbtxt`. wire: one candidate, for the warm-up. versions: as `versions_of` gives them."""
    tensors = {name: (_TYPES[tensor.dtype.name], tensor.shape[1]) for name, tensor in wire._asdict().items()}
    warm_inputs = [
        f'  inputs {{ key: "{name}" value {{ data_type: {kind} dims: [{length}] input_data_file: "{name}" }} }}'
        for name, (kind, length) in tensors.items()
    ]
    parameters = {
        "intra_op_thread_count": options.threads,
        "inter_op_thread_count": 1,
        MAX_CANDIDATES: options.max_candidates,
        MAX_PIXELS: bundle.contract.frame.num_pixels,
        **{SHA256_OF_VERSION.format(version): digest for version, digest in sorted(versions.items())},
    }
    lines = [
        f"# {bundle.contract.title}, by e2e serve. A request is one item of a ragged batch: candidates end to end.",
        f'name: "{_name_of(bundle)}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {options.max_requests}",
        "version_policy { all { } }",
        *_tensors(bundle),
        *(  # one for each: a back end looks at the first name of a block alone
            f'batch_output {{ target_name: "{name}" kind: BATCH_SCATTER_WITH_INPUT_SHAPE source_input: "num_runs" }}'
            for name in bundle.contract.output_names
        ),
        f"dynamic_batching {{ max_queue_delay_microseconds: {options.max_delay_us} }}",
        f"instance_group {{ kind: KIND_AUTO count: {options.instances} }}",
        *(f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}' for key, value in parameters.items()),
        "model_warmup {",
        '  name: "one candidate"',
        "  batch_size: 1",
        *warm_inputs,
        "}",
    ]
    return "\n".join(lines) + "\n"


def _tensors(bundle: Bundle) -> list[str]:
    """What must be the same in every version of a model."""
    inputs = {name: _TYPES[kind.name] for name, kind in tensor_types(bundle.contract.frame).items()}
    ragged = "dims: [-1] allow_ragged_batch: true"
    return [
        *(f'input {{ name: "{name}" data_type: {kind} {ragged} }}' for name, kind in inputs.items()),
        *(f'output {{ name: "{name}" data_type: TYPE_FP32 dims: [-1] }}' for name in bundle.contract.output_names),
    ]
