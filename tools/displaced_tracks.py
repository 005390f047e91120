"""What impact parameters say about top quarks, without a network and beside one.

    python tools/displaced_tracks.py DATA... [--beside BUNDLE]

Areas under the curve of track counts in the frame. With a bundle (of any channels): that of its answer alone, and that
of a logistic regression of answer and counts, fitted on one half of the candidates and asked about the other, both
ways: what the counts know that the bundle does not say.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import load_bundle
from e2e.datasets import load_candidates
from e2e.inference.engine import load_engine
from e2e.metrics import area_under_curve, bootstrap
from e2e.tasks import TASKS

MIN_PT_GEV, MIN_D0_CM, MAX_D0_CM = 1.0, 0.01, 1.0
BATCH, STEPS = 500, 20
Columns = NDArray[np.float64]


def main(data: list[Path], beside: Path | None) -> None:
    task = TASKS["top"]
    candidates = load_candidates(task, data)
    is_top = candidates.target > 0.5
    counts = _counts(candidates)
    for name, values in counts.items():
        print(f"{name}: {area_under_curve(values, is_top)}, {len(is_top)} candidates")
    if beside is None:
        return
    bundle = load_bundle(beside)
    seen = load_candidates(task, data, frame=bundle.contract.frame)
    engine = load_engine(bundle, "onnxruntime")
    score = np.concatenate([engine.run(packed)[:, 0] for packed, _ in seen.batches(BATCH)]).astype(float)
    answer = np.log(np.clip(score, 1e-7, 1 - 1e-7) / np.clip(1 - score, 1e-7, 1))
    both = _regressed([answer, *(np.log1p(values) for values in counts.values())], is_top)
    alone = _regressed([answer], is_top)
    print(f"{beside} alone: {area_under_curve(alone, is_top)}; with the counts: {area_under_curve(both, is_top)}")
    print(f"difference: {bootstrap(_difference, both, alone, is_top)}")


def _difference(one: Columns, two: Columns, is_top: NDArray[np.bool_]) -> float:
    return area_under_curve(one, is_top).value - area_under_curve(two, is_top).value


def _counts(candidates) -> dict[str, Columns]:
    channels = TASKS["top"].frame.channels
    pt, d0 = (channels.index(name) for name in ("track_pt", "track_d0"))
    parts = []
    for start in range(0, len(candidates), BATCH):
        image = candidates.candidates.select(slice(start, start + BATCH)).load().to_dense()
        is_track, distance = image[:, pt] > MIN_PT_GEV, np.abs(image[:, d0])
        is_displaced = is_track & (distance > MIN_D0_CM) & (distance < MAX_D0_CM)
        parts.append((is_track.sum((1, 2)), is_displaced.sum((1, 2))))
    tracks, displaced = (np.concatenate(column).astype(float) for column in zip(*parts, strict=True))
    return {"tracks": tracks, "displaced tracks": displaced}


def _regressed(columns: list[Columns], truth: NDArray[np.bool_]) -> Columns:
    """Logit of each candidate from a regression (Newton's steps) on the other half."""
    table = np.column_stack([np.ones(len(truth)), *((x - x.mean()) / x.std() for x in columns)])
    result = np.empty(len(truth))
    for fitted in (np.arange(len(truth)) % 2 == half for half in (0, 1)):
        weights = np.zeros(table.shape[1])
        for _ in range(STEPS):
            chance = 1 / (1 + np.exp(-table[fitted] @ weights))
            slope = table[fitted].T @ (truth[fitted] - chance)
            curvature = (table[fitted].T * (chance * (1 - chance))) @ table[fitted]
            weights += np.linalg.solve(curvature, slope)
        result[~fitted] = table[~fitted] @ weights
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--beside", type=Path, default=None, metavar="BUNDLE")
    main(**vars(parser.parse_args()))
