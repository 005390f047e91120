"""The sections of a regression: numbers, response, bias and resolution in bins, calibration, spectra."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from e2e.evaluation.labels import SIMULATION
from e2e.evaluation.page import Figure, Section
from e2e.evaluation.plots import plt, response_figure
from e2e.metrics import plus_minus
from e2e.report.drawing import named_axes, plot_bins, plot_steps, reliability_figure
from e2e.report.evaluations import Evaluation
from e2e.report.quantity_numbers import VARIABLES

Measurement = tuple[Evaluation, dict[str, Any]]  # and what `quantity_numbers.measure` says of it

_GUESSES = {"constant": "a constant", "pt_only": "pT alone", "calorimeter_mass": "mass of the calorimeters"}
_WHOLE = {"bias": "median_bias", "resolution": "resolution_68", "tails": "tails"}
_OF_INTERVALS = {"coverage": "coverage", "half length of the interval": "mean_half_length", "flagged": "flagged"}
_STATED_COVERAGE = 0.68


def summary(evaluations: Sequence[Evaluation], differences: Sequence[dict[str, Any]]) -> Section:
    task, results = evaluations[0].task, [one.result for one in evaluations]
    rows = [["", *(one.name for one in evaluations)]]

    def line(title: str, cells: Iterable[str]) -> None:
        rows.append([title, *cells])

    line("mean absolute error", (plus_minus(result["mean_absolute_error"]["network"]) for result in results))
    if differences:
        cells = (plus_minus(found["mean_absolute_error"]) for found in differences)
        line(f"smaller than of {evaluations[0].name}, paired", ["", *cells])
    for key, name in _GUESSES.items():
        if all(key in result["mean_absolute_error"] for result in results):
            line(f"that of {name}", (plus_minus(result["mean_absolute_error"][key]) for result in results))
    for name, key in (_WHOLE | _OF_INTERVALS).items():
        found = [result["whole_range"].get(key) for result in results]
        if any(found):
            line(name, ("" if number is None else plus_minus(number) for number in found))
    line("parameters", (f"{one.provenance['parameters']:,}" for one in evaluations))
    text = (
        f"{results[0]['signal_candidates']:,} {task.signal.name} inside the trained range, which no network has seen; "
        f"errors, bias, resolution and lengths in {task.output.unit}. Bias: median difference to the truth; "
        "resolution: half of its middle 68 %; tails: share beyond two resolutions."
    )
    return Section("Numbers", text, [], rows)


def sections(evaluations: Sequence[Evaluation], numbers: Sequence[dict[str, Any]]) -> list[Section]:
    """numbers: of `measure`, one for each."""
    many: list[Measurement] = list(zip(evaluations, numbers, strict=True))
    task = evaluations[0].task
    in_bins = "Median difference to the truth, half of its middle 68 %, and the share whose interval holds the truth."
    found = [
        Section("Response", "Where the answers to one true value go.", [_response(one) for one in evaluations]),
        Section("Bias and resolution in bins", in_bins, list(_bin_figures(evaluations))),
    ]
    if any(each["quantiles"] for each in numbers):
        said = "Of the truth, what share lies below each quantile that the network states? On the diagonal: as many."
        found.append(Section("Calibration", said, [_quantile_figure(many)]))
    other = f"Answers for {task.signal.name}, their truth, and answers for {task.other.name}, if there are any."
    found.append(Section("Spectra", other, [_spectrum(*one) for one in many]))
    return found


def _response(one: Evaluation) -> Figure:
    figure = response_figure(one.task, one.answers.own[:, 0], one.answers)
    figure.axes[0].set_title(one.label, loc="right", fontsize=9)
    figure.set_size_inches(5.0, 4.0)
    return Figure(figure, f"Response of {one.name}", f"response-{one.file_name}.pdf")


def _bin_figures(evaluations: Sequence[Evaluation]) -> Iterator[Figure]:
    task, first = evaluations[0].task, evaluations[0].result
    panels = {"median_bias": "bias", "resolution_68": "resolution", "coverage": "coverage"}
    shown = [key for key in panels if any(key in one.result["whole_range"] for one in evaluations)]
    for variable, title in VARIABLES.items():
        if not first[f"by_{variable}"]:
            continue
        figure, parts = plt.subplots(
            len(shown), 1, sharex=True, figsize=(5.0, 1.2 + 1.6 * len(shown)), layout="constrained", squeeze=False
        )
        for axes, key in zip(parts[:, 0], shown, strict=True):
            for place, one in enumerate(evaluations):
                rows = [row for row in one.result[f"by_{variable}"] if key in row]
                plot_bins(axes, rows, [row[key] for row in rows], place, len(evaluations), one.label)
            expected = {"median_bias": 0.0, "coverage": _STATED_COVERAGE}.get(key)
            if expected is not None:
                axes.axhline(expected, color="gray", linestyle=":", linewidth=1)
            axes.set_ylabel(panels[key] + ("" if key == "coverage" else f" [{task.output.unit}]"))
        parts[0, 0].text(0, 1.03, SIMULATION, transform=parts[0, 0].transAxes, style="italic", fontsize=10)
        parts[0, 0].legend(fontsize=8)
        label = title.format(name=task.output.name, unit=task.output.unit)
        parts[-1, 0].set_xlabel(label)
        caption = f"{', '.join(panels[key] for key in shown).capitalize()} against {label}"
        yield Figure(figure, caption, f"bins-{variable.replace('_', '-')}.pdf")


def _quantile_figure(many: Sequence[Measurement]) -> Figure:
    rows = {one.label: numbers["quantiles"] for one, numbers in many}
    figure = reliability_figure(rows, "quantile stated", "share of the truth below")
    return Figure(figure, "Reliability of the interval's ends and of the median", "calibration.pdf")


def _spectrum(one: Evaluation, numbers: dict[str, Any]) -> Figure:
    figure, axes = named_axes(one.label)
    spectra, task = numbers["spectra"], one.task
    if any(spectra["other"]):
        plot_steps(axes, spectra["other"], spectra["edges"], task.other.name, color="C1", fill=True, alpha=0.35)
    plot_steps(axes, spectra["signal"], spectra["edges"], task.signal.name, color="C0", linewidth=1.5)
    truth = f"{task.signal.name}, truth"
    plot_steps(axes, spectra["truth"], spectra["edges"], truth, color="gray", linestyle="--")
    axes.set(xlabel=f"{task.output.name} [{task.output.unit}]", ylabel="share of the candidates")
    axes.legend(fontsize=9)
    return Figure(figure, f"Spectra of {one.name}", f"spectra-{one.file_name}.pdf")
