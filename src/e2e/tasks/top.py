"""Boosted top quark that decays to quarks, or a jet of light quarks and gluons.

Jets (anti-kT 0.8) above 400 GeV, matched to the top quark or to a parton of the hard collision. The generated mass of
the top quark is kept in the truth as a second target. pT and |eta| are evened out by `balance`.
"""

from __future__ import annotations

from e2e.tasks.selection import MatchedJets
from e2e.tasks.task import Balance, Output, Species, Task, jet_frame, of_kind, true_pt

TOPS, QCD = Species("top quarks", (6,)), Species("light quarks and gluons", (1, 2, 3, 4, 5, 21))

TOP = Task(
    name="top",
    title="Boosted top quark against QCD jet",
    frame=jet_frame(
        "track_pt", "track_d0", "track_dz", "ecal_energy", "hcal_energy", "bpix1", "bpix2", "bpix3"
    ),  # the order of arXiv:2104.14659
    input_scale=(0.05, 100.0, 50.0, 0.05, 1.0, 0.1, 0.1, 0.1),
    selection=MatchedJets(pt=(400.0, 1000.0), max_abs_eta=1.4, max_distance=0.6),
    output=Output("score", "probability", "1", "probability of a top quark where both are equally many"),
    target=of_kind(TOPS),
    signal=TOPS,
    other=QCD,
    pt_edges=(400.0, 450.0, 500.0, 600.0, 800.0, 1000.0),
    balance=Balance((400, 425, 450, 475, 500, 540, 580, 620, 670, 720, 800, 900, 1000), (0.0, 0.35, 0.7, 1.05, 1.4)),
    mass_radius=0.8,
    beside=(true_pt(500.0, 400.0, 1000.0),),
    network={"has_pool": True, "patch": 5, "log_channels": ("track_d0", "track_dz")},
    published={"auc": 0.9824, "what": "arXiv:2104.14659, ResNet-15, all 8 channels, CMS full simulation, 4M jets"},
    limits=("Trained on our own fast simulation; tops whose decay is wider than the jet are among the signal.",),
)
