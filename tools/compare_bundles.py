"""Area under the curve of two bundles of one task on the same candidates, and their difference with its own error.

    python tools/compare_bundles.py BUNDLE OTHER DATA...

The bundles may look at other channels of the same candidates. The error of the difference is that of a bootstrap over
candidates, both answers together: much smaller than those of the two areas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from e2e.bundles import load_bundle
from e2e.datasets import load_candidates
from e2e.inference.engine import load_engine
from e2e.metrics import area_under_curve, bootstrap
from e2e.tasks import TASKS

BATCH = 512


def main(bundle: Path, other: Path, data: list[Path]) -> None:
    answers = []
    for path in (bundle, other):
        loaded = load_bundle(path)
        candidates = load_candidates(TASKS[loaded.contract.task], data, frame=loaded.contract.frame)
        engine = load_engine(loaded, "onnxruntime")
        answers.append(np.concatenate([engine.run(packed)[:, 0] for packed, _ in candidates.batches(BATCH)]))
        print(f"{path}: {area_under_curve(answers[-1], candidates.target > 0.5)}")
    truth = candidates.target > 0.5

    def difference(one: np.ndarray, two: np.ndarray, is_signal: np.ndarray) -> float:
        return area_under_curve(one, is_signal).value - area_under_curve(two, is_signal).value

    print(f"difference: {bootstrap(difference, *answers, truth)} on {len(truth)} candidates")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(path) for path in sys.argv[3:]])
