"""The sections of a score: numbers, curve, scores, efficiencies in bins, calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from e2e.evaluation.page import Figure, Section
from e2e.evaluation.plots import plot_roc
from e2e.metrics import TOO_FEW, plus_minus
from e2e.report.drawing import colour, named_axes, plot_bins, plot_steps, reliability_figure
from e2e.report.evaluations import Evaluation
from e2e.report.score_numbers import VARIABLES, WORKING_POINT

Measurement = tuple[Evaluation, dict[str, Any]]  # and what `score_numbers.measure` says of it


def summary(evaluations: Sequence[Evaluation], differences: Sequence[dict[str, Any]]) -> Section:
    task, first = evaluations[0].task, evaluations[0].result
    rows = [["", *(one.name for one in evaluations)]]

    def line(title: str, cells: Iterable[str]) -> None:
        rows.append([title, *cells])

    results = [one.result for one in evaluations]
    line("area under the curve", (plus_minus(result["auc"]) for result in results))
    if differences:
        line(f"ahead of {evaluations[0].name}, paired", ["", *(plus_minus(found["auc"]) for found in differences)])
    if "pt" in task.published and all("auc_at_published_pt" in result for result in results):
        low, high = task.published["pt"]
        line(f"area, pT {low:.0f} to {high:.0f} GeV", (plus_minus(result["auc_at_published_pt"]) for result in results))
    if all("isolation" in result for result in results):
        line("area of a cut on isolation", (plus_minus(result["isolation"]["auc"]) for result in results))
    for key in (key for key in first["rejection"] if all(key in result["rejection"] for result in results)):
        line(f"1/background at {key}", (plus_minus(result["rejection"][key], 1) for result in results))
    errors = (result["calibration_error"] for result in results)
    line("calibration error", (TOO_FEW if error is None else f"{error:.4f}" for error in errors))
    line("parameters", (f"{one.provenance['parameters']:,}" for one in evaluations))
    is_signal = evaluations[0].answers.target > 0.5
    counts = f"{is_signal.sum():,} {task.signal.name}, {(~is_signal).sum():,} {task.other.name}"
    published = f" Published: {task.published['auc']} ({task.published['what']})." if "auc" in task.published else ""
    text = f"{counts}, which no network has seen. Errors are of the candidates, not of another training.{published}"
    return Section("Numbers", text, [], rows)


def sections(evaluations: Sequence[Evaluation], numbers: Sequence[dict[str, Any]]) -> list[Section]:
    """numbers: of `measure`, one for each."""
    many = list(zip(evaluations, numbers, strict=True))
    has_curve = numbers[0]["roc"] is not None
    why_not = "The candidates are of one kind alone: there is no curve."
    curve = "Efficiency for the background, the mistag rate, against that for the signal; the lower the better."
    in_bins_of = (
        f"Shares above the threshold that {WORKING_POINT:.0%} of all the signal passes: filled, signal; open, "
        "background. Errors are 68 % intervals (Clopper-Pearson); bins with fewer than 20 candidates are left out."
    )
    said = "Of the candidates to which the network gives a probability, how many are signal? On the diagonal: as many."
    return [
        Section("Mistag against efficiency", curve if has_curve else why_not, [_roc(many)] if has_curve else []),
        Section("Scores", "What the network says of either kind.", [_scores(*one) for one in many]),
        Section("Efficiency in bins", in_bins_of, list(_bin_figures(many))),
        Section("Calibration", said, [_reliability_figure(many)]),
    ]


def _roc(many: Sequence[Measurement]) -> Figure:
    figure, axes = named_axes(width=6.0, height=5.0)
    for place, (one, numbers) in enumerate(many):
        curve, area = numbers["roc"], plus_minus(one.result["auc"])
        points = curve["signal_efficiency"], curve["background_efficiency"]
        plot_roc(axes, points, color=colour(place), label=f"{one.label}: {area}")
    chance = np.geomspace(1e-3, 1, 100)
    axes.plot(chance, chance, color="gray", linestyle=":", linewidth=1, label="chance")
    task = many[0][0].task
    labels = {"xlabel": f"efficiency for {task.signal.name}", "ylabel": f"efficiency for {task.other.name}"}
    axes.set(**labels)
    axes.legend(fontsize=8, loc="lower right")
    return Figure(figure, "ROC curve, with its area", "roc.pdf")


def _scores(one: Evaluation, numbers: dict[str, Any]) -> Figure:
    figure, axes = named_axes(one.label)
    shares, task = numbers["scores"], one.task
    plot_steps(axes, shares["background"], shares["edges"], task.other.name, color="C1", fill=True, alpha=0.35)
    plot_steps(axes, shares["signal"], shares["edges"], task.signal.name, color="C0", linewidth=1.5)
    axes.set(xlabel=f"{task.output.name}", ylabel="share of the candidates", xlim=(0, 1))
    axes.legend(fontsize=9)
    return Figure(figure, f"Scores of {one.name}", f"scores-{one.file_name}.pdf")


def _bin_figures(many: Sequence[Measurement]) -> Iterator[Figure]:
    for name, title in VARIABLES.items():
        if not any(numbers["efficiency"]["bins"][name] for _, numbers in many):
            continue
        figure, axes = named_axes()
        for place, (one, numbers) in enumerate(many):
            rows = numbers["efficiency"]["bins"][name]
            for kind, face in (("signal", None), ("background", "none")):
                label = one.label if kind == "signal" else ""
                points = [row[kind] for row in rows]
                plot_bins(axes, rows, points, place, len(many), label, **({} if face is None else {"mfc": face}))
        axes.axhline(WORKING_POINT, color="gray", linestyle=":", linewidth=1)
        axes.set(xlabel=title, ylabel="efficiency", ylim=(0, 1.2 * axes.get_ylim()[1]))
        axes.legend(fontsize=8)
        yield Figure(figure, f"Efficiencies against {title}", f"efficiency-{name.replace('_', '-')}.pdf")


def _reliability_figure(many: Sequence[Measurement]) -> Figure:
    rows = {one.label: numbers["reliability"] for one, numbers in many}
    figure = reliability_figure(rows, "probability said", f"share of {many[0][0].task.signal.name}")
    return Figure(figure, "Reliability: what was said, and what is so", "calibration.pdf")
