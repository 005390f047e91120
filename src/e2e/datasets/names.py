"""The names that converters gave to what we call otherwise: columns of images, branches of ntuples."""

from __future__ import annotations

from collections.abc import Container, Iterable

MASSES = ("am", "m", "genM", "a_m")
KNOWN_AS: dict[str, tuple[str, ...]] = {
    "pt": ("pt", "jetPt", "jet_pt", "jetpt", "pT", "jetpT", "jet_Pt"),
    "mass": ("m0", "jetM", "jet_mass", "jet_M"),
    "eta": ("jetEta", "jet_Eta"),
    "phi": ("jetPhi", "jet_Phi"),
    "truth.mass": MASSES,
    "truth.pt": ("apt", "a_pt"),
    "truth.eta": ("a_eta",),
}


def first_of(names: Iterable[str], there: Container[str]) -> str | None:
    """The first of the names that is there."""
    return next((name for name in names if name in there), None)
