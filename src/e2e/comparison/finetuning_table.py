"""What labels are worth as JSON, as a table in Markdown, and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.evaluation.plots import new_axes, save
from e2e.files import write_json, write_text
from e2e.markdown import markdown_table
from e2e.metrics import plus_minus

JSON, TABLE, PICTURE = "finetuning.json", "table.md", "labels.svg"
WAYS = ("scratch", "fine-tuned", "linear probe", "small network")


def write_starts(result: dict[str, Any], output: Path) -> None:
    write_text(output / TABLE, format_starts(result))
    save(_figure(result), output / PICTURE)
    write_json(output / JSON, result)


def format_starts(result: dict[str, Any]) -> str:
    """Markdown."""
    key, start = result["yardstick"]["key"], result["start"]
    head = [
        "labels",
        "share",
        "way",
        result["yardstick"]["title"],
        "error of the test candidates",
        "better than scratch",
    ]
    lines = [
        [
            *(f"{row['labels']:,}", f"{row['share']:.0%}", row["way"], _shown(row[key]), f"{row['test_error']:.4f}"),
            "-" if row["way"] == WAYS[0] else _shown(row["better_than_scratch"]),
        ]
        for row in result["rows"]
    ]
    about = (
        f"{result['task']}, {start['model']} that learned from {start['candidates']:,} candidates without labels; "
        f"{result['test_candidates']:,} test candidates, {result['seeds']} seeds. Errors are those of the mean over "
        f"seeds; all have the same labels."
    )
    return f"{about}\n\n{markdown_table(head, lines)}\n"


def _shown(number: dict[str, float | None]) -> str:
    return f"{number['value']:.4f}" if number["error"] is None else plus_minus(number)


def _figure(result: dict[str, Any]) -> Any:
    figure, axes = new_axes()
    key = result["yardstick"]["key"]
    for way in WAYS:
        rows = [row for row in result["rows"] if row["way"] == way]
        errors = [row[key]["error"] or 0.0 for row in rows]
        axes.errorbar(
            [row["labels"] for row in rows], [row[key]["value"] for row in rows], errors, marker="o", label=way
        )
    axes.set(xscale="log", xlabel="labels", ylabel=result["yardstick"]["title"])
    axes.legend(fontsize=8)
    return figure
