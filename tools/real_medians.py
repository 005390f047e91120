"""Answers of bundles for real electrons and photons: the table of docs/results.md, "Real events".

    python tools/real_medians.py REAL.ig... [--mass BUNDLE] [--beside FOLDER] [--figure FILE.svg]

pT above 15 GeV; photons that share no seed crystal with an electron; errors of medians by bootstrap. --mass: instead of
the one in zoo/. --beside: events with simulated electrons, whose masses are shown beside those of real ones that lie
alone in their crop.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from e2e.evaluation.plots import new_axes, to_svg
from e2e.inference.predict import predict
from e2e.metrics import area_under_curve, bootstrap

ZOO = Path(__file__).parents[1] / "zoo"
MIN_PT, MAX_SHARE_OUTSIDE = 15.0, 0.1
EDGES = np.linspace(-0.4, 1.6, 21)  # of the mass, GeV

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path, nargs="+")
    parser.add_argument("--mass", type=Path, default=ZOO / "diphoton-mass", metavar="BUNDLE")
    parser.add_argument("--beside", type=Path, metavar="FOLDER")
    parser.add_argument("--figure", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    for bundle, output in ((options.mass, "mass"), (ZOO / "electron-photon", "score")):
        row = ask(bundle, options.real)
        for where, chosen in (("alone", is_alone(row)), ("all", row["pt"] > MIN_PT)):
            groups = {kind: row[output][chosen & is_kind(row, kind)] for kind in ("electron", "photon")}
            for kind, values in groups.items():
                show(f"{output}, {kind}s, {where}", values)
            if output == "score":
                scores = np.concatenate(list(groups.values()))
                print(f"  AUC {area_under_curve(scores, np.arange(len(scores)) < len(groups['electron']))}")
    if options.beside is None:
        return
    real, simulated = ask(options.mass, options.real), ask(options.mass, [options.beside])
    found = {
        "real electrons": real["mass"][is_alone(real) & is_kind(real, "electron")],
        "simulated electrons": simulated["mass"][is_alone(simulated)],
    }
    show("mass, simulated electrons, alone", found["simulated electrons"])
    if options.figure is not None:
        options.figure.write_text(to_svg(figure(found)), encoding="utf-8")


def ask(bundle: Path, inputs: list[Path]) -> Row:
    table = predict(bundle, inputs).table
    return {name: table[name].to_numpy() for name in table.column_names}


def is_alone(row: Row) -> Any:
    return (row["pt"] > MIN_PT) & (row["share_outside"] < MAX_SHARE_OUTSIDE)


def is_kind(row: Row, kind: str) -> Any:
    return (row["source"] == kind) & ~((kind == "photon") & row["matches_electron"].astype(bool))


def show(what: str, values: Any) -> None:
    median = bootstrap(lambda sample: float(np.median(sample)), values.astype(np.float64))
    low, high = np.quantile(values, (0.16, 0.84))
    share = f", {(values < 0.2).mean():.0%} below 0.2" if what.startswith("mass") else ""
    print(f"{what}: {len(values)}, median {median}, {low:.2f} to {high:.2f}{share}")


def figure(found: dict[str, Any]) -> Any:
    """Shares of each bin; the error of a real one is that of its count."""
    drawn, axes = new_axes("Private work (CMS open data and simulation)")
    (real_name, real), (name, simulated) = found.items()
    shares = np.histogram(np.clip(simulated, EDGES[0], EDGES[-1]), EDGES)[0] / len(simulated)
    axes.stairs(shares, EDGES, fill=True, alpha=0.3, label=f"{name} ({len(simulated)})")
    counts = np.histogram(np.clip(real, EDGES[0], EDGES[-1]), EDGES)[0]
    centre = (EDGES[1:] + EDGES[:-1]) / 2
    error = np.sqrt(counts) / len(real)
    axes.errorbar(centre, counts / len(real), yerr=error, fmt="ko", markersize=4, label=f"{real_name} ({len(real)})")
    axes.set(xlabel="regressed mass [GeV]", ylabel="share of the candidates")
    axes.legend(fontsize=9)
    return drawn


if __name__ == "__main__":
    main()
