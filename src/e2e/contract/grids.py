"""The pixel grids. Row runs with eta, column with phi; column 0 of the ECAL grids covers phi -10 to -9 degrees.

Source: cms-e2e/RecoE2E DetFrameProducer and bhbam/MLAnalyzer (eta edges), checked on real rec hits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """`rows` x `columns` pixels; phi wraps, so column `columns` is column 0 again."""

    name: str
    rows: int
    columns: int


GRIDS: dict[str, Grid] = {
    grid.name: grid
    for grid in (
        Grid("barrel", 170, 360),  # one pixel per EB crystal
        Grid("stitched", 280, 360),  # EE- rows 0-54, EB rows 55-224, EE+ rows 225-279
        Grid("hcal", 56, 72),  # ieta -28..-1, 1..28; one pixel per 5-degree tower, depths summed
    )
}

BARREL_MAX_IETA = 85
ENDCAP_ROWS = 55  # of the stitched grid, each side
HCAL_MAX_IETA = 28  # ieta 29 is folded into 28
HCAL_LAST_FINE_IETA = 20  # beyond it a tower spans 10 degrees and is shared by two columns
HCAL_UPSAMPLING = 5  # HCAL pixel -> 5 x 5 pixels of the stitched grid, each with 1/25 of the energy
HCAL_COLUMN_SHIFT = 2  # HCAL iphi 1 begins at phi 0, under ECAL column 10 = tower column 2

# |eta| edges of the HE towers 18 to 28; each is cut in five to make the endcap rows of the stitched grid.
HE_TOWER_EDGES = (1.479, 1.566, 1.653, 1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 3.0)
