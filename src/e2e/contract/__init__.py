"""The contract: channels, grids, units, limits and versions, stated once.

The C++ header `cpp/include/e2e/contract.h` is generated from here (`python -m e2e.detector.header`), a bundle's
`contract.json` is written from here, and nothing else in the project types these numbers again.

Dimension glossary, used in every docstring and shape comment:

    events      events of a file or batch               hits        rec hits, all events one after the other
    candidates  crops or objects, all events            pixels      occupied pixels of a frame, or the padded length
    batch       candidates handed to a network          channels    detector quantities of a pixel (energy, time, ...)
    rows        eta direction of a grid or crop         columns     phi direction of a grid or crop
    outputs     numbers a network gives per candidate

Units are GeV, nanoseconds, centimetres and radians unless a name ends in another one.
"""

from e2e.contract.channels import CHANNELS, GRID_CHANNELS, TRACKER_LAYERS, Channel
from e2e.contract.frame_spec import FrameSpec
from e2e.contract.graph_spec import GraphSpec
from e2e.contract.grids import GRIDS, Grid
from e2e.contract.limits import (
    CROP_CENTRE,
    CROP_SIZE,
    JET_CROP_CENTRE,
    JET_CROP_SIZE,
    JET_SEED_HALF_TOWERS,
    MAX_EXACT_INDEX,
    MAX_HIT_ENERGY_GEV,
    MAX_TRACK_PT_GEV,
    PADDING_INDEX,
    SEED_MIN_ENERGY_GEV,
    SEED_SEARCH_HALF_COLUMNS,
    SEED_SEARCH_HALF_ROWS,
    TRACK_MAX_DZ_CM,
    TRACK_MAX_ETA,
)
from e2e.contract.versions import (
    BUNDLE_VERSION,
    CANDIDATE_STORE_VERSION,
    COMPRESSED_VERSION,
    CONTRACT_VERSION,
    EVENT_STORE_VERSION,
    GRAPH_CONTRACT_VERSION,
)

__all__ = [
    "BUNDLE_VERSION",
    "CANDIDATE_STORE_VERSION",
    "CHANNELS",
    "COMPRESSED_VERSION",
    "CONTRACT_VERSION",
    "CROP_CENTRE",
    "CROP_SIZE",
    "EVENT_STORE_VERSION",
    "GRAPH_CONTRACT_VERSION",
    "GRIDS",
    "GRID_CHANNELS",
    "JET_CROP_CENTRE",
    "JET_CROP_SIZE",
    "JET_SEED_HALF_TOWERS",
    "MAX_EXACT_INDEX",
    "MAX_HIT_ENERGY_GEV",
    "MAX_TRACK_PT_GEV",
    "PADDING_INDEX",
    "SEED_MIN_ENERGY_GEV",
    "SEED_SEARCH_HALF_COLUMNS",
    "SEED_SEARCH_HALF_ROWS",
    "TRACKER_LAYERS",
    "TRACK_MAX_DZ_CM",
    "TRACK_MAX_ETA",
    "Channel",
    "FrameSpec",
    "GraphSpec",
    "Grid",
]
