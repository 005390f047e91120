"""Candidates as pictures: what the network was shown, and which pixels its answer hangs on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS
from e2e.evaluation.examples import EXAMPLES, read_examples
from e2e.evaluation.labels import SIMULATION
from e2e.evaluation.page import Figure, Section
from e2e.evaluation.plots import plt
from e2e.frames.candidates import Candidates
from e2e.report.evaluations import Evaluation, find_bundle
from e2e.report.saliency import attributions

_SHOWN = {"track_pt": "tracks", "ecal_energy": "ECAL", "hcal_energy": "HCAL"}  # channels, and their names
_LAYERS = ("bpix", "tib", "tob")  # channels of hits, which are added up
_DECADES = 1e-3  # of the highest value, to be seen
_WIDTH, _WIDEST = 5.0, 2.8  # inches, of a picture and of each image in it
_FEW, _LARGE = 0.01, 64  # share of a frame, and its side in pixels: see `_show`


def section(evaluation: Evaluation) -> tuple[Section, dict[str, Any]]:
    """The section, and its numbers. Saliency is left out, and the text says why, where the bundle is gone or another.
    Raises InputError where the examples are damaged."""
    network, count = evaluation.provenance["model_sha256"], len(evaluation.answers)
    chosen, candidates = read_examples(evaluation.path / EXAMPLES, network, count)
    numbers: dict[str, Any] = {kind: [_about(evaluation, row) for row in rows] for kind, rows in chosen.items()}
    title = f"Candidates of which {evaluation.name} is surest"
    if candidates is None:
        return Section(title, "None is right or wrong.", []), numbers
    bundle, why_not = find_bundle(evaluation)
    saliency = None if bundle is None else attributions(bundle, candidates)
    figures: list[Figure] = []
    for kind, rows in chosen.items():
        for k, row in enumerate(rows):
            images = _images(candidates, len(figures), saliency)
            said = _said(evaluation, row)
            picture = _draw(images, said)
            name = f"example-{evaluation.file_name}-{kind}-{k + 1}.pdf"
            figures.append(Figure(picture, f"{kind.capitalize()}: {said}", name))
    text = "The surest right ones, then the surest wrong ones. " + (
        "Saliency: gradient times value, by how much the network's raw answer changes per relative change of a "
        "pixel; red towards more, blue towards less."
        if bundle is not None
        else f"No saliency: {why_not}."
    )
    return Section(title, text, figures), numbers | {"saliency": why_not or "gradient times value"}


def _about(evaluation: Evaluation, row: int) -> dict[str, Any]:
    known = evaluation.answers
    event = {name: int(known.labels[name][row]) for name in ("input", "run", "luminosity_block", "event", "number")}
    outputs = (float(number) if np.isfinite(number) else None for number in known.outputs[row])
    answer = dict(zip(known.names, outputs, strict=True))
    return {"candidate": row, **event, "target": float(known.target[row]), "answer": answer}


def _said(evaluation: Evaluation, row: int) -> str:
    task, known = evaluation.task, evaluation.answers
    answer, truth = known.own[row], float(known.target[row])
    if task.output.kind == "probability":
        return f"{(task.signal if truth > 0.5 else task.other).name}, {task.output.name} {answer[0]:.3f}"
    interval = f" ({answer[1]:.2f} to {answer[2]:.2f})" if len(answer) > 2 else ""
    return f"true {task.output.name} {truth:.2f}, said {answer[0]:.2f}{interval} {task.output.unit}"


def _images(
    candidates: Candidates, place: int, saliency: NDArray[np.float32] | None
) -> dict[str, tuple[NDArray[np.float32], bool]]:
    """By title: (rows, columns), and whether its values have a sign that matters."""
    chosen = candidates.select([place])
    dense, frame = chosen.to_dense()[0], candidates.spec
    found = {
        f"{_SHOWN[name]} [{CHANNELS[name].unit}]": (dense[k], False)
        for k, name in enumerate(frame.channels)
        if name in _SHOWN
    }
    layers = [k for k, name in enumerate(frame.channels) if name.startswith(_LAYERS)]
    if layers:
        found["tracker hits"] = dense[layers].sum(axis=0), False
    if saliency is not None:
        first, last = candidates.offsets[place : place + 2]
        by_pixel = replace(chosen, pixel_value=saliency[first:last])
        found["saliency"] = by_pixel.to_dense()[0].sum(axis=0), True
    return found


def _draw(images: dict[str, tuple[NDArray[np.float32], bool]], title: str) -> Any:
    columns = min(len(images), 2) if len(images) <= 4 else 3
    rows = -(-len(images) // columns)
    width = min(_WIDTH, _WIDEST * columns)
    size = width, (width / columns - 0.4) * rows + 0.5
    figure, places = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for axes in places.flat[len(images) :]:
        axes.set_axis_off()
    for axes, (name, (image, is_signed)) in zip(places.flat, images.items(), strict=False):
        shown = _show(axes, image, is_signed)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=9)
        bar = figure.colorbar(shown, ax=axes, shrink=0.75)
        if is_signed:
            ends = (shown.norm.vmin, 0.0, shown.norm.vmax)
            bar.set_ticks(ends, labels=[f"{end:.2g}" for end in ends])
            bar.minorticks_off()
        bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=10)
    label = f"{SIMULATION}; eta upwards, phi to the right"
    figure.supxlabel(label, x=0.01, horizontalalignment="left", fontsize=7, style="italic")
    return figure


def _show(axes: Any, image: NDArray[np.float32], is_signed: bool) -> Any:
    """As an image; where few pixels of a large frame are occupied, which would not be seen, as squares of one size."""
    highest = float(np.abs(image).max()) or 1.0
    if is_signed:
        norm = matplotlib.colors.SymLogNorm(highest * 1e-2, vmin=-highest, vmax=highest)
        return axes.imshow(image, origin="lower", interpolation="nearest", norm=norm, cmap="RdBu_r")
    colours: dict[str, Any] = {"norm": matplotlib.colors.LogNorm(_DECADES * highest, highest), "cmap": "viridis_r"}
    row, column = np.nonzero(image > 0)
    if len(row) < _FEW * image.size and min(image.shape) > _LARGE:
        axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(-0.5, image.shape[0] - 0.5), aspect="equal")
        return axes.scatter(column, row, c=image[row, column], s=5, marker="s", linewidth=0, **colours)
    return axes.imshow(np.where(image > 0, image, np.nan), origin="lower", interpolation="nearest", **colours)
