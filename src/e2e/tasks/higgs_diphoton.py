"""Is this event a Higgs boson that decays to two photons? The whole barrel at once.

Gluon fusion H -> gamma gamma against prompt gamma gamma and gamma + jet, of pair masses from 50 to 250 GeV. Taken are
events with a barrel crystal above 8 GeV, as photons of 20 GeV leave it: the generator makes softer photons for the
Higgs boson alone, and an empty barrel would give it away. The masses of the three differ, and the network may use
that: it is event classification, not a tagger of objects.
"""

from __future__ import annotations

from e2e.contract import GRIDS, FrameSpec
from e2e.tasks.selection import WholeBarrel
from e2e.tasks.task import Output, Species, Task, of_kind

HIGGS, CONTINUUM = Species("H -> gamma gamma", (25,)), Species("gamma gamma, gamma + jet", (22, 21))
_BARREL = GRIDS["barrel"]

HIGGS_DIPHOTON = Task(
    name="higgs-diphoton",
    title="H -> gamma gamma against its continuum",
    frame=FrameSpec(
        channels=("ecal_energy",),
        rows=_BARREL.rows,
        columns=_BARREL.columns,
        centre_row=_BARREL.rows // 2,
        centre_column=_BARREL.columns // 2,
    ),
    input_scale=(0.04,),
    selection=WholeBarrel(min_et=8.0),
    output=Output("score", "probability", "1", "probability of H -> gamma gamma in the mixture it was trained on"),
    target=of_kind(HIGGS),
    signal=HIGGS,
    other=CONTINUUM,
    pt_edges=(0.0, 10.0, 20.0, 40.0, 80.0, 200.0),
    network={"has_pool": True, "patch": 10},
    published={"what": "arXiv:1807.11916 classifies such events of CMS open simulation; no number on like samples"},
    limits=("Trained on our own fast simulation.", "Photons in the endcaps are not seen."),
)
