"""From a trained network to a bundle, or to nothing: the bundle appears only when PyTorch and ONNX Runtime agree."""

from __future__ import annotations

import copy
import logging
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
import onnx
import onnxruntime
import torch
from onnxscript.optimizer import optimize_ir
from safetensors.numpy import save
from torch import nn

from e2e import __version__
from e2e.bundles.bundle import CARD, CONTRACT, DIGESTED_FILES, GOLDEN, ONNX, WEIGHTS, digest_file, load_bundle
from e2e.bundles.card import write_card
from e2e.bundles.columns import answer_for, output_columns
from e2e.bundles.contract_file import (
    OUTPUT_TENSOR,
    Contract,
    ModelDescription,
    OutputColumn,
    tolerance_scale,
)
from e2e.bundles.network import load_network, run_network, to_tensors
from e2e.bundles.onnx_file import dynamic_shapes, self_description
from e2e.bundles.onnx_operators import TRANSLATIONS, stays_a_recipe
from e2e.bundles.parity import check_agreement, golden_candidates, parity_cases
from e2e.contract import FrameSpec, GraphSpec
from e2e.contract.answers import AnswerConfig
from e2e.files import make_folder, write_text, writing
from e2e.frames import Packed
from e2e.frames.graph import network_inputs
from e2e.models import MODELS, count_parameters, describe_config, graph_of
from e2e.models.answers import FinalAnswers
from e2e.models.graph_view import NeighbourFinder
from e2e.problems import InputError
from e2e.tasks import Task

# Read by ONNX Runtime 1.17 and newer, hence by CMSSW. The exporter writes a newer file version than its opset needs.
OPSET, IR_VERSION = 20, 9


def export_bundle(
    network: nn.Module,
    task: Task,
    output: Path,
    *,
    answers: Sequence[AnswerConfig] | None = None,
    training: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    trained_pt_gev: tuple[float, float] | None = None,
) -> Path:
    """Write the bundle folder `output`, whole or not at all; an older bundle there is replaced. Returns `output`.

    network: one of MODELS, giving raw outputs, with any frame; it is copied, not changed. answers: how they are read,
    of the task's own output or of all its `outputs`; of its own, scaled as the task says, unless given. training:
    numbers for the card, see `write_card`; provenance: added to the versions; trained_pt_gev: see `Contract`. The same
    weights, numbers and versions give the same bytes.
    Raises ParityError naming the case in which PyTorch and ONNX Runtime differ, InputError when `output` is taken or
    cannot be written.
    """
    _check_place(output)
    final = FinalAnswers(copy.deepcopy(network), answers or [answer_for(task.output)]).cpu().float().eval()
    make_folder(output.parent)
    with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as hidden:
        folder = Path(hidden) / "bundle"
        folder.mkdir()
        _write_onnx(final, task, folder / ONNX)
        _write_weights(final.network, folder / WEIGHTS)
        _write_golden(final, task, folder)
        contract = _contract(final, task, folder, training or {}, provenance or {})
        describe_bundle(replace(contract, trained_pt_gev=trained_pt_gev), folder)
        _check_network(final, folder)
        _put_in_place(folder, output)
    return output


def move_bundle(bundle: Path, output: Path, training: Mapping[str, Any], beside: Mapping[str, str]) -> Path:
    """A bundle of the same file system, with other numbers for its card, as `output`; see `export_bundle`.

    beside: texts to put into the folder, by name.
    """
    _check_place(output)
    for name, text in beside.items():
        (bundle / name).write_text(text, encoding="utf-8")
    describe_bundle(replace(load_bundle(bundle).contract, training=training), bundle)
    _put_in_place(bundle, output)
    return output


def _check_place(output: Path) -> None:
    with writing(output):
        if output.exists() and not (output / CONTRACT).is_file():
            raise InputError(output, "exists and is not a bundle", "choose another place")


def describe_bundle(contract: Contract, folder: Path) -> None:
    """Contract and card, anew. Raises InputError when they cannot be written."""
    contract.write(folder / CONTRACT)
    write_text(folder / CARD, write_card(contract))


def _put_in_place(folder: Path, output: Path) -> None:
    """Whenever this is interrupted, an older bundle is still there, at worst as a hidden folder beside `output`."""
    if not output.exists():
        folder.rename(output)
        return
    replaced = output.with_name(f".{output.name}.{uuid4().hex[:8]}.replaced")
    try:
        output.rename(replaced)
        folder.rename(output)
    except BaseException:
        if replaced.exists() and not output.exists():
            replaced.rename(output)
        raise
    shutil.rmtree(replaced)


