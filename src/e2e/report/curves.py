"""How the losses fell: from what a bundle keeps of its training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.bundles.bundle import TRAINING_CURVE, TRAINING_HISTORY
from e2e.evaluation.page import Figure, Section
from e2e.evaluation.plots import training_figure
from e2e.report.drawing import file_name
from e2e.report.evaluations import Evaluation


def section(evaluations: Sequence[Evaluation]) -> tuple[Section, dict[str, Any]]:
    """The section, and the history of each by its name, None where the bundle keeps no numbers."""
    figures, missing, numbers = [], [], {}
    for one in evaluations:
        history = numbers[one.name] = read_history(Path(one.result["bundle"]))
        drawn = Path(one.result["bundle"]) / TRAINING_CURVE
        if history:
            figure = training_figure(history)
            figure.axes[0].set_title(one.name, loc="right", fontsize=9)
            figures.append(Figure(figure, f"Training of {one.name}", f"training-{file_name(one.name)}.pdf"))
        elif _is_svg(drawn):
            figures.append(Figure(drawn, f"Training of {one.name}, as its export drew it"))
        else:
            missing.append(one.name)
    text = "Loss of the training, and of what was held back from it, by epoch."
    if missing:
        text += f" Not kept, or the bundle is gone: {', '.join(missing)}."
    return Section("Training", text, figures), numbers


def read_history(bundle: Path) -> list[dict[str, float]] | None:
    """Rows by epoch, as `e2e export` keeps them; None for a bundle that is gone or older, or where they are damaged."""
    try:
        rows = json.loads((bundle / TRAINING_HISTORY).read_text(encoding="utf-8"))
        return [{"epoch": float(row["epoch"]), **{key: float(row[key]) for key in row}} for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_svg(path: Path) -> bool:
    try:
        return "<svg" in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
