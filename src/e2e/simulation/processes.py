"""What can be simulated: the generator of each process, its truth, and what of the detector is kept.

Selections are wide here; which candidates a task takes, and at which pT, is said in `e2e.tasks`. Mixed processes draw
for each event which of their parts it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.events.record import Table
from e2e.simulation.era import ERAS, Era
from e2e.simulation.gun import GUNS, PSEUDOSCALAR_PDG, Gun
from e2e.simulation.particles import PHOTON, FloatArray, IntArray, momentum_vector
from e2e.simulation.pythia import Record, collide, decay, first_copies, joined, mixed, stable_particles
from e2e.simulation.stages import Generated
from e2e.simulation.truth import truth_table

Settings = tuple[str, ...]
Generate = Callable[[Generator, int, Gun | None, Settings], Generated]

_TOP, _TAU, _TAU_NEUTRINO, _Z, _W, _HIGGS_BOSON = 6, 15, 16, 23, 24, 25
_PARTONS = (1, 2, 3, 4, 5, 21)
_CHARGED_MESONS, _NEUTRAL_PION = (211, 321), 111  # of a tau: charged pions and kaons
_OUTGOING = 23  # |status| of what leaves the hard collision


@dataclass(frozen=True)
class Process:
    """jet_radius: of anti-kT; None: no jets. tracker_layers: whose hits are kept. chunk_events: that share one random
    stream; part of what a seed means, so never a tuning knob. is_gun, collides: it takes a `Gun`, it takes further
    settings of collisions, such as a tune."""

    name: str
    era: Era
    generate: Generate
    jet_radius: float | None = None
    tracker_layers: tuple[str, ...] = ()
    chunk_events: int = 100
    is_gun: bool = False
    collides: bool = True


# ---- truth: rows of the record that a task labels candidates with


def _hard_partons(record: Record) -> Record:
    """The light quarks and gluons that leave the hard collision."""
    return record.where(_is_hard_parton(record))


def _is_hard_parton(record: Record) -> NDArray[np.bool_]:
    return (np.abs(record.status) == _OUTGOING) & np.isin(np.abs(record.pdg_id), _PARTONS)


def _or_partons(record: Record, rows: IntArray) -> Record:
    """Some entries; in events without any of them, the partons of the hard collision."""
    is_chosen = _is_hard_parton(record) & ~np.isin(record.event, record.event[rows])
    is_chosen[rows] = True
    return record.where(is_chosen)


def _last_copies(first_copy: IntArray, rows: IntArray) -> IntArray:
    """Of each particle among `rows` (ascending) the copy that decays or leaves. first_copy: of the whole record."""
    return rows[len(rows) - 1 - np.unique(first_copy[rows][::-1], return_index=True)[1]]


def _tops_or_partons(record: Record) -> Record:
    """Top quarks as they decay; in events without, the partons of the hard collision."""
    return _or_partons(record, _last_copies(first_copies(record), np.flatnonzero(np.abs(record.pdg_id) == _TOP)))


def _taus_or_partons(record: Record) -> Record:
    """Visible decay products of each tau of a W or Z, not of a hadron; in events without, the partons of the hard
    collision."""
    neutrino = np.flatnonzero(np.abs(record.pdg_id) == _TAU_NEUTRINO)
    neutrino = neutrino[np.abs(record.pdg_id[record.mother[neutrino]]) == _TAU]
    boson = record.mother[first_copies(record)[record.mother[neutrino]]]
    neutrino = neutrino[np.isin(np.abs(record.pdg_id[boson]), (_Z, _W))]
    tau = record.mother[neutrino]
    momentum, energy, mass = record.momentum.copy(), record.energy.copy(), record.mass.copy()
    momentum[tau] -= record.momentum[neutrino]
    energy[tau] -= record.energy[neutrino]
    mass[tau] = _invariant_mass(energy[tau], momentum[tau])
    visible = replace(record, momentum=momentum, energy=energy, mass=mass, decay_mode=_decay_modes(record))
    return _or_partons(visible, tau)


def _decay_modes(record: Record) -> FloatArray:
    """5 (charged pions and kaons - 1) + neutral pions, of each tau that decays to these alone; NaN of everything else:
    of the three hadronic taus in a hundred with another hadron (neutral kaon, eta, omega) the tracker may see more."""
    kind, parent = np.abs(record.pdg_id), record.mother
    is_from_tau = (kind[parent] == _TAU) & (kind != _TAU)

    def count(is_counted: NDArray[np.bool_]) -> IntArray:
        return np.bincount(parent[is_from_tau & is_counted], minlength=len(kind))

    charged, neutral = count(np.isin(kind, _CHARGED_MESONS)), count(kind == _NEUTRAL_PION)
    others = count(~np.isin(kind, (*_CHARGED_MESONS, _NEUTRAL_PION, _TAU_NEUTRINO, PHOTON)))
    return np.where((charged > 0) & (others == 0), 5.0 * (charged - 1) + neutral, np.nan)


def _first(record: Record) -> Record:
    """The particle that was put in, of events from `decay`."""
    return record.where(record.pdg_id == PSEUDOSCALAR_PDG)


def _higgs_or_photons(record: Record) -> Record:
    """One row an event: the Higgs boson; else the two photons of the hard collision taken together (22), or its one
    photon alone, named after the parton beside it (21). A photon that the shower splits counts as it was before."""
    first_copy, is_higgs = first_copies(record), record.pdg_id == _HIGGS_BOSON
    is_prompt = (record.pdg_id == PHOTON) & (np.abs(record.status[first_copy]) == _OUTGOING)
    is_prompt &= ~np.isin(record.event, record.event[is_higgs])
    photon = _last_copies(first_copy, np.flatnonzero(is_prompt))
    photon = photon[np.argsort(record.event[photon], kind="stable")]
    _, start, count = np.unique(record.event[photon], return_index=True, return_counts=True)
    momentum, energy = (np.add.reduceat(column[photon], start) for column in (record.momentum, record.energy))
    systems = replace(
        record.where(photon[start]),
        pdg_id=np.where(count == 2, PHOTON, 21),
        momentum=momentum,
        energy=energy,
        mass=_invariant_mass(energy, momentum),
    )
    return joined(record.where(_last_copies(first_copy, np.flatnonzero(is_higgs))), systems)


def _invariant_mass(energy: FloatArray, momentum: FloatArray) -> FloatArray:
    return np.sqrt(np.maximum(energy**2 - (momentum**2).sum(1), 0.0))


def _table(rows: Record, vertex_cm: FloatArray) -> Table:
    """Each with the mass the generator gave it; of light quarks 0.33 GeV, of gluons none."""
    return truth_table(rows.event, rows.pdg_id, rows.momentum, rows.mass, vertex_cm, rows.decay_mode)


# ---- generators


def _generated(record: Record, era: Era, rng: Generator, truth: Callable[[Record], Record] | None) -> Generated:
    vertex = rng.normal(0.0, era.beam_spot_sigma_cm, (record.num_events, 3))
    rows = truth(record) if truth else record.where(np.zeros(len(record.event), dtype=bool))
    return Generated(stable_particles(record, vertex), vertex, _table(rows, vertex))


def _collisions(
    parts: Sequence[tuple[float, Settings]],
    era: Era,
    truth: Callable[[Record], Record],
    rng: Generator,
    num_events: int,
    gun: Gun | None,
    more: Settings,
) -> Generated:
    """parts: share of the events and settings of each."""
    which = rng.choice(len(parts), size=num_events, p=[share for share, _ in parts])
    beams = (f"Beams:eCM = {era.collision_energy_gev}",)
    records = [collide(beams + settings + more, int((which == k).sum()), rng) for k, (_, settings) in enumerate(parts)]
    return _generated(mixed(records, which), era, rng, truth)


def minimum_bias(era: Era, rng: Generator, num_events: int, gun: Gun | None = None, more: Settings = ()) -> Generated:
    """Inelastic collisions, diffraction included; no truth."""
    record = collide((f"Beams:eCM = {era.collision_energy_gev}", "SoftQCD:inelastic = on", *more), num_events, rng)
    return _generated(record, era, rng, None)


def _ditaus(era: Era, rng: Generator, num_events: int, gun: Gun | None, more: Settings) -> Generated:
    """a -> tau tau, flat in mass and pT; both taus decay hadronically."""
    pt = rng.uniform(30, 200, num_events)
    eta = rng.uniform(-1.4, 1.4, num_events)
    phi = rng.uniform(-np.pi, np.pi, num_events)
    mass = rng.uniform(3.6, 15.0, num_events)
    record = decay(_DITAUS, PSEUDOSCALAR_PDG, momentum_vector(pt, eta, phi), mass, rng)
    return _generated(record, era, rng, _first)


def _flattened(low: float, high: float | None = None, power: float = 4.0) -> Settings:
    """Of a hard collision above a pT hat, whose falling spectrum the generator flattens by pT hat to a power."""
    return (
        f"PhaseSpace:pTHatMin = {low}",
        *(() if high is None else (f"PhaseSpace:pTHatMax = {high}",)),
        "PhaseSpace:bias2Selection = on",
        f"PhaseSpace:bias2SelectionPow = {power}",
        f"PhaseSpace:bias2SelectionRef = {low}",
    )


def _jets(low: float, high: float | None = None, power: float = 4.0) -> Settings:
    return ("HardQCD:all = on", *_flattened(low, high, power))


_HADRONIC_TAUS = ("15:offIfAny = 11 13",)
_DITAUS = ("36:isResonance = off", "36:mayDecay = on", "36:onMode = off", "36:onIfMatch = 15 15", *_HADRONIC_TAUS)
_TOPS = (
    "Top:gg2ttbar = on",
    "Top:qqbar2ttbar = on",
    *_flattened(280.0, power=3.0),
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
)
# Tops of any mass, so that a network can learn it: a resonance so broad that its line is flat in each of ten ranges of
# mass (edges in GeV), and of each as many events as give equally many jets above 400 GeV (weights, found by trying).
_TOP_MASSES = (90, 134, 168, 202, 236, 270, 304, 338, 372, 406, 460)
_TOP_WEIGHTS = (1.5, 1.15, 1.15, 0.95, 0.9, 1.05, 1.05, 0.8, 0.8, 0.95)
_ANY_MASS = ("6:mWidth = 400.", "6:doForceWidth = on")
_TOPS_OF_ANY_MASS = [
    (
        weight / sum(_TOP_WEIGHTS),
        (*_TOPS, *_ANY_MASS, f"6:m0 = {(low + high) / 2}", f"6:mMin = {low}", f"6:mMax = {high}"),
    )
    for weight, (low, high) in zip(_TOP_WEIGHTS, pairwise(_TOP_MASSES), strict=True)
]
_TAUS = (
    "WeakSingleBoson:ffbar2gmZ = on",
    "WeakSingleBoson:ffbar2W = on",
    "23:mMin = 20.",
    "23:onMode = off",
    "23:onIfAny = 15",
    "24:onMode = off",
    "24:onIfAny = 15",
    *_HADRONIC_TAUS,
)
_HIGGS = ("HiggsSM:gg2H = on", "25:onMode = off", "25:onIfMatch = 22 22")
_PAIR_LIMITS = ("PhaseSpace:pTHatMin = 20.", "PhaseSpace:mHatMin = 50.", "PhaseSpace:mHatMax = 250.")
_DIPHOTON = ("PromptPhoton:ffbar2gammagamma = on", "PromptPhoton:gg2gammagamma = on", *_PAIR_LIMITS)
_PHOTON_JET = ("PromptPhoton:qg2qgamma = on", "PromptPhoton:qqbar2ggamma = on", *_PAIR_LIMITS)

_RUN1, _RUN2 = ERAS["2012"], ERAS["2018"]
_BPIX, _OUTER = ("bpix1", "bpix2", "bpix3", "bpix4"), ("tib1", "tib2", "tob1", "tob2")
_JETS = [(1.0, _jets(50.0, 420.0, power=4.5))]
_TOPS_AND_JETS = [(0.5, _TOPS), (0.5, _jets(280.0, power=4.0))]
_TAUS_AND_JETS = [(0.5, _TAUS), (0.5, _jets(10.0, 100.0))]
_HIGGS_AND_CONTINUUM = [(1 / 3, _HIGGS), (1 / 3, _DIPHOTON), (1 / 3, _PHOTON_JET)]


def _gun_process(name: str) -> Process:
    def generate(rng: Generator, num_events: int, gun: Gun | None, more: Settings) -> Generated:
        return GUNS[name](rng, num_events, gun or Gun())

    return Process(name, _RUN1, generate, chunk_events=500, is_gun=True, collides=False)


PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        *map(_gun_process, GUNS),
        Process("quark-gluon", _RUN1, partial(_collisions, _JETS, _RUN1, _hard_partons), 0.5),
        Process("top", _RUN1, partial(_collisions, _TOPS_AND_JETS, _RUN1, _tops_or_partons), 0.8, _BPIX[:3]),
        Process("top-mass", _RUN1, partial(_collisions, _TOPS_OF_ANY_MASS, _RUN1, _tops_or_partons), 0.8, _BPIX[:3]),
        Process("tau", _RUN2, partial(_collisions, _TAUS_AND_JETS, _RUN2, _taus_or_partons), 0.4, _BPIX),
        Process("ditau-mass", _RUN2, partial(_ditaus, _RUN2), 0.8, _BPIX + _OUTER, collides=False),
        Process("higgs-diphoton", _RUN1, partial(_collisions, _HIGGS_AND_CONTINUUM, _RUN1, _higgs_or_photons)),
        Process("minimum-bias", _RUN1, partial(minimum_bias, _RUN1), 0.5),
    )
}
