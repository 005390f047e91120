"""The readable specification in NumPy: hits and tracks -> frames -> seeds -> candidates, one file each.

`e2e.frames.native` offers the same functions over the C++ core and must equal these bit for bit; a track's distances to
the last bit, where NumPy's sine is not the machine's.
"""

from e2e.frames.places import expected_pixel, tower_at
from e2e.frames.reference_candidates import build_candidates, cut_candidates, pack, pixel_runs, to_dense
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
from e2e.frames.reference_graph import graph_nodes, nearest_nodes, packed_neighbours
from e2e.frames.reference_seeds import (
    isolated_seeds,
    leading_seeds,
    seeds_near,
    seeds_of_jets,
    seeds_of_objects,
)
from e2e.frames.reference_tracking import hit_pixels, track_pixels

__all__ = [
    "BARREL",
    "Frame",
    "Hits",
    "barrel_frame",
    "barrel_frames",
    "build_candidates",
    "count_hits",
    "cut_candidates",
    "expected_pixel",
    "graph_nodes",
    "hcal_frame",
    "hcal_frames",
    "hit_pixels",
    "isolated_seeds",
    "leading_rows",
    "leading_seeds",
    "nearest_nodes",
    "pack",
    "packed_neighbours",
    "pixel_runs",
    "screen",
    "seeds_near",
    "seeds_of_jets",
    "seeds_of_objects",
    "stitched_frame",
    "stitched_frames",
    "sum_pixels",
    "to_dense",
    "tower_at",
    "track_pixels",
    "upsample_hcal",
]
