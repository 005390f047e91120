"""The readable specification in NumPy, one event at a time: hits -> frames -> seeds -> candidates, one file each.

`e2e.frames.native` offers the same functions over the C++ core and must equal these bit for bit.
"""

from e2e.frames.reference_candidates import build_candidates, cut_candidates, pack, to_dense
from e2e.frames.reference_frames import (
    BARREL,
    Frame,
    Hits,
    barrel_frame,
    barrel_frames,
    count_hits,
    hcal_frame,
    hcal_frames,
    leading_rows,
    screen,
    stitched_frame,
    stitched_frames,
    sum_pixels,
    upsample_hcal,
)
from e2e.frames.reference_seeds import highest_near, isolated_seeds, leading_seeds, seeds_near

__all__ = [
    "BARREL",
    "Frame",
    "Hits",
    "barrel_frame",
    "barrel_frames",
    "build_candidates",
    "count_hits",
    "cut_candidates",
    "hcal_frame",
    "hcal_frames",
    "highest_near",
    "isolated_seeds",
    "leading_rows",
    "leading_seeds",
    "pack",
    "screen",
    "seeds_near",
    "stitched_frame",
    "stitched_frames",
    "sum_pixels",
    "to_dense",
    "upsample_hcal",
]
