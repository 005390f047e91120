"""Answers of the shipped bundles for real electrons and photons: the table of docs/results.md, "Real events".

usage: python tools/real_medians.py REAL.ig...

pT above 15 GeV; photons that share no seed crystal with an electron; errors of medians by bootstrap.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from e2e.inference.predict import predict
from e2e.metrics import area_under_curve, bootstrap

ZOO = Path(__file__).parents[1] / "zoo"
MIN_PT, MAX_SHARE_OUTSIDE = 15.0, 0.1


def main(real: list[Path]) -> None:
    for bundle, output in (("diphoton-mass", "mass"), ("electron-photon", "score")):
        table = predict(ZOO / bundle, real).table
        row = {name: table[name].to_numpy() for name in table.column_names}
        answer, is_hard = row[output].astype(np.float64), row["pt"] > MIN_PT
        is_electron = is_hard & (row["source"] == "electron")
        is_photon = is_hard & (row["source"] == "photon") & ~row["matches_electron"].astype(bool)
        for where, chosen in (("alone", row["share_outside"] < MAX_SHARE_OUTSIDE), ("all", is_hard)):
            groups = {"electrons": answer[is_electron & chosen], "photons": answer[is_photon & chosen]}
            for name, values in groups.items():
                median = bootstrap(lambda sample: float(np.median(sample)), values)
                low, high = np.quantile(values, (0.16, 0.84))
                below = f"{(values < 0.2).mean():.0%} below 0.2"
                print(f"{output}, {name}, {where}: {len(values)}, median {median}, {low:.2f} to {high:.2f}, {below}")
            if output == "score":
                scores = np.concatenate(list(groups.values()))
                print(f"  AUC {area_under_curve(scores, np.arange(len(scores)) < len(groups['electrons']))}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
