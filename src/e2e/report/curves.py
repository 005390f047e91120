"""How the losses fell: from what a bundle keeps of its training."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.bundles.bundle import TRAINING_CURVE, TRAINING_HISTORY
from e2e.evaluation.page import Figure, Section
from e2e.evaluation.plots import training_figure
from e2e.report.evaluations import Evaluation, find_bundle


def section(evaluations: Sequence[Evaluation]) -> tuple[Section, dict[str, Any]]:
    """The section, and the history of each by its name, None where the bundle keeps no numbers."""
    figures, missing, numbers = [], [], {}
    for one in evaluations:
        bundle, why_not = find_bundle(one)
        history = numbers[one.name] = None if bundle is None else read_history(bundle.path)
        if history:
            figure = training_figure(history)
            figure.axes[0].set_title(one.label, loc="right", fontsize=9)
            figures.append(Figure(figure, f"Training of {one.name}", f"training-{one.file_name}.pdf"))
        elif bundle is not None and _is_svg(bundle.path / TRAINING_CURVE):
            figures.append(Figure(bundle.path / TRAINING_CURVE, f"Training of {one.name}, as its export drew it"))
        else:
            missing.append(f"{one.name} ({why_not or 'the bundle keeps none'})")
    text = "Loss of the training, and of what was held back from it, by epoch."
    if missing:
        text += f" Not to be had: {'; '.join(missing)}."
    return Section("Training", text, figures), numbers


def read_history(bundle: Path) -> list[dict[str, float | None]] | None:
    """Rows by epoch, as `e2e export` keeps them, null for what is no finite number; None for an older bundle, or where
    they are damaged."""
    try:
        rows = json.loads((bundle / TRAINING_HISTORY).read_text(encoding="utf-8"))
        if not all(math.isfinite(row["epoch"]) for row in rows):
            return None
        return [{key: _finite(row[key]) for key in row} for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _finite(value: Any) -> float | None:
    return float(value) if math.isfinite(float(value)) else None


def _is_svg(path: Path) -> bool:
    try:
        return "<svg" in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
