"""A comparison as JSON, as a table in Markdown, and as plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.comparison.yardsticks import Outputs, Yardstick
from e2e.evaluation.plots import new_axes, save
from e2e.files import write_json, write_text
from e2e.markdown import markdown_table
from e2e.metrics import TOO_FEW, plus_minus

JSON, TABLE = "comparison.json", "table.md"


def write_comparison(
    result: dict[str, Any], answers: Mapping[str, Outputs], yardstick: Yardstick, output: Path
) -> None:
    """answers: of one training of each model."""
    save(latency_figure(result), output / f"{yardstick.key.replace('_', '-')}-against-latency.svg")
    in_order = {row["model"]: answers[row["model"]] for row in result["models"]}
    save(yardstick.figure(in_order), output / f"{yardstick.picture}.svg")
    if result["learning_curves"]:
        save(learning_figure(result), output / "learning-curves.svg")
    write_text(output / TABLE, format_table(result))
    write_json(output / JSON, result)


def format_table(result: dict[str, Any]) -> str:
    """Markdown, the best first, what does without a network at the end; then a tagger in bins of pT."""
    key, rows, classical = result["yardstick"]["key"], result["models"], result["classical"]
    reference = rows[0]["latency"]["ratio"]["to"]
    head = [
        *("model", result["yardstick"]["title"], "trainings", "p of equality with the first", *_further(rows[0])),
        *("parameters", "Mflop", "ms, one thread", f"ratio to {reference}", "GPU, 1/s", "training, s"),
    ]
    lines = [[*_quality(row, key), *_cost(row)] for row in rows]
    lines += [[*_quality(row, key), *["-"] * 6] for row in classical]
    title = f"{result['task']}, {result['test_candidates']:,} test candidates"
    note = "Errors and p (two-sided, corrected for being several) are of the test candidates, not of training."
    tables = [markdown_table(head, lines)]
    if rows[0].get("by_pt"):
        tables.append(markdown_table(*_by_pt([*rows, *classical], key)))
    return "\n\n".join([f"{title}. {note}", *tables]) + "\n"


def _quality(row: Mapping[str, Any], key: str) -> list[str]:
    standing = [row["model"], plus_minus(row[key], 4), str(row["trainings"]), f"{row['p_value']:.3f}"]
    return [*standing, *_further(row).values()]


def _cost(row: Mapping[str, Any]) -> list[str]:
    latency, gpu, seconds = row["latency"], row["gpu_candidates_per_second"], row["training"]["training_seconds"]
    return [
        f"{row['parameters']:,}",
        f"{row['operations'] / 1e6:.1f}",
        f"{latency['median_ms']:.2f}",
        plus_minus(latency["ratio"], 2),
        "-" if gpu is None else f"{gpu:,.0f}",
        "-" if seconds is None else f"{seconds:,.0f}",
    ]


def _by_pt(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[str], list[list[str]]]:
    """In each bin: the yardstick, and the share of the background that passes at each efficiency."""
    efficiencies = list(rows[0]["rejection"])
    head = ["pT [GeV]", "model", key.upper(), *(f"background at {efficiency} [%]" for efficiency in efficiencies)]
    lines = [
        [f"{found['low']:.0f}-{found['high']:.0f}", row["model"], plus_minus(found[key])]
        + [_passing(found["rejection"][efficiency]) for efficiency in efficiencies]
        for places in zip(*(row["by_pt"] for row in rows), strict=True)
        for row, found in zip(rows, places, strict=True)
    ]
    return head, lines


def _passing(rejection: Mapping[str, float | None]) -> str:
    """From 1 / share to the share in per cent, and its error."""
    value, error = rejection["value"], rejection["error"]
    if value is None or error is None:
        return TOO_FEW
    return f"{100 / value:.2f} ± {100 * error / value**2:.2f}"


def _further(row: Mapping[str, Any]) -> dict[str, str]:
    """Of a tagger and of a quantity: heads and cells."""
    if "rejection" in row:
        return {f"1/background at {efficiency}": plus_minus(value, 1) for efficiency, value in row["rejection"].items()}
    whole = row["whole_range"]
    shown = {"half width of 68 %": "resolution_68", "bias": "median_bias", "coverage": "coverage"}
    shown["quantile loss"] = "quantile_loss"
    return {head: plus_minus(whole[key], 4) if key in whole else "-" for head, key in shown.items()}


def latency_figure(result: dict[str, Any]) -> Any:
    """The yardstick against latency: the left is better."""
    figure, axes = new_axes()
    key = result["yardstick"]["key"]
    for row in result["models"]:
        place = row["latency"]["median_ms"], row[key]["value"]
        axes.errorbar(*place, yerr=row[key]["error"], fmt="o", markersize=4)
        axes.annotate(row["model"], place, xytext=(4, 4), textcoords="offset points", fontsize=7)
    axes.set(xscale="log", xlabel="one candidate on one thread [ms]", ylabel=result["yardstick"]["title"])
    return figure


def learning_figure(result: dict[str, Any]) -> Any:
    figure, axes = new_axes()
    for row in result["models"]:
        curve = {int(size): point for size, point in result["learning_curves"].get(row["model"], {}).items()}
        if row["training"]["candidates"]:
            curve[row["training"]["candidates"]] = row[result["yardstick"]["key"]]
        sizes = sorted(curve)
        errors = [curve[size]["error"] for size in sizes]
        axes.errorbar(sizes, [curve[size]["value"] for size in sizes], yerr=errors, marker="o", label=row["model"])
    axes.set(xscale="log", xlabel="training candidates", ylabel=result["yardstick"]["title"])
    axes.legend(fontsize=7)
    return figure
