"""Plots in CMS style, as SVG. Everything here is private simulation or open data, and labelled so."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.contract import CHANNELS, FrameSpec
from e2e.datasets.labels import Labelled
from e2e.evaluation.labels import SIMULATION
from e2e.files import replacing, writing
from e2e.metrics import half_width_68
from e2e.tasks import Task

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "e2e"  # the same plot gives the same bytes
matplotlib.rcParams["figure.max_open_warning"] = 0  # a page's figures are open until it is written

import matplotlib.pyplot as plt  # noqa: E402 - after the back end is chosen
import mplhep  # noqa: E402


def new_axes(label: str = SIMULATION, width: float = 6.0, height: float = 5.0) -> tuple[Any, Any]:
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    axes.text(0, 1.015, label, transform=axes.transAxes, style="italic", fontsize=10)
    return figure, axes


def save_pdf(figure: Any, path: Path) -> None:
    """The figure stays open, and as it is laid out. Raises InputError when `path` cannot be written."""
    with replacing(path) as hidden, writing(path):
        figure.savefig(hidden, format="pdf", metadata={"CreationDate": None})
    figure.set_layout_engine("none")  # found once, which takes long


def save(figure: Any, path: Path | io.StringIO) -> None:
    """SVG whatever the name."""
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def to_svg(figure: Any) -> str:
    """The figure as text; it is closed."""
    buffer = io.StringIO()
    save(figure, buffer)
    return buffer.getvalue()


def training_figure(history: Sequence[Mapping[str, float | None]]) -> Any:
    """history: rows by epoch, as `e2e.training.run_folder.read_history` gives them; None is not drawn."""
    figure, axes = new_axes(width=5.0, height=3.5)
    for name in ("loss", "validation_loss"):
        rows = [row for row in history if row.get(name) is not None]
        axes.plot([(row["epoch"] or 0) + 1 for row in rows], [row[name] for row in rows], marker="o", label=name)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(fontsize=9)
    return figure


def plot_evaluation(task: Task, outputs: NDArray[np.float64], candidates: Labelled, output: Path) -> None:
    """Score and ROC of a classification; response, bias and resolution of a regression. outputs: (candidates, columns
    of the task's own output)."""
    answer = outputs[:, 0]
    if task.output.kind == "probability":
        save(score_figure(task, answer, candidates), output / "score.svg")
        save(roc_figure(task, answer, candidates), output / "roc.svg")
    else:
        save(response_figure(task, answer, candidates), output / "response.svg")
        save(residual_figure(task, outputs, candidates), output / "residual.svg")


def score_figure(task: Task, answer: ArrayLike, candidates: Labelled) -> Any:
    score, is_signal = np.asarray(answer), candidates.target > 0.5
    figure, axes = new_axes()
    samples = {task.signal.name: score[is_signal], task.other.name: score[~is_signal]}
    plot_histograms(axes, samples, np.linspace(0, 1, 41))
    axes.set(xlabel=task.output.name, ylabel="candidates, normalised")
    return figure


def roc_figure(task: Task, answer: ArrayLike, candidates: Labelled) -> Any:
    figure, axes = new_axes()
    plot_roc(axes, roc_points(answer, candidates.target > 0.5))
    axes.set(xlabel=f"efficiency for {task.signal.name}", ylabel=f"efficiency for {task.other.name}")
    return figure


def plot_roc(axes: Any, points: Sequence[ArrayLike], **style: Any) -> None:
    """points: as `roc_points` gives them. style: of the line."""
    axes.plot(*points, **style)
    axes.set(xlim=(0, 1), ylim=(1e-3, 1), yscale="log")


def roc_points(answer: ArrayLike, is_signal: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Efficiencies for the signal and for the rest, at 400 thresholds or fewer; equal answers pass together."""
    order = np.argsort(-np.asarray(answer), kind="stable")
    ranked = np.asarray(answer)[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(order) - 1)
    signal, background = (np.cumsum(part[order]) / max(part.sum(), 1) for part in (is_signal, ~is_signal))
    shown = last[np.unique(np.linspace(0, len(last) - 1, 400).astype(int))]
    return signal[shown], background[shown]


def response_figure(task: Task, answer: ArrayLike, candidates: Labelled) -> Any:
    """Column by column: where the answers to one true value go."""
    is_signal = candidates.is_signal(task)
    low, high = task.output.trained_range or (0.0, 1.0)
    margin = 0.2 * (high - low)
    edges = np.linspace(low, high, 41), np.linspace(low - margin, high + margin / 3, 51)
    counts, _, _ = np.histogram2d(candidates.target[is_signal], np.asarray(answer)[is_signal], bins=edges)
    figure, axes = new_axes()
    mesh = axes.pcolormesh(*edges, (counts / np.maximum(counts.sum(1, keepdims=True), 1)).T, cmap="Blues")
    axes.plot([low, high], [low, high], color="black", linewidth=0.8)
    axes.set(xlabel=f"true {task.output.name} [{task.output.unit}]", ylabel=f"regressed [{task.output.unit}]")
    figure.colorbar(mesh, ax=axes, label="fraction of the true value's candidates")
    return figure


def residual_figure(task: Task, outputs: NDArray[np.float64], candidates: Labelled) -> Any:
    """Median difference to the truth and the band of its middle 68 %, against the truth; the interval that the network
    gives beside it, where it gives one."""
    is_signal = candidates.is_signal(task)
    truth, given = candidates.target[is_signal].astype(np.float64), outputs[is_signal]
    low, high = task.output.trained_range or (0.0, 1.0)
    places = _filled_bins(truth, (low, high), 16)
    figure, axes = new_axes()
    if places:
        centre = [truth[place].mean() for place in places]
        bands = np.array([np.quantile(given[place, 0] - truth[place], (0.16, 0.5, 0.84)) for place in places]).T
        axes.fill_between(centre, bands[0], bands[2], alpha=0.3, label="middle 68 % of the differences")
        axes.plot(centre, bands[1], marker="o", markersize=3, label="median")
        if given.shape[1] > 2:
            ends = np.array([np.median(given[place, 1:3] - given[place, :1], axis=0) for place in places]).T
            for end, label in zip(ends, ("median of the network's own interval", None), strict=True):
                axes.plot(centre, end, color="black", linestyle="--", linewidth=0.8, label=label)
    axes.axhline(0.0, color="gray", linewidth=0.8)
    name, unit = task.output.name, task.output.unit
    axes.set(xlabel=f"true {name} [{unit}]", ylabel=f"regressed - true [{unit}]")
    if places:
        axes.legend(fontsize=9)
    return figure


def _filled_bins(truth: NDArray[np.float64], span: tuple[float, float], count: int) -> list[NDArray[np.int64]]:
    """The candidates in each of `count` bins over `span`; bins with fewer than 20 are left out."""
    places = [np.flatnonzero((truth >= a) & (truth < b)) for a, b in pairwise(np.linspace(*span, count + 1))]
    return [place for place in places if len(place) >= 20]


def plot_widths(
    axes: Any, residual: NDArray[np.float64], truth: NDArray[np.float64], span: tuple[float, float], label: str
) -> None:
    """Half the distance of the 16 and 84 % quantiles of the residuals, in 12 bins of the truth over `span`."""
    shown = [(truth[place].mean(), half_width_68(residual[place])) for place in _filled_bins(truth, span, 12)]
    axes.plot(*np.array(shown).reshape(-1, 2).T, marker="o", markersize=3, label=label)


def plot_histograms(axes: Any, samples: Mapping[str, ArrayLike], edges: Any, has_errors: bool = False) -> None:
    """Normalised step histograms, with Poisson error bars where asked for."""
    for name, values in samples.items():
        counts, _ = np.histogram(values, bins=edges)
        total = max(counts.sum(), 1)
        errors = np.sqrt(counts) / total if has_errors else False
        mplhep.histplot(counts / total, edges, ax=axes, label=f"{name} ({counts.sum()})", yerr=errors)
    axes.legend(fontsize=9)


def average_images_figure(frame: FrameSpec, images: Mapping[str, NDArray[np.float64]]) -> Any:
    """A row for each kind, a column for each channel; colour by the size of the mean, over four decades.

    images: kind -> (channels, rows, columns), as they lie in `frame`.
    """
    shape = max(len(images), 1), len(frame.channels)
    figure, axes = plt.subplots(
        *shape, figsize=(2.4 * shape[1] + 1, 2.4 * shape[0]), layout="constrained", squeeze=False
    )
    size = {name: np.abs(image) for name, image in images.items()}
    for column, name in enumerate(frame.channels):
        highest = max((image[column].max() for image in size.values()), default=0.0) or 1.0
        colours = matplotlib.colors.LogNorm(1e-4 * highest, highest)
        for row, (kind, image) in enumerate(size.items()):
            place = axes[row][column]
            shown = place.imshow(image[column], origin="lower", norm=colours, cmap="viridis", interpolation="nearest")
            place.set_facecolor("black")
            place.set(xticks=[], yticks=[], title=name if row == 0 else "", ylabel=kind if column == 0 else "")
        if size:
            figure.colorbar(shown, ax=axes[:, column], label=CHANNELS[name].unit, shrink=0.8)
    return figure
