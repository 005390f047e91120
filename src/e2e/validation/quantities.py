"""What is compared: names, units, scales and bins of the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from e2e.validation.values import FloatArray

SUBDETECTORS = {"EB": "ECAL barrel", "EE": "ECAL endcaps", "HB": "HCAL barrel", "HE": "HCAL endcaps"}
HIGH_HIT_GEV = 1.0  # times are also compared above it, where noise does not reach
NOISE_GEV = 0.1  # where the scale of hit energies turns from linear to logarithmic
TRACK_MIN_PT, TRACK_MAX_ETA = 1.0, 2.4  # the event displays of 2012 leave out tracks below about 0.75 GeV
JET_MIN_PT = (20, 30)
MIN_SHOWER_PT, MAX_SHOWER_PT = 15.0, 100.0
MAX_SHARE_OUTSIDE = 0.1  # of a shower's crop, beyond its five rows

Item = Literal["event", "hit", "track", "electron", "photon"]


class Scale(NamedTuple):
    """On which a quantity is measured and drawn. name: matplotlib's."""

    name: str
    forward: Callable[[FloatArray], FloatArray]


LINEAR = Scale("linear", lambda value: value)
LOGARITHMIC = Scale("log", np.log)
NOISY = Scale("asinh", lambda value: np.arcsinh(value / NOISE_GEV))  # energies below zero are noise


@dataclass(frozen=True)
class Quantity:
    """name: of files. item: what has one value. edges: of the picture's bins; None: found from the values.

    per_event: the picture counts items per event instead of showing the shape of their distribution alone.
    is_information: known to differ by definition, so no disagreement.
    """

    name: str
    group: str
    title: str
    unit: str = ""
    item: Item = "event"
    scale: Scale = LINEAR
    edges: FloatArray | None = None
    is_count: bool = False
    per_event: bool = False
    has_log_counts: bool = False
    is_information: bool = False

    @property
    def is_independent(self) -> bool:
        """Whether no event has many values of it."""
        return self.item in ("event", "electron", "photon")

    @property
    def label(self) -> str:
        return f"{self.title} [{self.unit}]" if self.unit else self.title


_TIME_EDGES = np.arange(-75.0, 101.0, 5.0)
_ETA_EDGES = {"EB": (0.0, 1.5), "EE": (1.45, 3.05), "HB": (0.0, 1.4), "HE": (1.3, 3.05)}
_MIN_GEV, _MAX_GEV = -1.0, 100.0


def _energy_edges() -> FloatArray:
    low, high = np.arcsinh(_MIN_GEV / NOISE_GEV), np.arcsinh(_MAX_GEV / NOISE_GEV)
    return NOISE_GEV * np.sinh(np.linspace(low, high, 31))


def _of_subdetector(short: str, name: str) -> tuple[Quantity, ...]:
    group = f"{name} ({short})"
    low, high = _ETA_EDGES[short]
    eta_edges = np.linspace(low, high, round((high - low) / 0.1) + 1)
    times = {"edges": _TIME_EDGES, "unit": "ns", "item": "hit", "has_log_counts": True}
    return (
        Quantity(f"{short}-hits", group, f"{short} hits per event", is_count=True),
        Quantity(f"{short}-energy-sum", group, f"sum of {short} hit energies per event", "GeV"),
        Quantity(
            f"{short}-hit-energy", group, f"energy of {short} hits", "GeV", "hit", NOISY, _energy_edges(),
            has_log_counts=True,
        ),
        Quantity(f"{short}-occupancy", group, rf"|$\eta$| of {short} hits", "", "hit", edges=eta_edges, per_event=True),
        Quantity(f"{short}-time", group, f"time of {short} hits", **times),  # type: ignore[arg-type]
        Quantity(f"{short}-time-high", group, f"time of {short} hits above {HIGH_HIT_GEV:.0f} GeV", **times),  # type: ignore[arg-type]
    )  # fmt: skip


def _of_tracks() -> tuple[Quantity, ...]:
    group = f"Tracks above {TRACK_MIN_PT:.0f} GeV and vertices"
    return (
        Quantity("vertices", group, "vertices per event", is_count=True),
        Quantity("tracks", group, "tracks per event", is_count=True),
        Quantity(
            "track-pt", group, r"$p_T$ of tracks", "GeV", "track", LOGARITHMIC, np.geomspace(TRACK_MIN_PT, 100, 21),
            has_log_counts=True,
        ),
        Quantity("track-eta", group, r"$\eta$ of tracks", "", "track", edges=np.linspace(-2.4, 2.4, 25),
                 per_event=True),
    )  # fmt: skip


def _of_jets() -> tuple[Quantity, ...]:
    group = "Jets (another algorithm than CMS's: for information)"
    return tuple(
        Quantity(f"jets-above-{pt}", group, f"jets above {pt} GeV per event", is_count=True, is_information=True)
        for pt in JET_MIN_PT
    )


_SHAPES = {
    "e3x3_over_e5x5": (r"$E_{3\times3}/E_{5\times5}$", np.linspace(0.7, 1.0, 16)),
    "max_over_e5x5": (r"$E_1/E_{5\times5}$", np.linspace(0.1, 0.9, 17)),
    "sigma_ieta_ieta": (r"$\sigma_{i\eta i\eta}$", np.linspace(0.004, 0.020, 17)),
}


def _of_showers(item: Literal["electron", "photon"]) -> tuple[Quantity, ...]:
    group = f"Isolated {item}s in the barrel"
    if item == "photon":
        group += " (real ones are mostly jets with a leading neutral pion: for information)"
    return tuple(
        Quantity(
            f"{item}-{shape}", group, f"{title} of {item}s", "", item, edges=edges, is_information=item == "photon"
        )
        for shape, (title, edges) in _SHAPES.items()
    )


QUANTITIES: tuple[Quantity, ...] = (
    *(quantity for short, name in SUBDETECTORS.items() for quantity in _of_subdetector(short, name)),
    *_of_tracks(),
    *_of_jets(),
    *_of_showers("electron"),
    *_of_showers("photon"),
)
