"""Simulate what real files hold, measure both and say how far apart they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

from e2e import __version__
from e2e.evaluation.page import Section, write_page
from e2e.files import make_folder, write_json
from e2e.problems import InputError, Problems
from e2e.validation.measures import measure_showers
from e2e.validation.quantities import QUANTITIES
from e2e.validation.report import Validation, compare
from e2e.validation.sample import Sample, measure_sample

# Share of the collisions of a crossing that have a vertex in the event displays, which keep soft ones: what
# `simulation.tracks` finds in minimum bias. CMS quotes about 70 % for well-measured vertices at the pile-up of 2012.
VERTEX_EFFICIENCY = 0.78
ELECTRON_PROCESS = "electron-photon"  # for shower shapes, where the real files have electrons
_LEGEND = (
    "Points are real events, lines simulated ones; bars and bands are one standard error, from the spread between"
    " events. The first and last bins hold what lies beyond them. Where an event has many values, distances compare"
    " their shape alone."
)
_UNBIASED = ("MinimumBias", "ZeroBias")  # names of CMS's data sets that a collision's own energy did not select


class _Made(NamedTuple):
    """What was simulated, and with which pile-up, if that is known."""

    sample: Sample
    pileup: float | None
    about: str


def validate_simulation(
    against: Sequence[Path],
    output: Path = Path("validation"),
    *,
    simulated: Sequence[Path] = (),
    process: str = "minimum-bias",
    num_events: int = 1000,
    seed: int = 1,
    pileup: float | None = None,
    say: Callable[[str], Any] = lambda line: None,
) -> Validation:
    """Compare simulated with real events: `output`/index.html, a picture (SVG) a quantity, and distances.json.

    against: real files (.ig, event stores, folders), pooled. simulated: event stores to compare with; unless given,
    `num_events` of `process` are simulated and kept under `output`/simulated, and as many electrons and photons where
    the real files have electrons. pileup: mean number of other collisions in a crossing; estimated from the real
    vertices unless given. say: is told each step.
    Raises InputError when no real or no simulated event can be used, or when there is nothing to estimate pile-up from.
    """
    problems = Problems()
    say(f"reading {len(against)} real files or folders")
    real = measure_sample(against, problems)
    if not real.num_events:
        first = f" ({problems[0].what})" if problems else ""
        raise InputError(" ".join(map(str, against)), f"no real event with a vertex{first}", "give files of collisions")
    make_folder(output)
    made = _given(simulated, pileup) if simulated else _fresh(output, real, process, num_events, seed, pileup, say)

    say("comparing")
    rows = tuple(compare(quantity, real, made.sample) for quantity in QUANTITIES)
    provenance = {
        "versions": {"e2e": __version__, "numpy": np.__version__, "scipy": scipy.__version__},
        "seed": None if simulated else seed,
        "real": real.describe(),
        "simulated": made.sample.describe(),
    }
    left_out = f" {made.sample.num_without_vertex} without a vertex left out." if made.sample.num_without_vertex else ""
    notes = (*_notes(real), made.about + left_out)
    result = Validation(rows, made.pileup, notes, provenance, output, problems)
    write_json(output / "distances.json", result.to_json())
    _write_pictures(result, real, made.sample)
    return result


def estimate_pileup(mean_vertices: float) -> float:
    """Mean number of collisions beside the one that is simulated anyway, from the mean number of vertices."""
    return max(0.0, mean_vertices / VERTEX_EFFICIENCY - 1.0)


def _given(stores: Sequence[Path], pileup: float | None) -> _Made:
    problems = Problems()
    sample = measure_sample(stores, problems)
    if problems.has_errors or not sample.num_events:
        if problems:
            raise InputError(problems[0].where, problems[0].what, problems[0].remedy)
        what = "no simulated event with a vertex"
        raise InputError(" ".join(map(str, stores)), what, "give event stores of the simulation")
    stored = {entry.get("pileup") for entry in sample.provenance}
    if pileup is None and len(stored) == 1:
        pileup = stored.pop()
    known = "unknown" if pileup is None else f"{pileup:.1f}"
    return _Made(sample, pileup, f"Simulated: {sample.num_events} events of the given stores, pile-up {known}.")


def _fresh(
    output: Path,
    real: Sample,
    process: str,
    num_events: int,
    seed: int,
    pileup: float | None,
    say: Callable[[str], Any],
) -> _Made:
    origin = "as given"
    if pileup is None:
        if real.mean_vertices is None:
            raise InputError("pile-up", "the real files have no vertices to estimate it from", "give its mean")
        pileup = round(estimate_pileup(real.mean_vertices), 1)
        origin = (
            f"from {real.mean_vertices:.1f} real vertices per event, {VERTEX_EFFICIENCY:.0%} of collisions having one"
        )

    def simulated(name: str) -> Path:
        folder = make_folder(output / "simulated") / f"{name}-{num_events}-seed{seed}-pileup{pileup}"
        say(f"simulating {num_events} events of {name}, pile-up {pileup}")
        return simulate_events(name, folder, num_events, seed, float(pileup))

    problems = Problems()
    sample = measure_sample([simulated(process)], problems)
    electrons = real.values.get("electron-e3x3_over_e5x5")
    if process != ELECTRON_PROCESS and electrons is not None and len(electrons.value):
        showers = measure_sample([simulated(ELECTRON_PROCESS)], problems, (measure_showers,), needs_vertex=False)
        sample.values |= showers.values
        sample.provenance += showers.provenance
    if problems.has_errors:
        raise InputError(problems[0].where, problems[0].what, f"remove {output / 'simulated'} and run again")
    if not sample.num_events:
        raise InputError(process, "no simulated event with a vertex", "choose another process")
    return _Made(sample, pileup, f"Simulated: {sample.num_events} events of {process}, pile-up {pileup} ({origin}).")


def simulate_events(process: str, folder: Path, num_events: int, seed: int, pileup: float) -> Path:
    """The one door to the simulation. Processes of one era share a pool of pile-up, beside their folders."""
    from e2e.simulation.processes import PROCESSES
    from e2e.simulation.simulate import simulate

    era = PROCESSES[process].era.name if process in PROCESSES else ""
    shared = folder.with_name(f".pool-{era}.safetensors") if pileup else None
    return simulate(process, folder, num_events=num_events, seed=seed, pileup=pileup, pool=shared)


def _notes(real: Sample) -> list[str]:
    notes = [f"Real: {real.num_events} events with a vertex, {real.num_without_vertex} without one left out."]
    names = [str(entry["input"]) for entry in real.provenance if "input" in entry]
    triggered = [name for name in names if not name.startswith(_UNBIASED)]
    if len(names) < len(real.provenance):
        notes.append("How the events of some files were selected is not known.")
    if triggered:
        notes.append(
            f"Selected by a trigger: {', '.join(triggered)}. Their events are harder than an average collision, which"
            " shows in energies and multiplicities."
        )
    return notes


def _write_pictures(result: Validation, real: Sample, simulated: Sample) -> None:
    from e2e.evaluation import plots
    from e2e.validation.pictures import picture

    about = (result.summary() + ".", *result.notes, result.not_compared(), _LEGEND)
    sections = [Section("Distances", " ".join(filter(None, about)), [], result.table())]
    for group, members in groupby(result.rows, key=lambda row: row.quantity.group):
        figures = []
        for row in members:
            if row.distance is not None:
                name = row.quantity.name
                figures.append(result.output / f"{name}.svg")
                plots.save(picture(row.quantity, real.values[name], simulated.values[name]), figures[-1])
        if figures:
            sections.append(Section(group, "", figures))
    footer = f"e2e {__version__}, {real.num_events} real and {simulated.num_events} simulated events"
    write_page(result.output / "index.html", sections, footer, "Simulation over real collisions")
