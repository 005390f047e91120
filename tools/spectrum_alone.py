"""What pT alone says about the kinds of a task whose spectra are balanced: areas under the curve, over all and by bin.

python tools/spectrum_alone.py TASK DATA...
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np

from e2e.datasets.balance import balanced
from e2e.events.reader import read_inputs
from e2e.metrics import area_under_curve
from e2e.problems import Problems
from e2e.tasks import TASKS


def main(name: str, data: list[Path]) -> None:
    task = TASKS[name]
    if task.balance is None:
        sys.exit(f"{name} has no balance")
    found = []
    for _, events in read_inputs(data, Problems()):
        candidates = task.selection.find(events, task.frame)
        truth = {key: column[candidates.truth_row] for key, column in events.objects["truth"].columns.items()}
        known = task.is_known(truth)
        found.append((candidates.pt[known], candidates.eta[known], task.is_signal(truth)[known]))
    pt, eta, is_signal = (np.concatenate(columns) for columns in zip(*found, strict=True))
    kept = balanced(task.balance, pt, eta, is_signal, np.random.default_rng(1).random(len(pt)))
    print(f"all {kept.sum()} candidates: {area_under_curve(pt[kept], is_signal[kept])}")
    for low, high in itertools.pairwise(task.balance.pt_edges):
        inside = kept & (pt >= low) & (pt < high)
        print(f"{low} to {high} GeV: {area_under_curve(pt[inside], is_signal[inside])}")


if __name__ == "__main__":
    main(sys.argv[1], [Path(path) for path in sys.argv[2:]])
