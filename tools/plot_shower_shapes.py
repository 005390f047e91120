"""Shower shapes of simulated electrons over those of real ones, and the distances between them.

usage: python tools/plot_shower_shapes.py REAL.ig... [-n EVENTS] [-o FOLDER]

Real: GSF electrons above 15 GeV with an isolated shower (less than 10 % of the crop's energy outside the five rows
of the seed). Simulated: electrons of pT 15 to 60, cut around their highest crystal, the same selection. Writes SVG
pictures and prints one line per shape.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from e2e.contract import SEED_MIN_ENERGY_GEV, FrameSpec
from e2e.evaluation import plots
from e2e.evaluation.shower_shapes import shower_shapes
from e2e.events.reader import expand_inputs, read_events
from e2e.frames import Candidates, native
from e2e.frames.seeds import object_seeds
from e2e.problems import Problems
from e2e.simulation import simulate
from e2e.simulation.gun import Gun

MIN_PT, MAX_PT, MAX_OUTSIDE = 15.0, 60.0, 0.10
EDGES = {
    "e3x3_over_e5x5": np.linspace(0.5, 1.0, 21),
    "max_over_e5x5": np.linspace(0.1, 0.9, 17),
    "sigma_ieta_ieta": np.linspace(0.004, 0.020, 17),
}


def real_electrons(paths: list[Path]) -> Candidates:
    parts = []
    for path in expand_inputs(paths):
        for events in read_events(path, Problems()):
            found = object_seeds(events)
            electrons = events.objects.get("electrons")
            if electrons is None or not len(found):
                continue
            is_electron = found.source == "electrons"
            hard = electrons["pt"][found.index[is_electron]] > MIN_PT
            seeds = found.seeds.select(np.flatnonzero(is_electron)[hard])
            parts.append(native.build_candidates(events.hits["EB"], FrameSpec(), seeds))
    return isolated(Candidates.concatenate(parts))


def simulated_electrons(num_events: int) -> Candidates:
    with TemporaryDirectory() as folder:
        gun = Gun(pt=(MIN_PT, MAX_PT))
        path = simulate("electron", Path(folder) / "e.parquet", num_events=num_events, gun=gun, pileup=20.0)
        parts = []
        for events in read_events(path, Problems()):
            seeds = native.leading_seeds(events.hits["EB"], SEED_MIN_ENERGY_GEV)
            parts.append(native.build_candidates(events.hits["EB"], FrameSpec(), seeds))
    return isolated(Candidates.concatenate(parts))


def isolated(candidates: Candidates) -> Candidates:
    return candidates.select(candidates.share_outside() < MAX_OUTSIDE)


def main(arguments: Any = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", nargs="+", type=Path)
    parser.add_argument("-n", "--num-events", type=int, default=5000)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    real = shower_shapes(real_electrons(options.real))
    simulated = shower_shapes(simulated_electrons(options.num_events))
    for name, edges in EDGES.items():
        figure, axes = plots.new_axes("Private work (CMS open data and simulation)")
        samples = {"simulated electrons": simulated[name], "real electrons": real[name]}
        plots.plot_histograms(axes, samples, edges, has_errors=True)
        axes.set(xlabel=name, ylabel="candidates, normalised")
        plots.save(figure, options.output / f"{name}.svg")
        distance = ks_2samp(simulated[name], real[name])
        medians = f"median {np.median(simulated[name]):.4f} simulated, {np.median(real[name]):.4f} real"
        print(f"{name}: {medians}; KS {distance.statistic:.3f}, p = {distance.pvalue:.3f}, {len(real[name])} real")


if __name__ == "__main__":
    main()
