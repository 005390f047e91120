"""`contract.json`: what a bundle takes, gives and comes from. Written at export, checked key by key when read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from e2e.bundles.answer_fields import read_answers
from e2e.bundles.json_fields import REMEDY, Fields, read_json
from e2e.contract import (
    BUNDLE_VERSION,
    CONTRACT_VERSION,
    GRAPH_CONTRACT_VERSION,
    PADDING_INDEX,
    FrameSpec,
    GraphSpec,
)
from e2e.contract.answers import AnswerConfig
from e2e.files import write_json
from e2e.problems import InputError

OUTPUT_KINDS = ("probability", "quantity", "flag")
OUTPUT_TENSOR = "outputs"  # of the ONNX graph: float32 (batch, outputs), columns as listed in the contract


@dataclass(frozen=True)
class InputTensor:
    """A tensor of the ONNX graph. shape: named dimensions are free. padding: what marks an entry that holds nothing."""

    name: str
    shape: tuple[str | int, ...]
    meaning: str
    dtype: str = "float32"
    padding: int | None = None

    @property
    def form(self) -> tuple[Any, ...]:
        """What must agree; the meaning is for people."""
        return self.name, self.shape, self.dtype, self.padding


# Contract version 1. All float32: CMSSW's ONNX wrapper takes nothing else, and a frame's indices are exact in it.
INPUTS: tuple[InputTensor, ...] = (
    InputTensor(
        "pixel_index",
        ("batch", "pixels"),
        "flat index of an occupied pixel in the frame: (channel * rows + row) * columns + column",
        padding=PADDING_INDEX,
    ),
    InputTensor("pixel_value", ("batch", "pixels"), "value of that pixel in the channel's unit; 0 where padded"),
    InputTensor("seed", ("batch", 2), "row and column of the seed in the whole grid, zero-based"),
)


def inputs_of(graph: GraphSpec | None) -> tuple[InputTensor, ...]:
    """Those of a network, or of a graph network (contract version 2): neighbours of its nodes beside them."""
    if graph is None:
        return INPUTS
    near = f" within {graph.reach} pixels of the seed" if graph.reach else ""
    meaning = (
        f"of each node, which are the places that pixels occupy{near} in ascending order, its nearest nodes within "
        f"{graph.radius} pixels, by their numbers, the nearest first; of hcal_energy the middle of each tower alone"
    )
    return *INPUTS, InputTensor("neighbour", ("batch", "nodes", graph.neighbours), meaning, padding=PADDING_INDEX)


def contract_version(graph: GraphSpec | None) -> int:
    return CONTRACT_VERSION if graph is None else GRAPH_CONTRACT_VERSION


@dataclass(frozen=True)
class OutputColumn:
    """One final number per candidate. kind: `probability`, `quantity`, or `flag`: 0 or 1. trained_range: in `unit`."""

    name: str
    kind: str
    unit: str
    meaning: str
    trained_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class ModelDescription:
    """What rebuilds the network beside its weights. answers: how its raw numbers become the outputs, in their order, of
    which an answer may give several; it happens inside the ONNX graph."""

    family: str
    config: Mapping[str, Any]
    num_parameters: int
    answers: tuple[AnswerConfig, ...]


@dataclass(frozen=True)
class FileDigest:
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Verdict:
    """Whether an engine gives the bundle's answers. largest_deviation: over all cases, see `worst_deviation`; None
    where there is none to tell. failure: what was wrong with the first case that failed, or why it does not run at all;
    empty: it agrees."""

    version: str
    cases: int
    largest_deviation: float | None
    failure: str = ""


@dataclass(frozen=True)
class Contract:
    """training: numbers of the card (data, recipe, seeds, metrics, limits); provenance: versions; graph: of a graph
    network; engines: what `e2e verify` found of each; trained_pt_gev: least and greatest measured pT of the candidates
    it was trained on, None where no candidate has one. JSON values only."""

    task: str
    title: str
    frame: FrameSpec
    outputs: tuple[OutputColumn, ...]
    model: ModelDescription
    training: Mapping[str, Any]
    provenance: Mapping[str, Any]
    files: Mapping[str, FileDigest]
    graph: GraphSpec | None = None
    engines: Mapping[str, Verdict] = field(default_factory=dict)
    trained_pt_gev: tuple[float, float] | None = None

    @property
    def inputs(self) -> tuple[InputTensor, ...]:
        return inputs_of(self.graph)

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    @property
    def num_own(self) -> int:
        """How many of the outputs are the task's own; those of a joint training follow."""
        return self.answer_sizes[0]

    @property
    def answer_sizes(self) -> tuple[int, ...]:
        """How many outputs each answer has."""
        return tuple(len(answer.suffixes) for answer in self.model.answers)

    @property
    def tolerance_scale(self) -> tuple[float, ...]:
        """Below which a deviation of an output counts as it is, above as a share of the answer."""
        return tolerance_scale(self.outputs, self.model.answers)

    def write(self, path: Path) -> None:
        versions = {"bundle_version": BUNDLE_VERSION, "contract_version": contract_version(self.graph)}
        described: dict[str, Any] = {
            "task": self.task,
            "title": self.title,
            "frame": self.frame.to_json(),
            "inputs": [asdict(tensor) for tensor in self.inputs],
            "outputs": [asdict(output) for output in self.outputs],
            "model": asdict(self.model),
            "training": dict(self.training),
            "provenance": dict(self.provenance),
            "files": {name: asdict(digest) for name, digest in sorted(self.files.items())},
        }
        if self.trained_pt_gev is not None:
            described["trained_pt_gev"] = list(self.trained_pt_gev)
        if self.graph is not None:
            described["graph"] = self.graph._asdict()
        if self.engines:
            described["engines"] = {name: asdict(verdict) for name, verdict in self.engines.items()}
        write_json(path, versions | described)


