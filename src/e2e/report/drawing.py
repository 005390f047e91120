"""Lines and points of several models on the same axes, in the same colours everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e.evaluation.plots import new_axes

_MARKERS = "osD^vP*X"
_DODGE = 0.12  # of a bin's width, between models

Row = Mapping[str, Any]


def colour(place: int) -> str:
    """Of a model, by its place in the report."""
    return f"C{place % 10}"


def named_axes(name: str = "", width: float = 5.0, height: float = 4.0) -> tuple[Any, Any]:
    """Axes with the name of a model at the upper right."""
    figure, axes = new_axes(width=width, height=height)
    axes.set_title(name, loc="right", fontsize=9)
    return figure, axes


def plot_bins(
    axes: Any, rows: Sequence[Row], points: Sequence[Row], place: int, count: int, label: str, **style: Any
) -> None:
    """Points with errors at the middle of bins. rows: `low` and `high` of each. points: each with `value` and either
    `error` or `lower` and `upper`, None where there is nothing to show. place, count: of the model among the models."""
    known = [(row, point) for row, point in zip(rows, points, strict=True) if None not in point.values()]
    if not known:
        return
    low, high = (np.array([row[key] for row, _ in known]) for key in ("low", "high"))
    value = np.array([point["value"] for _, point in known])
    below, above = np.array([_errors(point) for _, point in known]).T
    centre = (low + high) / 2 + (place - (count - 1) / 2) * _DODGE * (high - low)
    reach = np.array([centre - low, high - centre])
    style = {"color": colour(place), "marker": _MARKERS[place % len(_MARKERS)], **style}
    axes.errorbar(
        centre, value, yerr=[below, above], xerr=reach, linestyle="", markersize=4, linewidth=1, label=label, **style
    )


def _errors(point: Row) -> tuple[float, float]:
    if "error" in point:
        return point["error"], point["error"]
    return max(point["value"] - point["lower"], 0.0), max(point["upper"] - point["value"], 0.0)


def histogram(values: Any, edges: Any) -> list[float]:
    """Share of the values in each bin; what lies beyond is in the first and the last. All 0 without values."""
    edges = np.asarray(edges)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return (counts / max(counts.sum(), 1)).tolist()


def plot_steps(axes: Any, shares: Sequence[float], edges: Any, label: str, **style: Any) -> None:
    axes.stairs(shares, edges, label=label, **style)


def reliability_figure(models: Mapping[str, Sequence[Row]], said: str, is_so: str) -> Any:
    """models: by name, rows of what was `said` and what `is_so`, the latter with its interval."""
    figure, axes = named_axes()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", linewidth=1)
    for place, (name, rows) in enumerate(models.items()):
        if rows:
            errors = np.array([_errors(row["is_so"]) for row in rows]).T
            style: dict[str, Any] = {"color": colour(place), "marker": "o", "markersize": 3, "linewidth": 1}
            values = [row["is_so"]["value"] for row in rows]
            axes.errorbar([row["said"] for row in rows], values, yerr=errors, label=name, **style)
    axes.set(xlabel=said, ylabel=is_so, xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure
