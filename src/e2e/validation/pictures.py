"""One picture a quantity: real events as points, simulated as a line, and the ratio below."""

from __future__ import annotations

from typing import Any

import mplhep
import numpy as np

from e2e.evaluation import plots
from e2e.validation.quantities import Quantity
from e2e.validation.values import FloatArray, Values

LABEL = "Private work (CMS open data and fast simulation)"
MAX_BINS = 18  # of a picture whose bins are found from the values
_RATIOS = 0.25, 4.0  # of the lower part; triangles mark what lies beyond
_MARGINS = {"left": 0.13, "right": 0.95, "bottom": 0.1, "top": 0.94, "hspace": 0.08}  # faster than a layout engine
_PLURALS = {"electron": "electrons", "photon": "photons", "hit": "hits", "track": "tracks", "event": "events"}


def picture(quantity: Quantity, real: Values, simulated: Values) -> Any:
    """A matplotlib figure. What lies beyond the first and the last bin is in them."""
    edges = _edges(quantity, real, simulated)
    ratios = {"height_ratios": (3, 1), **_MARGINS}
    figure, (axes, below) = plots.plt.subplots(2, 1, sharex=True, figsize=(6.0, 5.2), gridspec_kw=ratios)
    axes.text(0, 1.015, LABEL, transform=axes.transAxes, style="italic", fontsize=10)
    (height, error), (line, line_error) = (
        _histogram(values, edges, quantity.per_event) for values in (real, simulated)
    )
    centres = _centres(quantity, edges)
    mplhep.histplot(line, edges, ax=axes, yerr=False, color="C0", label=f"simulation ({_size(quantity, simulated)})")
    _band(axes, edges, line, line_error)
    style: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 3.5, "linewidth": 1}
    is_seen = height > 0
    axes.errorbar(centres[is_seen], height[is_seen], error[is_seen], label=f"real ({_size(quantity, real)})", **style)
    plural = _PLURALS[quantity.item]
    axes.set_ylabel(f"{plural} per event" if quantity.per_event else f"fraction of {plural}")
    _set_scales(quantity, axes, edges, np.concatenate((height[is_seen], line[line > 0])))
    axes.legend(fontsize=9, loc="upper right")

    both = is_seen & (line > 0)
    low, high = _RATIOS
    ratio = height[both] / line[both]
    is_inside = (ratio > low) & (ratio < high)
    inside = (values[is_inside] for values in (centres[both], ratio, error[both] / line[both]))
    below.errorbar(*inside, **style)
    for is_beyond, limit, marker in ((ratio <= low, low, "v"), (ratio >= high, high, "^")):
        at = centres[both][is_beyond]
        below.plot(at, np.full(len(at), limit), marker, color="black", markersize=4, clip_on=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        _band(below, edges, np.where(line > 0, 1.0, np.nan), line_error / line)
    below.axhline(1, color="C0", linewidth=1)
    below.set(xlabel=quantity.label, ylabel="real / sim.", yscale="log", ylim=_RATIOS)
    below.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
    below.minorticks_off()
    return figure


def _set_scales(quantity: Quantity, axes: Any, edges: FloatArray, heights: FloatArray) -> None:
    if quantity.scale.name == "asinh":
        axes.set_xscale("asinh", linear_width=0.1)
        ticks = [-1, -0.1, 0, 0.1, 1, 10, 100]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    else:
        axes.set_xscale(quantity.scale.name)
    axes.set_xlim(edges[0], edges[-1])
    if quantity.has_log_counts and len(heights):
        axes.set_yscale("log")
        axes.set_ylim(heights.min() / 2, heights.max() * 30)  # room for the legend
    else:
        axes.set_ylim(0, 1.35 * heights.max(initial=1e-9))


def _edges(quantity: Quantity, real: Values, simulated: Values) -> FloatArray:
    if quantity.edges is not None:
        return quantity.edges
    low = min(0.0, *(float(np.quantile(values.value, 0.01)) for values in (real, simulated)))
    high = max(float(np.quantile(values.value, 0.98)) for values in (real, simulated))
    if quantity.is_count:
        width = max(1, int(np.ceil((high + 1) / MAX_BINS)))
        return np.arange(-0.5, high + width, width)
    return np.linspace(low, max(high, low + 1e-3), MAX_BINS + 1)


def _centres(quantity: Quantity, edges: FloatArray) -> FloatArray:
    """In the middle as drawn."""
    if quantity.scale.name == "log":
        return np.sqrt(edges[1:] * edges[:-1])
    if quantity.scale.name == "asinh":
        forward = np.arcsinh(edges / 0.1)
        return 0.1 * np.sinh((forward[1:] + forward[:-1]) / 2)
    return (edges[1:] + edges[:-1]) / 2


def _histogram(values: Values, edges: FloatArray, per_event: bool) -> tuple[FloatArray, FloatArray]:
    """Height of each bin and its error, from the spread between events."""
    num_bins = len(edges) - 1
    at = np.clip(np.searchsorted(edges, values.value, side="right") - 1, 0, num_bins - 1)
    counts = np.bincount(values.event_index * num_bins + at, minlength=values.num_events * num_bins)
    counts = counts.reshape(values.num_events, num_bins).astype(np.float64)  # of each event in each bin
    if per_event:
        return counts.mean(0), counts.std(0) / np.sqrt(values.num_events)
    height = counts.sum(0) / counts.sum()
    residual = counts - height * counts.sum(1, keepdims=True)
    return height, np.sqrt((residual**2).sum(0)) / counts.sum()


def _band(axes: Any, edges: FloatArray, height: FloatArray, error: FloatArray) -> None:
    axes.fill_between(edges, *(np.append(h, h[-1]) for h in (height - error, height + error)), step="post", color="C0",
                      alpha=0.25, linewidth=0)  # fmt: skip


def _size(quantity: Quantity, values: Values) -> str:
    events = f"{values.num_events} events"
    return events if quantity.item == "event" else f"{len(values.value)} {_PLURALS[quantity.item]} of {events}"
