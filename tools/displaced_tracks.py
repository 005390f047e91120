"""What impact parameters alone say about top quarks: areas under the curve of track counts in the frame.

python tools/displaced_tracks.py DATA...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from e2e.datasets import load_candidates
from e2e.metrics import area_under_curve
from e2e.tasks import TASKS

MIN_PT_GEV, MIN_D0_CM, MAX_D0_CM = 1.0, 0.01, 1.0


def main(data: list[Path]) -> None:
    task = TASKS["top"]
    candidates = load_candidates(task, data)
    pt, d0 = (task.frame.channels.index(name) for name in ("track_pt", "track_d0"))
    counts = {"tracks": [], "displaced tracks": []}
    for start in range(0, len(candidates), 500):
        image = candidates.candidates.select(slice(start, start + 500)).to_dense()
        is_track, distance = image[:, pt] > MIN_PT_GEV, np.abs(image[:, d0])
        counts["tracks"].append(is_track.sum((1, 2)))
        is_displaced = is_track & (distance > MIN_D0_CM) & (distance < MAX_D0_CM)
        counts["displaced tracks"].append(is_displaced.sum((1, 2)))
    for name, parts in counts.items():
        print(
            f"{name}: {area_under_curve(np.concatenate(parts), candidates.target > 0.5)}, {len(candidates)} candidates"
        )


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
