"""Electron or photon, from the barrel crystals alone.

Both are shot flat in pT (20 to 100 GeV) and eta (|eta| < 1.4) from the same spectra, so nothing but the shower tells
them apart. The published data set is at pT 50; `e2e simulate electron-photon --pt 50 50` makes that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.contract import FrameSpec
from e2e.events.record import Events
from e2e.simulation.gun import ELECTRON_PDG, PHOTON_PDG
from e2e.tasks.task import Output, Species, Task


def _is_electron(events: Events) -> NDArray[np.float32]:
    return (np.abs(events.objects["truth"]["pdg_id"]) == ELECTRON_PDG).astype(np.float32)


ELECTRON_PHOTON = Task(
    name="electron-photon",
    title="Electron against photon",
    frame=FrameSpec(channels=("ecal_energy",)),
    input_scale=(0.04,),
    output=Output(
        "score", "probability", "1", "probability of an electron where electrons and photons are equally many"
    ),
    target=_is_electron,
    signal=Species("electrons", ELECTRON_PDG),
    other=Species("photons", PHOTON_PDG),
    published={
        "auc": 0.8158,
        "pt": [45.0, 55.0],
        "what": "ResNet-15, energy only, CMS full simulation, pT 50 GeV, 249k + 249k (best public)",
    },
    limits=(
        "Trained on our own fast simulation; real crops also hold jets and other particles.",
        "Simulated at |eta| < 1.4 and, unless the data above say otherwise, pT 20 to 100 GeV.",
    ),
)
