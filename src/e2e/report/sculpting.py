"""Does a cut on the score bend the spectra of the background? Its jet mass, where there is one, and its pT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from e2e.evaluation.answers import CALORIMETER_MASS
from e2e.evaluation.page import Figure, Section
from e2e.evaluation.score import EFFICIENCIES
from e2e.metrics import FloatArray
from e2e.report.drawing import colour, histogram, named_axes, plot_steps
from e2e.report.evaluations import Evaluation

NUM_BINS = 20  # from the lowest value, of a mass 0, to the quantile below
_HIGHEST = 0.995
_SHUFFLES, _BY_CHANCE = 200, 0.95  # of who passes, for the divergence that chance gives, and its quantile
_LEAST = 50  # background candidates, to be drawn as well

Spectra = dict[str, tuple[str, FloatArray]]  # by variable: its axis, and (candidates,) its values


def find_spectra(evaluations: Sequence[Evaluation]) -> Spectra:
    """The mass as measured where the candidates have one, else that of the calorimeters, which any network's evaluation
    may know; and pT. Each where it is known of all."""
    labels = [one.answers.labels for one in evaluations]
    masses = [("mass [GeV]", labels[0]["mass"])]
    masses += [("mass of the calorimeters [GeV]", known[CALORIMETER_MASS]) for known in labels]
    known_of_all = [(title, values) for title, values in masses if len(values) and np.isfinite(values).all()]
    found = {"mass": known_of_all[0]} if known_of_all else {}
    pt = labels[0]["pt"]
    return found | ({"pt": ("pT [GeV]", pt)} if np.isfinite(pt).all() else {})


def measure(evaluation: Evaluation, spectra: Spectra) -> dict[str, Any]:
    """By variable: the spectrum of all the background, and by the signal's efficiency that of what passes, with the
    divergence between what passes and what does not. Nothing without signal, or with hardly any background."""
    score, is_signal = evaluation.answers.own[:, 0], evaluation.answers.target > 0.5
    if not is_signal.any() or (~is_signal).sum() < _LEAST:
        return {}
    thresholds = {f"{e:.0%}": float(np.quantile(score[is_signal], 1 - e)) for e in sorted(EFFICIENCIES, reverse=True)}
    passes = {key: score[~is_signal] >= threshold for key, threshold in thresholds.items()}
    return {name: _measure(name, values[~is_signal], passes) for name, (_, values) in spectra.items()}


def _measure(name: str, values: FloatArray, passes: dict[str, NDArray[np.bool_]]) -> dict[str, Any]:
    low, high = (0.0 if name == "mass" else float(values.min())), float(np.quantile(values, _HIGHEST))
    edges = np.linspace(low, max(high, low + 1e-3), NUM_BINS + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, NUM_BINS - 1)
    passing = {
        key: {
            "background_candidates": int(chosen.sum()),
            "background_efficiency": float(chosen.mean()),
            "shares": histogram(values[chosen], edges),
            "divergence": divergence(place, chosen),
            "divergence_by_chance": _by_chance(place, chosen),
        }
        for key, chosen in passes.items()
    }
    return {"edges": edges.tolist(), "all": histogram(values, edges), "passing": passing}


def divergence(place: NDArray[np.int64], passes: NDArray[np.bool_]) -> float | None:
    """Jensen-Shannon divergence, in bits, between the bins of those that pass and those that do not: 0 where the cut
    bends nothing, 1 where it takes one part of the spectrum alone. None where all pass, or none. Source: ATLAS,
    ATL-PHYS-PUB-2018-014."""
    if passes.all() or not passes.any():
        return None
    one, other = (np.bincount(place[chosen], minlength=NUM_BINS) for chosen in (passes, ~passes))
    return float(jensenshannon(one, other, base=2) ** 2)


def _by_chance(place: NDArray[np.int64], passes: NDArray[np.bool_]) -> float | None:
    """Below which 95 % of the divergences lie where as many pass, whoever they are: few candidates give more."""
    if passes.all() or not passes.any():
        return None
    rng = np.random.default_rng(0)
    return float(np.quantile([divergence(place, rng.permutation(passes)) for _ in range(_SHUFFLES)], _BY_CHANCE))


def section(evaluations: Sequence[Evaluation], numbers: Sequence[dict[str, Any]], spectra: Spectra) -> Section:
    title = "Background after cuts"
    if not spectra:
        return Section(title, "Neither a mass nor pT is known of all candidates.", [])
    if not numbers[0]:
        return Section(title, "Too few candidates of one kind to say.", [])
    radius = evaluations[0].task.mass_radius
    mass = (
        f"The mass is that of the energies within {radius:g} of the seed, of all calorimeters. "
        if "mass" in spectra and spectra["mass"][0].startswith("mass of the calorimeters")
        else "There is no jet mass to look at; pT alone. "
        if "mass" not in spectra
        else ""
    )
    text = (
        f"Spectra of {evaluations[0].task.other.name} that pass at efficiencies for the signal. A cut that bends the "
        f"background towards the signal makes bumps. {mass}Divergence: Jensen-Shannon, in bits, between what passes "
        "and what does not; 0: the cut bends nothing. In brackets what chance alone exceeds in "
        f"{1 - _BY_CHANCE:.0%} of the cases. "
        f"Drawn where {_LEAST} and more pass."
    )
    return Section(title, text, list(_figures(evaluations, numbers, spectra)), _table(evaluations, numbers, spectra))


def _table(evaluations: Sequence[Evaluation], numbers: Sequence[dict[str, Any]], spectra: Spectra) -> list[list[str]]:
    rows = [["", *(f"{name}, at {key}" for name in spectra for key in numbers[0][name]["passing"])]]
    for one, found in zip(evaluations, numbers, strict=True):
        points = [point for name in spectra for point in found[name]["passing"].values()]
        rows.append([one.name, *map(_cell, points)])
    return rows


def _cell(point: dict[str, Any]) -> str:
    value, chance = point["divergence"], point["divergence_by_chance"]
    return "-" if value is None else f"{value:.4f} ({chance:.4f})"


def _figures(
    evaluations: Sequence[Evaluation], numbers: Sequence[dict[str, Any]], spectra: Spectra
) -> Iterator[Figure]:
    """Of one model at every efficiency, of several at the lowest; where enough of the background passes."""
    for name, (title, _) in spectra.items():
        figure, axes = named_axes("" if len(evaluations) > 1 else evaluations[0].label)
        first, drawn = numbers[0][name], _drawn([found[name]["passing"] for found in numbers])
        plot_steps(axes, first["all"], first["edges"], "all of the background", color="gray", fill=True, alpha=0.35)
        for place, (one, found) in enumerate(zip(evaluations, numbers, strict=True)):
            for step, key in enumerate(drawn if len(evaluations) == 1 else drawn[-1:]):
                label = f"at {key}" if len(evaluations) == 1 else f"{one.label}, at {key}"
                shares = found[name]["passing"][key]["shares"]
                plot_steps(axes, shares, first["edges"], label, color=colour(place + step), linewidth=1.5)
        axes.set(xlabel=f"background's {title}", ylabel="share of the candidates")
        axes.legend(fontsize=8)
        yield Figure(figure, f"Background's {title}, before and after cuts", f"background-{name}.pdf")


def _drawn(passing: Sequence[dict[str, Any]]) -> list[str]:
    """Efficiencies at which enough passes, whichever model cuts."""
    return [key for key in passing[0] if min(each[key]["background_candidates"] for each in passing) >= _LEAST]
