"""Has what an `evaluation.json` holds the form that a page needs? The file may come from anyone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_BINS = ("by_true_value", "by_pt", "by_abs_eta", "by_vertices")


def find_faults(result: dict[str, Any], kind: str) -> Iterator[str]:
    """What is wrong, such as `auc is no measured number`. kind: of the task's output."""
    for key in ("bundle", "engine"):
        if not isinstance(result.get(key), str):
            yield f"{key} is no text"
    if type(result.get("candidates")) is not int:
        yield "candidates is no whole number"
    if not isinstance(result.get("data"), list):
        yield "data is no list"
    network = _mapping(result.get("made_with"))
    if not isinstance(network.get("model_sha256"), str) or type(network.get("parameters")) is not int:
        yield "made_with names no network"
    yield from _of_score(result) if kind == "probability" else _of_quantity(result)


def _of_score(result: dict[str, Any]) -> Iterator[str]:
    measured = {"auc": result.get("auc"), **_mapping(result.get("rejection"))}
    if "auc_at_published_pt" in result:
        measured["auc_at_published_pt"] = result["auc_at_published_pt"]
    if "isolation" in result:
        measured["isolation"] = _mapping(result["isolation"]).get("auc")
    if not isinstance(result.get("rejection"), dict):
        yield "rejection is not what it should be"
    if not _is_number(result.get("calibration_error", "")):
        yield "calibration_error is no number"
    yield from _not_measured(measured)


def _of_quantity(result: dict[str, Any]) -> Iterator[str]:
    errors, whole = _mapping(result.get("mean_absolute_error")), _mapping(result.get("whole_range"))
    yield from _not_measured({"network": None, "median_bias": None, "resolution_68": None, **errors, **whole})
    if type(result.get("signal_candidates")) is not int:
        yield "signal_candidates is no whole number"
    for key in _BINS:
        rows = result.get(key)
        if not isinstance(rows, list) or not all(map(_is_bin, rows)):
            yield f"{key} is not what it should be"


def _is_bin(row: Any) -> bool:
    ends = [_mapping(row).get(end) for end in ("low", "high")]
    shown: dict[str, Any] = {
        key: row[key] for key in ("median_bias", "resolution_68", "coverage") if key in _mapping(row)
    }
    return None not in ends and all(map(_is_number, ends)) and not any(_not_measured(shown))


def _not_measured(numbers: dict[str, Any]) -> Iterator[str]:
    for name, number in numbers.items():
        if not {"value", "error"} <= _mapping(number).keys() or not all(
            map(_is_number, map(number.get, ("value", "error")))
        ):
            yield f"{name} is no measured number"


def _is_number(value: Any) -> bool:
    """Or null, for what could not be measured."""
    return value is None or type(value) in (int, float)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
