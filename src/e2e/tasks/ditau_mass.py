"""Mass of a boosted a -> tau tau whose taus merge into one jet.

Flat in mass (3.6 to 15 GeV) and pT as generated; `flat` makes the jets that are found and matched equally many at each
mass. Both taus decay hadronically. 13 channels in the order of rchudasa/MLAnalyzer.
"""

from __future__ import annotations

from e2e.tasks.selection import MatchedJets
from e2e.tasks.task import Flat, Output, Species, Task, jet_frame, true_mass, true_pt

MIN_MASS, MAX_MASS = 3.6, 15.0  # GeV

DITAU_MASS = Task(
    name="ditau-mass",
    title="Mass of a -> tau tau",
    frame=jet_frame(
        "track_pt",
        "track_dz_significance",
        "track_d0_significance",
        "ecal_energy",
        "hcal_energy",
        *("bpix1", "bpix2", "bpix3", "bpix4", "tib1", "tib2", "tob1", "tob2"),
    ),
    input_scale=(0.05, 0.1, 0.1, 0.05, 1.0, *(0.5,) * 8),
    selection=MatchedJets(pt=(15.0, 250.0), max_abs_eta=1.4, max_distance=0.4),
    output=Output(
        "mass",
        "quantity",
        "GeV",
        "mass of the particle behind the merged taus",
        scale=6.0,
        trained_range=(MIN_MASS, MAX_MASS),
    ),
    target=true_mass,
    signal=Species("a -> tau tau", (36,)),
    other=Species("none", ()),
    pt_edges=(15.0, 30.0, 50.0, 80.0, 120.0, 170.0, 250.0),
    flat=Flat(MIN_MASS, MAX_MASS, bins=10),
    mass_radius=0.4,
    beside=(true_pt(100.0, 30.0, 200.0),),
    network={"has_pool": True, "patch": 5, "window": 64, "stages": 2, "has_maximum": True},
    published={"what": "CMS and rchudasa/MLAnalyzer: 13 channels, target m/6; no public number"},
    limits=("Trained on our own fast simulation; taus that decay to electrons and muons are not in it.",),
)
