"""Hadronic tau of low momentum, or a jet of the same pT and |eta|.

Jets (anti-kT 0.4) of 10 to 60 GeV matched to the visible part of a hadronic tau (from Z/gamma* and W), or to a parton.
Both are made equally many at each measured pT and |eta| (`balance`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.tasks.selection import MatchedJets
from e2e.tasks.task import Balance, Beside, Cone, Output, Species, Task, Truth, jet_frame, of_kind, true_pt

# Decay modes in the numbers of CMS: 5 (charged hadrons - 1) + neutral pions.
ONE_PRONG, ONE_PRONG_AND_PIONS, THREE_PRONG = (0,), (1, 2, 3, 4), (10, 11, 12, 13, 14)
TAUS, QCD = Species("hadronic taus", (15,)), Species("light quarks and gluons", (1, 2, 3, 4, 5, 21))


def _decays(name: str, what: str, modes: tuple[int, ...]) -> Beside:
    """Known of taus alone."""

    def target(truth: Truth) -> NDArray[np.float32]:
        mode = truth["decay_mode"]
        return np.where(np.isnan(mode), np.nan, np.isin(mode, modes)).astype(np.float32)

    return Beside(Output(name, "probability", "1", f"probability that a hadronic tau decayed to {what}"), target)


TAU = Task(
    name="tau",
    title="Low-momentum hadronic tau against QCD jet",
    frame=jet_frame(
        "track_pt",
        "track_d0_significance",
        "track_dz_significance",
        "ecal_energy",
        "hcal_energy",
        "bpix1",
        "bpix2",
        "bpix3",
        "bpix4",
    ),
    input_scale=(0.2, 0.1, 0.1, 0.2, 2.0, 0.5, 0.5, 0.5, 0.5),
    selection=MatchedJets(pt=(10.0, 60.0), max_abs_eta=1.4, max_distance=0.3),
    output=Output("score", "probability", "1", "probability of a hadronic tau where both are equally many"),
    target=of_kind(TAUS),
    signal=TAUS,
    other=QCD,
    pt_edges=(10.0, 20.0, 40.0, 60.0),
    efficiencies=(0.5, 0.7, 0.9),
    balance=Balance((10, 12, 14, 17, 20, 24, 28, 32, 36, 41, 47, 53, 60), (0.0, 0.35, 0.7, 1.05, 1.4)),
    jets=("taus", "jets"),
    mass_radius=0.4,
    isolation=Cone(inner=0.16, outer=0.6, max_dz_significance=3.0),  # the best of a scan, see docs/results.md
    beside=(
        _decays("one_prong", "one charged hadron", ONE_PRONG),
        _decays("one_prong_pi0", "one charged hadron and neutral pions", ONE_PRONG_AND_PIONS),
        _decays("three_prong", "three charged hadrons", THREE_PRONG),
        true_pt(30.0, 10.0, 60.0),  # of what a tau shows: without its neutrino
    ),
    network={"has_pool": True, "patch": 5, "reach": 36},  # of a graph: 0.63, beyond the isolation
    published={"auc": 0.863, "what": "graph network on 3,200 jets (weak): no published number on like jets"},
    limits=("Trained on our own fast simulation.", "Pile-up jets are not among the background."),
)
