"""The whole road in one call: simulate fresh events, predict both tasks, compare with the truth, show it on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from e2e import __version__
from e2e.bundles import load_bundle
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation import plots
from e2e.evaluation.labels import OPEN_DATA
from e2e.evaluation.page import Section, write_page
from e2e.files import make_folder
from e2e.inference.predict import predict
from e2e.inference.predictions import Predictions
from e2e.metrics import area_under_curve, half_width_68, mean_absolute_error
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS, Task

TASKS_SHOWN = ("electron-photon", "diphoton-mass")
MIN_PT, MAX_SHARE_OUTSIDE = 15.0, 0.1  # of real candidates in the plots
POOL = "pileup-pool.safetensors"
PILEUP = 20.0  # other collisions, as in the training of the zoo and in the data of 2012


class Demonstration(NamedTuple):
    lines: list[str]
    problems: Problems


def demo(
    output: Path = Path("demo"),
    *,
    num_events: int = 4000,
    seed: int = 2026,
    zoo: Path = Path("zoo"),
    real: Sequence[Path] = (),
    say: Callable[[str], Any] = lambda line: None,
) -> Demonstration:
    """Write `output`/index.html; returns its main lines, and what was wrong with the real files.

    num_events: fresh events for each task. zoo: folder of the bundles. real: .ig files to predict on as well. say: is
    told each step. Raises InputError when a bundle is missing.
    """
    for name in TASKS_SHOWN:
        load_bundle(zoo / name)
    make_folder(output)
    problems = Problems()
    sections, lines = [], []
    for name in TASKS_SHOWN:
        task = TASKS[name]
        say(f"simulating {num_events} events: {task.title}")
        events = simulate(name, output / name, num_events=num_events, seed=seed, pileup=PILEUP, pool=output / POOL)
        candidates = load_candidates(task, [events])
        result = predict(zoo / name, [events], output / f"{name}-predictions.parquet", candidates="leading")
        say(result.throughput())
        answer = result.table[task.output.name].to_numpy().astype(np.float64)
        if len(answer) != len(candidates):
            raise InputError(events, "predictions and truth differ in number", "delete the folder and run again")
        line = _verdict(task, answer, candidates)
        lines.append(line)
        sections.append(Section(task.title, line, [_pictures(task, candidates), *_plots(task, answer, candidates)]))
    if real:
        say(f"predicting on {len(real)} real files")
        sections.append(_real_section(zoo, real, output, lines, problems))
    page = write_page(output / "index.html", sections, f"e2e {__version__}, {num_events} events a task, seed {seed}")
    return Demonstration([*lines, f"page: {page}"], problems)


def _verdict(task: Task, answer: Any, candidates: CandidateSet) -> str:
    if task.output.kind == "probability":
        return f"{task.title}: area under the curve {area_under_curve(answer, candidates.target)}"
    is_signal = candidates.is_signal(task)
    truth, given = candidates.target[is_signal], np.maximum(answer[is_signal], 0.0)
    constant = mean_absolute_error(np.full(len(truth), np.median(truth)), truth)
    error = mean_absolute_error(given, truth)
    return (
        f"{task.title}: mean absolute error {error} GeV (a constant: {constant.value:.4f}), "
        f"resolution {half_width_68(given - truth):.3f} GeV"
    )


def _pictures(task: Task, candidates: CandidateSet) -> Any:
    """Four candidates as the network sees them."""
    images = candidates.candidates.select(slice(0, 4)).load().to_dense()[:, 0]
    figure, many = plots.plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
    if task.output.kind == "probability":
        names = [task.signal.name if target > 0.5 else task.other.name for target in candidates.target[:4]]
    else:
        names = [f"{target:.2f} {task.output.unit}" for target in candidates.target[:4]]
    for axes, image, name in zip(many, images, names, strict=False):
        axes.imshow(np.where(image > 0, image, np.nan), norm="log", cmap="viridis", origin="lower")
        axes.set(title=f"truth: {name}", xlabel="column (phi)", xticks=[], yticks=[])
    many[0].set_ylabel("row (eta)")
    return figure


def _plots(task: Task, answer: Any, candidates: CandidateSet) -> list[Any]:
    if task.output.kind == "probability":
        return [plots.score_figure(task, answer, candidates), plots.roc_figure(task, answer, candidates)]
    return [plots.response_figure(task, answer, candidates)]


def _real_section(zoo: Path, real: Sequence[Path], output: Path, lines: list[str], problems: Problems) -> Section:
    figures = []
    for name in TASKS_SHOWN:
        result = predict(zoo / name, real, output / f"{name}-real.parquet")
        lines.append(f"real events, {result.summary()}")
        figures.append(real_figure(TASKS[name], result))
        problems += [problem for problem in result.problems if problem not in problems]
    about = (
        f"{len(real)} files of CMS open data; pT above {MIN_PT:g} GeV, less than {MAX_SHARE_OUTSIDE:.0%} of the "
        "crop's energy from others; "
        "photons that share their seed crystal with an electron count as electrons"
    )
    return Section("Real photons and electrons", about, figures)


def real_figure(task: Task, result: Predictions) -> Any:
    """Answers for real electrons and for photons that are no electrons, pT above 15 GeV and alone in their crop."""
    names = ("source", "matches_electron", "pt", "share_outside", task.output.name)
    table = {name: result.table[name].to_numpy() for name in names}
    is_hard = (table["pt"] > MIN_PT) & (table["share_outside"] < MAX_SHARE_OUTSIDE)
    is_electron = table["source"] == "electron"
    is_photon = (table["source"] == "photon") & ~table["matches_electron"].astype(bool)
    answer = table[task.output.name].astype(np.float64)
    edges = np.linspace(0, 1, 11) if task.output.kind == "probability" else np.linspace(-0.3, 1.7, 21)
    samples = {"electrons": answer[is_hard & is_electron], "photons": answer[is_hard & is_photon]}
    figure, axes = plots.new_axes(OPEN_DATA)
    plots.plot_histograms(axes, samples, edges, has_errors=True)
    axes.set(xlabel=f"{task.output.name} [{task.output.unit}]", ylabel="candidates, normalised")
    return figure
