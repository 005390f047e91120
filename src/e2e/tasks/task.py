"""The shape of a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import JET_CROP_CENTRE, JET_CROP_SIZE, FrameSpec
from e2e.tasks.selection import Selection

Truth = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Output:
    """One number per candidate that a bundle of this task gives.

    kind: `probability` (the network's logit goes through a sigmoid) or `quantity` (the network gives it in units of
    `scale`). Both happen inside the exported graph, so that a bundle's output is final. trained_range: in `unit`.
    """

    name: str
    kind: Literal["probability", "quantity"]
    unit: str
    meaning: str
    scale: float = 1.0
    trained_range: tuple[float, float] | None = None

    @property
    def is_positive(self) -> bool:
        """Does the trained range say that it is above zero?"""
        return self.trained_range is not None and self.trained_range[0] > 0


class Beside(NamedTuple):
    """What a joint training learns beside a task's own output. target: truth of the candidates, as of a `Task`, in this
    output's unit; NaN: not known."""

    output: Output
    target: Callable[[Truth], NDArray[np.float32]]


class Species(NamedTuple):
    """A kind of true particle: its name in plots, and the absolute values of its PDG numbers."""

    name: str
    pdg_ids: tuple[int, ...]


class Cone(NamedTuple):
    """What lies about a candidate: radii in (eta, phi) of its own cone and of the ring around it, and how far along
    the beam a track may start from the primary vertex, in standard deviations."""

    inner: float
    outer: float
    max_dz_significance: float


@dataclass(frozen=True)
class Balance:
    """Bins of measured pT (GeV) and |eta| in each of which signal and the rest are made equally many."""

    pt_edges: tuple[float, ...]
    abs_eta_edges: tuple[float, ...]


@dataclass(frozen=True)
class Flat:
    """Bins from `low` to `high` of the target, in the output's unit, in each of which the signal is made equally
    many."""

    low: float
    high: float
    bins: int

    @property
    def edges(self) -> NDArray[np.float64]:
        return np.linspace(self.low, self.high, self.bins + 1)


@dataclass(frozen=True)
class Task:
    """name: also the simulated process. selection: which candidates of an event. target: truth of the candidates (its
    columns and `event`, the event's number), float32 (candidates,) in the output's unit.

    signal, other: the two kinds of candidates. A task that gives a probability gives that of the signal; one that gives
    a quantity is measured on the signal alone. balance: what keeps a network from telling the kinds apart by their
    spectra; None where they are made alike. flat: what keeps a network from preferring the values it saw most; None
    where they are made flat. network: numbers of the network that go with this frame. pt_edges: of the tables in
    reports. efficiencies: at which a contest says how much background is left. published: numbers to measure against.
    mass_radius: in (eta, phi), of the energies whose invariant mass is the classical estimate of the quantity, or what
    a tagger should not sculpt. isolation: what a cut-based selection asks of a candidate. jets: what `predict` looks at
    on the stitched grid, of each event the first collection that it has. beside: what a joint training learns as well.
    limits: what a user of a bundle must know; on its card.
    """

    name: str
    title: str
    frame: FrameSpec
    input_scale: tuple[float, ...]
    selection: Selection
    output: Output
    target: Callable[[Truth], NDArray[np.float32]]
    signal: Species
    other: Species
    pt_edges: tuple[float, ...]
    published: dict[str, Any]
    mass_radius: float | None = None
    isolation: Cone | None = None
    jets: tuple[Literal["jets", "taus"], ...] = ("jets",)
    efficiencies: tuple[float, ...] = (0.3, 0.5, 0.8)
    balance: Balance | None = None
    flat: Flat | None = None
    beside: tuple[Beside, ...] = ()
    network: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Its own, and those beside it."""
        return (self.output, *(beside.output for beside in self.beside))

    def is_signal(self, truth: Truth) -> NDArray[np.bool_]:
        """True where the true particle is the task's signal."""
        return np.isin(np.abs(truth["pdg_id"]), self.signal.pdg_ids)

    def is_known(self, truth: Truth) -> NDArray[np.bool_]:
        """True where the true particle has a place in this task."""
        return self.is_signal(truth) | np.isin(np.abs(truth["pdg_id"]), self.other.pdg_ids)

    def scales_of(self, frame: FrameSpec) -> tuple[float, ...]:
        """Input scales for a frame with some of the task's channels."""
        scale = dict(zip(self.frame.channels, self.input_scale, strict=True))
        return tuple(scale[channel] for channel in frame.channels)


def jet_frame(*channels: str) -> FrameSpec:
    """The 125 x 125 window around a jet's seed on the stitched grid."""
    return FrameSpec("stitched", channels, JET_CROP_SIZE, JET_CROP_SIZE, JET_CROP_CENTRE, JET_CROP_CENTRE)


def of_kind(species: Species) -> Callable[[Truth], NDArray[np.float32]]:
    """The target of a tagger: 1 for the species, 0 for the rest."""
    return lambda truth: np.isin(np.abs(truth["pdg_id"]), species.pdg_ids).astype(np.float32)


def true_mass(truth: Truth) -> NDArray[np.float32]:
    return truth["mass"].astype(np.float32)


def true_pt(scale: float, low: float, high: float) -> Beside:
    """scale, low, high: GeV, of the trained range."""
    meaning = "transverse momentum of the particle behind the candidate"
    output = Output("particle_pt", "quantity", "GeV", meaning, scale, (low, high))
    return Beside(output, lambda truth: truth["pt"].astype(np.float32))


def spread_evenly(number: NDArray[np.uint64]) -> NDArray[np.float64]:
    """In [0, 1), from whole numbers alone: as if drawn evenly, and the same every time (golden-ratio hash)."""
    return (number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)).astype(np.float64) / 2.0**53
