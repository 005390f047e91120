"""Mass of a boosted A -> gamma gamma whose photons merge in the barrel.

Flat in mass (0 to 1.6 GeV) and pT (20 to 100 GeV). Domain continuation as in arXiv:2204.12313: single photons are given
a random mass between -0.3 GeV and zero and trained along, so that the estimate does not pile up at the edge of what was
trained; an answer below zero means "no mass seen".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.simulation.gun import CONTINUATION_MASS
from e2e.tasks.electron_photon import GUN_PT_EDGES, PHOTONS
from e2e.tasks.selection import LeadingCrystal
from e2e.tasks.task import Beside, Output, Species, Task, Truth, of_kind, spread_evenly, true_pt

MAX_MASS = 1.6  # GeV
PAIRS = Species("A -> gamma gamma", (36,))


def _mass(truth: Truth) -> NDArray[np.float32]:
    """True mass; of a single photon a number below zero that only depends on its event number."""
    below_zero = CONTINUATION_MASS * spread_evenly(truth["event"])
    return np.where(np.isin(truth["pdg_id"], PHOTONS.pdg_ids), below_zero, truth["mass"]).astype(np.float32)


def _is_pair(truth: Truth) -> NDArray[np.float32]:
    """NaN where the particle is not known."""
    return np.where(np.isnan(truth["pdg_id"]), np.nan, of_kind(PAIRS)(truth)).astype(np.float32)


_IS_PAIR = Beside(
    Output("score", "probability", "1", "probability of two photons where both are as many as simulated"), _is_pair
)

DIPHOTON_MASS = Task(
    name="diphoton-mass",
    title="Mass of A -> gamma gamma",
    frame=FrameSpec(channels=("ecal_energy",)),
    input_scale=(0.04,),
    selection=LeadingCrystal(),
    output=Output(
        "mass",
        "quantity",
        "GeV",
        "mass of the particle behind the merged photons; below zero: none seen",
        scale=MAX_MASS,
        trained_range=(0.0, MAX_MASS),
    ),
    target=_mass,
    signal=PAIRS,
    other=Species("single photons", PHOTONS.pdg_ids),
    pt_edges=GUN_PT_EDGES,
    mass_radius=0.25,
    beside=(_IS_PAIR, true_pt(60.0, 20.0, 100.0)),
    network={"patch": 4, "stem_patch": 2, "stages": 1, "max_particles": 64},
    limits=(
        "Trained on our own fast simulation; real crops also hold jets and other particles.",
        "Simulated at |eta| < 1.4.",
    ),
    published={"what": "arXiv:2204.12313, ResNet on 2 x 32 x 32 crops, mean absolute error loss, domain continuation"},
)
