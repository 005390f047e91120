"""Mass of a boosted top quark that decays to quarks.

The jets and channels of the task `top`, around top quarks that were generated with any mass from 90 to 460 GeV; `flat`
makes them equally many at each.
"""

from __future__ import annotations

from e2e.tasks.task import Flat, Output, Species, Task, true_mass, true_pt
from e2e.tasks.top import TOP, TOPS

MIN_MASS, MAX_MASS = 100.0, 440.0  # GeV

TOP_MASS = Task(
    name="top-mass",
    title="Mass of a boosted top quark",
    frame=TOP.frame,
    input_scale=TOP.input_scale,
    selection=TOP.selection,
    output=Output(
        "mass",
        "quantity",
        "GeV",
        "mass of the top quark behind the jet",
        scale=200.0,
        trained_range=(MIN_MASS, MAX_MASS),
    ),
    target=true_mass,
    signal=TOPS,
    other=Species("none", ()),
    pt_edges=TOP.pt_edges,
    flat=Flat(MIN_MASS, MAX_MASS, bins=10),
    mass_radius=0.8,
    beside=(true_pt(500.0, 400.0, 1000.0),),
    network={**TOP.network, "has_maximum": True},
    published={"what": "GraphGPS 46, ResNet-50 55 GeV on 8 x 125 x 125 of CMS open simulation; a constant about 104"},
    limits=(
        "Trained on our own fast simulation, whose top quarks are of any mass.",
        "A decay opens about twice mass over pT: from about 0.4 of the pT on, much of it lies outside the jet of 0.8.",
        "A network that looks at all pixels learns how full they are: without pile-up it answers tens of GeV too high.",
    ),
)