def tolerance_scale(outputs: Sequence[OutputColumn], answers: Sequence[AnswerConfig]) -> tuple[float, ...]:
    """See `Contract.tolerance_scale`. A flag follows from the numbers beside it, and may turn where they round."""
    scales = [answer.scale for answer in answers for _ in answer.suffixes]
    floor = {"probability": 1.0, "flag": float("inf")}
    return tuple(floor.get(output.kind, scale) for output, scale in zip(outputs, scales, strict=True))


def read_contract(path: Path) -> Contract:
    """Raises InputError naming the key that is missing, malformed, or newer than this version knows."""
    whole = read_json(path)
    for key, newest in (("bundle_version", BUNDLE_VERSION), ("contract_version", GRAPH_CONTRACT_VERSION)):
        version = whole.count(key)
        if version > newest:
            what = f"bundle {path.parent.name} has {key} {version}, this e2e reads up to {newest}"
            raise InputError(path, what, "upgrade e2e")
    inputs = tuple(_input(fields) for fields in whole.items("inputs"))
    graph = _graph(whole)
    if [tensor.form for tensor in inputs] != [tensor.form for tensor in inputs_of(graph)]:
        needed = ", ".join(tensor.name for tensor in inputs_of(graph))
        whole.fail("inputs", f"differ from those of contract version {contract_version(graph)}: {needed}")
    outputs = tuple(_output(fields) for fields in whole.items("outputs"))
    if len({output.name for output in outputs}) != len(outputs):
        whole.fail("outputs", "name a column twice")
    model = whole.fields("model")
    files = whole.fields("files")
    return Contract(
        task=whole.text("task"),
        title=whole.text("title"),
        frame=_frame(whole),
        outputs=outputs,
        model=ModelDescription(
            model.text("family"),
            model.mapping("config"),
            model.count("num_parameters"),
            read_answers(model, [output.kind for output in outputs], whole.count("bundle_version")),
        ),
        training=whole.mapping("training"),
        provenance=whole.mapping("provenance"),
        files={name: _digest(files.fields(name)) for name in whole.mapping("files")},
        graph=graph,
        engines=_engines(whole),
        trained_pt_gev=whole.pair("trained_pt_gev") if "trained_pt_gev" in whole else None,
    )


def _frame(whole: Fields) -> FrameSpec:
    data = whole.mapping("frame")
    try:
        return FrameSpec.from_json(data)
    except KeyError as error:
        raise InputError(whole.path, f"frame has no {error}", REMEDY) from None
    except ValueError as error:
        raise InputError(whole.path, f"frame: {error}", "upgrade e2e, or fetch the bundle again") from None
    except (TypeError, OverflowError):
        raise InputError(whole.path, "frame is malformed", REMEDY) from None


def _graph(whole: Fields) -> GraphSpec | None:
    if "graph" not in whole:
        return None
    graph = whole.fields("graph")
    return GraphSpec(graph.count("neighbours"), graph.count("radius"), graph.count("reach"))


def _input(fields: Fields) -> InputTensor:
    shape = fields.value("shape")
    if not isinstance(shape, list):
        fields.fail("shape", "is not a list")
    padding = fields.value("padding")
    return InputTensor(fields.text("name"), tuple(shape), fields.text("meaning"), fields.text("dtype"), padding)


def _output(fields: Fields) -> OutputColumn:
    name, kind = fields.text("name"), fields.text("kind")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        fields.fail("name", "is not a column name (lower case, digits, underscores)")
    if kind not in OUTPUT_KINDS:
        fields.fail("kind", f"{kind!r} is unknown; known: {', '.join(OUTPUT_KINDS)}")
    return OutputColumn(name, kind, fields.text("unit"), fields.text("meaning"), fields.pair("trained_range"))


def _engines(whole: Fields) -> dict[str, Verdict]:
    if "engines" not in whole:
        return {}
    engines = whole.fields("engines")
    return {name: _verdict(engines.fields(name)) for name in whole.mapping("engines")}


def _verdict(fields: Fields) -> Verdict:
    failure = fields.value("failure") and fields.text("failure")
    deviation = None if failure else fields.number("largest_deviation")
    return Verdict(fields.text("version"), fields.count("cases"), deviation, failure)


def _digest(fields: Fields) -> FileDigest:
    return FileDigest(fields.count("num_bytes"), fields.text("sha256"))
