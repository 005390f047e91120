"""Light quark or gluon: what started the jet.

Jets (anti-kT 0.5) of 70 GeV and more in the barrel, each matched to one of the two partons of the hard collision.
Quarks and gluons differ in their spectra: `balance` makes them equally many at each pT and |eta|.
"""

from __future__ import annotations

from e2e.tasks.selection import MatchedJets
from e2e.tasks.task import Balance, Output, Species, Task, jet_frame, of_kind

QUARKS, GLUONS = Species("light quarks", (1, 2, 3)), Species("gluons", (21,))

QUARK_GLUON = Task(
    name="quark-gluon",
    title="Light quark against gluon jet",
    frame=jet_frame("track_pt", "ecal_energy", "hcal_energy"),
    input_scale=(0.05, 0.05, 1.0),
    selection=MatchedJets(pt=(70.0, 300.0), max_abs_eta=1.4, max_distance=0.4),
    output=Output("score", "probability", "1", "probability of a light quark where quarks and gluons are equally many"),
    target=of_kind(QUARKS),
    signal=QUARKS,
    other=GLUONS,
    pt_edges=(70.0, 90.0, 110.0, 140.0, 180.0, 240.0, 300.0),
    balance=Balance((70, 80, 90, 105, 120, 140, 165, 190, 215, 240, 270, 300), (0.0, 0.35, 0.7, 1.05, 1.4)),
    mass_radius=0.5,
    network={"has_pool": True, "patch": 5},
    published={"auc": 0.8077, "what": "arXiv:1902.08276, ResNet-15, CMS full simulation, 794,000 jets"},
    limits=("Trained on our own fast simulation; jets of charm and bottom quarks are not among the light quarks.",),
)