def neighbour_finder(frame: FrameSpec, graph: GraphSpec) -> onnx.ModelProto:
    """A graph that finds the input `neighbour` from `pixel_index`, for where the C++ core is not."""
    index = torch.from_numpy(golden_candidates(frame).pixel_index)
    free = {"pixel_index": dynamic_shapes(None)["pixel_index"]}
    return _exported(NeighbourFinder(frame, graph).eval(), (index,), ["pixel_index"], "neighbour", free)


def _write_onnx(final: FinalAnswers, task: Task, path: Path) -> None:
    frame, graph = _frame(final), graph_of(final.network)
    example = golden_candidates(frame)
    inputs = network_inputs(example, frame, graph)
    model = _exported(final, to_tensors(inputs), list(inputs), OUTPUT_TENSOR, dynamic_shapes(graph))
    columns = [(column.name, column.unit) for column in _columns(final, task)]
    onnx.helper.set_model_props(model, self_description(task.name, frame, graph, columns))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _exported(
    network: nn.Module, example: tuple[torch.Tensor, ...], inputs: list[str], output: str, free: dict[str, Any]
) -> onnx.ModelProto:
    """free: axes of the inputs, see `dynamic_shapes`."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # else a warning for each torchvision operator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own future
        program = torch.onnx.export(
            network,
            example,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=[output],
            dynamic_shapes=free,
            custom_translation_table=TRANSLATIONS,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    optimize_ir(program.model, should_fold=stays_a_recipe)
    model = program.model_proto
    model.ir_version = IR_VERSION
    for part in (model.graph, *model.graph.node, *model.graph.value_info):
        part.ClearField("metadata_props")  # stack traces with paths of this machine
    return model


def _write_weights(network: nn.Module, path: Path) -> None:
    path.write_bytes(save({name: np.ascontiguousarray(t.numpy()) for name, t in network.state_dict().items()}))


def _write_golden(final: FinalAnswers, task: Task, folder: Path) -> None:
    """Compare the two runtimes on every case; keep the golden one."""
    session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])

    def run_onnx(packed: Packed) -> Any:
        return session.run(None, network_inputs(packed, frame, graph))[0]

    frame, graph, scale = _frame(final), graph_of(final.network), tolerance_scale(_columns(final, task), final.configs)
    sizes = [len(config.suffixes) for config in final.configs]
    golden = golden_candidates(frame)
    for case, packed in (("golden", golden), *parity_cases(frame, graph)):
        check_agreement(
            f"PyTorch and ONNX Runtime, {case}", run_onnx(packed), run_network(final, packed._asdict()), scale, sizes
        )
    (folder / GOLDEN).write_bytes(save({**golden._asdict(), "outputs": run_onnx(golden)}))


def _contract(
    final: FinalAnswers, task: Task, folder: Path, training: Mapping[str, Any], provenance: Mapping[str, Any]
) -> Contract:
    network: Any = final.network
    family = next(name for name, (_, known) in MODELS.items() if type(network) is known)
    versions: dict[str, Any] = {"e2e": __version__, "torch": torch.__version__, "onnx": onnx.__version__}
    versions |= {"onnxruntime": onnxruntime.__version__, "opset": OPSET}
    return Contract(
        task=task.name,
        title=task.title,
        frame=network.config.frame,
        graph=graph_of(final.network),
        outputs=_columns(final, task),
        model=ModelDescription(family, describe_config(network.config), count_parameters(network), final.configs),
        training=training,
        provenance=versions | dict(provenance),
        files={name: digest_file(folder / name) for name in DIGESTED_FILES},
    )


def _check_network(final: FinalAnswers, folder: Path) -> None:
    """What a reader will find must be what was exported."""
    bundle = load_bundle(folder)
    rebuilt, golden = load_network(bundle), golden_candidates(bundle.contract.frame)
    expected = run_network(final, golden._asdict())
    contract = bundle.contract
    given = run_network(rebuilt, golden._asdict())
    check_agreement("weights read back", given, expected, contract.tolerance_scale, contract.answer_sizes)


def _columns(final: FinalAnswers, task: Task) -> tuple[OutputColumn, ...]:
    return output_columns(task.outputs[: len(final.configs)], final.configs)


def _frame(final: FinalAnswers) -> FrameSpec:
    config: Any = final.network.config
    return config.frame
