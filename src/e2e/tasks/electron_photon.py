"""Electron or photon, from the barrel crystals alone.

Both are shot flat in pT (20 to 100 GeV) and eta (|eta| < 1.4) from the same spectra, so nothing but the shower tells
them apart. The published data set is at pT 50; `e2e simulate electron-photon --pt 50 50` makes that.
"""

from __future__ import annotations

from e2e.contract import FrameSpec
from e2e.tasks.selection import LeadingCrystal
from e2e.tasks.task import Output, Species, Task, of_kind

ELECTRONS, PHOTONS = Species("electrons", (11,)), Species("photons", (22,))
GUN_PT_EDGES = (20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0)

ELECTRON_PHOTON = Task(
    name="electron-photon",
    title="Electron against photon",
    frame=FrameSpec(channels=("ecal_energy",)),
    input_scale=(0.04,),
    selection=LeadingCrystal(),
    output=Output(
        "score", "probability", "1", "probability of an electron where electrons and photons are equally many"
    ),
    target=of_kind(ELECTRONS),
    signal=ELECTRONS,
    other=PHOTONS,
    pt_edges=GUN_PT_EDGES,
    published={
        "auc": 0.8158,
        "pt": [45.0, 55.0],
        "what": "ResNet-15, energy only, CMS full simulation, pT 50 GeV, 249k + 249k (best public)",
    },
    network={"patch": 4, "stem_patch": 2, "stages": 1, "max_particles": 64},
    limits=(
        "Trained on our own fast simulation; real crops also hold jets and other particles.",
        "Simulated at |eta| < 1.4.",
    ),
)
