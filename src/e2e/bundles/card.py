"""The card of a bundle, for people: what it is, takes, gives, was trained on, and where it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from e2e.bundles.contract_file import OUTPUT_TENSOR, Contract, Verdict
from e2e.contract import CHANNELS
from e2e.markdown import markdown_table

_LIMIT_OF_GRID = {
    "barrel": "ECAL barrel only: the seed must be an EB crystal.",
    "stitched": "The window must lie on the grid in eta: the seed within HCAL |ieta| 16.",
}


def write_card(contract: Contract) -> str:
    """Markdown. Of `training` it knows `metrics` {name: number or {value, error, unit, what}} and `limits` [text]."""
    frame, model = contract.frame, contract.model
    training = dict(contract.training)
    metrics, limits = training.pop("metrics", {}), training.pop("limits", [])
    channels = "; ".join(f"{name} ({CHANNELS[name].unit}): {CHANNELS[name].meaning}" for name in frame.channels)
    sections = [
        f"# {contract.title}",
        f"Task `{contract.task}`; {model.family} with {model.num_parameters:,} parameters. "
        "Machine-readable: `contract.json`. Run: `e2e predict THIS_FOLDER INPUT`.",
        f"## Takes\n\nA {frame.rows} x {frame.columns} window of the {frame.grid} grid around a seed at row "
        f"{frame.centre_row}, column {frame.centre_column}, as its occupied pixels. Channels, in order: {channels}. "
        "Raw units; the scaling is inside.",
        markdown_table(
            ("input", "shape", "type", "meaning"),
            [(f"`{t.name}`", _shape(t.shape), t.dtype, t.meaning + _padding(t.padding)) for t in contract.inputs],
        ),
        f"## Gives\n\nTensor `{OUTPUT_TENSOR}`, float32 ({_shape(('batch', len(contract.outputs)))}), final:",
        markdown_table(
            ("output", "unit", "meaning", "trained range"),
            [(f"`{o.name}`", o.unit, o.meaning, _range(o.trained_range)) for o in contract.outputs],
        ),
        "## Trained on",
        *_trained_pt(contract),
        _listing(training) if training else "Not trained: the weights are random.",
    ]
    if training:
        sections.append(
            "Beside this card, where they were made: loss by epoch (`training.svg`, `training.json`), thresholds at "
            "fixed mistag (`working_points.json`)."
        )
    if metrics:
        sections += [
            "## How good",
            markdown_table(("metric", "value", "what"), [_metric(*item) for item in metrics.items()]),
        ]
    if contract.engines:
        lines = [_engine(*item) for item in contract.engines.items()]
        sections += ["## Runs in", markdown_table(("engine", "version", "answers"), lines)]
    sections += ["## Limits", "\n".join(f"- {limit}" for limit in (_LIMIT_OF_GRID[frame.grid], *limits))]
    sections += ["## Made with", _listing(contract.provenance)]
    return "\n\n".join(sections) + "\n"


def _trained_pt(contract: Contract) -> list[str]:
    if (pt := contract.trained_pt_gev) is None:
        return []
    return [f"Candidates of pT {_range(pt)} GeV; `e2e predict` marks others (`pt_out_of_range`)."]


def _metric(name: str, value: Any) -> tuple[str, str, str]:
    if not isinstance(value, Mapping) or "value" not in value:
        return name, _text(value), ""
    error = f" ± {_text(value['error'])}" if value.get("error") is not None else ""
    unit = f" {value['unit']}" if value.get("unit", "1") != "1" else ""
    return name, f"{_text(value['value'])}{error}{unit}", str(value.get("what", ""))


def _engine(name: str, verdict: Verdict) -> tuple[str, str, str]:
    if verdict.failure:
        return name, verdict.version, f"**fails**: {verdict.failure}"
    return name, verdict.version, f"agree to {verdict.largest_deviation:.0e} in {verdict.cases} cases"


def _listing(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _shape(shape: tuple[str | int, ...]) -> str:
    return ", ".join(map(str, shape))


def _padding(padding: int | None) -> str:
    return "" if padding is None else f"; {padding}: padding"


def _range(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{pair[0]:g} to {pair[1]:g}"
