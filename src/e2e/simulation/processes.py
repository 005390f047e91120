"""What can be simulated: the generator of each process, its truth, and what of the detector is kept.

Selections are wide here; which candidates a task takes, and at which pT, is said in `e2e.tasks`. Mixed processes draw
for each event which of their parts it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator

from e2e.events.record import Table
from e2e.simulation.era import ERAS, Era
from e2e.simulation.gun import GUNS, PSEUDOSCALAR_PDG, Gun
from e2e.simulation.particles import PHOTON, FloatArray, momentum_vector
from e2e.simulation.pythia import Record, collide, decay, joined, mixed, stable_particles
from e2e.simulation.stages import Generated
from e2e.simulation.truth import truth_table

Generate = Callable[[Generator, int, Gun | None], Generated]
Settings = tuple[str, ...]

_TAU_NEUTRINO = 16
_PARTONS = (1, 2, 3, 4, 5, 21)
_OUTGOING = 23  # |status| of what leaves the hard collision


@dataclass(frozen=True)
class Process:
    """jet_radius: of anti-kT; None: no jets. tracker_layers: whose hits are kept. chunk_events: that share one random
    stream; part of what a seed means, so never a tuning knob."""

    name: str
    era: Era
    generate: Generate
    jet_radius: float | None = None
    tracker_layers: tuple[str, ...] = ()
    chunk_events: int = 100
    is_gun: bool = False


# ---- truth: rows of the record that a task labels candidates with


def _hard_partons(record: Record) -> Record:
    """The light quarks and gluons that leave the hard collision."""
    return record.where((np.abs(record.status) == _OUTGOING) & np.isin(np.abs(record.pdg_id), _PARTONS))


def _tops_or_partons(record: Record) -> Record:
    """Top quarks as they decay; in events without, the partons of the hard collision."""
    is_top = np.abs(record.pdg_id) == 6
    row = np.flatnonzero(is_top)
    key = record.event[row] * 2 + (record.pdg_id[row] > 0)
    last = row[len(row) - 1 - np.unique(key[::-1], return_index=True)[1]]  # copies follow each other
    chosen = np.zeros(len(record.event), dtype=bool)
    chosen[last] = True
    partons = (np.abs(record.status) == _OUTGOING) & np.isin(np.abs(record.pdg_id), _PARTONS)
    has_top = np.isin(record.event, record.event[last])
    return record.where(chosen | (partons & ~has_top))


def _taus_or_partons(record: Record) -> Record:
    """Visible decay products of each tau; in events without, the partons of the hard collision."""
    neutrino = np.flatnonzero(np.abs(record.pdg_id) == _TAU_NEUTRINO)
    neutrino = neutrino[np.abs(record.pdg_id[record.mother[neutrino]]) == 15]
    tau = record.mother[neutrino]
    momentum, energy, mass = record.momentum.copy(), record.energy.copy(), record.mass.copy()
    momentum[tau] -= record.momentum[neutrino]
    energy[tau] -= record.energy[neutrino]
    mass[tau] = np.sqrt(np.maximum(energy[tau] ** 2 - (momentum[tau] ** 2).sum(1), 0.0))
    visible = replace(record, momentum=momentum, energy=energy, mass=mass)
    chosen = np.zeros(len(record.event), dtype=bool)
    chosen[tau] = True
    partons = (np.abs(record.status) == _OUTGOING) & np.isin(np.abs(record.pdg_id), _PARTONS)
    has_tau = np.isin(record.event, record.event[tau])
    return visible.where(chosen | (partons & ~has_tau))


def _first(record: Record) -> Record:
    """The particle that was put in, of events from `decay`."""
    return record.where(record.pdg_id == PSEUDOSCALAR_PDG)


def _higgs_or_photons(record: Record) -> Record:
    """One row an event: the Higgs boson; else the two hardest photons taken together (22), or where there is a parton
    beside it the hardest photon alone, named after the parton (21)."""
    has_higgs, has_parton = (np.zeros(record.num_events, dtype=bool) for _ in range(2))
    has_higgs[record.event[record.pdg_id == 25]] = True
    has_parton[_hard_partons(record).event] = True
    higgs = record.where((record.pdg_id == 25) & (record.status == -62))
    photons = np.flatnonzero((record.pdg_id == 22) & (record.status > 0) & ~has_higgs[record.event])
    size = np.hypot(*record.momentum[photons, :2].T)
    photons = photons[np.lexsort((-size, record.event[photons]))]
    event, first = np.unique(record.event[photons], return_index=True)
    leading, second = photons[first], photons[np.minimum(first + 1, len(photons) - 1)]
    is_pair = ~has_parton[event]
    momentum = record.momentum[leading] + np.where(is_pair[:, None], record.momentum[second], 0.0)
    energy = record.energy[leading] + np.where(is_pair, record.energy[second], 0.0)
    mass = np.sqrt(np.maximum(energy**2 - (momentum**2).sum(1), 0.0))
    changes = {"pdg_id": np.where(is_pair, PHOTON, 21), "momentum": momentum, "energy": energy, "mass": mass}
    return joined(higgs, replace(record.where(leading), **changes))


def _table(rows: Record, vertex_cm: FloatArray) -> Table:
    """Partons of the matrix element are massless, others have the mass they were made with."""
    return truth_table(rows.event, rows.pdg_id, rows.momentum, rows.mass, vertex_cm)


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
) -> Generated:
    """parts: share of the events and settings of each."""
    which = rng.choice(len(parts), size=num_events, p=[share for share, _ in parts])
    beams = (f"Beams:eCM = {era.beam_energy_gev}",)
    records = [collide(beams + settings, int((which == k).sum()), rng) for k, (_, settings) in enumerate(parts)]
    return _generated(mixed(records, which), era, rng, truth)


def minimum_bias(era: Era, rng: Generator, num_events: int, gun: Gun | None = None) -> Generated:
    """Inelastic collisions, diffraction included; no truth."""
    record = collide((f"Beams:eCM = {era.beam_energy_gev}", "SoftQCD:inelastic = on"), num_events, rng)
    return _generated(record, era, rng, None)


def _ditaus(era: Era, rng: Generator, num_events: int, gun: Gun | None = None) -> Generated:
    """a -> tau tau, flat in mass and pT; both taus decay hadronically."""
    pt, eta, phi = (
        rng.uniform(30, 200, num_events),
        rng.uniform(-1.4, 1.4, num_events),
        rng.uniform(-np.pi, np.pi, num_events),
    )
    mass = rng.uniform(3.6, 15.0, num_events)
    settings = ("36:isResonance = off", "36:mayDecay = on", "36:onMode = off", "36:onIfMatch = 15 15", *_HADRONIC_TAUS)
    record = decay(settings, PSEUDOSCALAR_PDG, momentum_vector(pt, eta, phi), mass, rng)
    return _generated(record, era, rng, _first)


def _flat(low: float, high: float | None = None, power: float = 4.0) -> Settings:
    """Hard QCD above a pT hat, whose falling spectrum the generator flattens by pT hat to a power."""
    limits = (f"PhaseSpace:pTHatMin = {low}", *(() if high is None else (f"PhaseSpace:pTHatMax = {high}",)))
    bias = (
        "PhaseSpace:bias2Selection = on",
        f"PhaseSpace:bias2SelectionPow = {power}",
        f"PhaseSpace:bias2SelectionRef = {low}",
    )
    return ("HardQCD:all = on", *limits, *bias)


_HADRONIC_TAUS = ("15:offIfAny = 11 13",)
_TOPS = (
    "Top:gg2ttbar = on",
    "Top:qqbar2ttbar = on",
    "PhaseSpace:pTHatMin = 380.",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
)
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
_PAIR_LIMITS = ("PhaseSpace:pTHatMin = 30.", "PhaseSpace:mHatMin = 80.", "PhaseSpace:mHatMax = 180.")
_DIPHOTON = ("PromptPhoton:ffbar2gammagamma = on", "PromptPhoton:gg2gammagamma = on", *_PAIR_LIMITS)
_PHOTON_JET = ("PromptPhoton:qg2qgamma = on", "PromptPhoton:qqbar2ggamma = on", *_PAIR_LIMITS)

_RUN1, _RUN2 = ERAS["2012"], ERAS["2018"]
_BPIX = ("bpix1", "bpix2", "bpix3", "bpix4")
_JETS = [(1.0, _flat(60.0, 320.0, power=4.5))]
_TOPS_AND_JETS = [(0.5, _TOPS), (0.5, _flat(380.0, power=1.0))]
_TAUS_AND_JETS = [(0.5, _TAUS), (0.5, _flat(10.0, 100.0))]
_HIGGS_AND_CONTINUUM = [(1 / 3, _HIGGS), (1 / 3, _DIPHOTON), (1 / 3, _PHOTON_JET)]


def _gun_process(name: str) -> Process:
    def generate(rng: Generator, num_events: int, gun: Gun | None) -> Generated:
        return GUNS[name](rng, num_events, gun or Gun())

    return Process(name, _RUN1, generate, chunk_events=500, is_gun=True)


PROCESSES: dict[str, Process] = {
    process.name: process
    for process in (
        *map(_gun_process, GUNS),
        Process("quark-gluon", _RUN1, partial(_collisions, _JETS, _RUN1, _hard_partons), 0.5),
        Process("top", _RUN1, partial(_collisions, _TOPS_AND_JETS, _RUN1, _tops_or_partons), 0.8, _BPIX[:3]),
        Process("tau", _RUN2, partial(_collisions, _TAUS_AND_JETS, _RUN2, _taus_or_partons), 0.4, _BPIX),
        Process("ditau-mass", _RUN2, partial(_ditaus, _RUN2), 0.8, (*_BPIX, "tib1", "tib2", "tob1", "tob2")),
        Process("higgs-diphoton", _RUN1, partial(_collisions, _HIGGS_AND_CONTINUUM, _RUN1, _higgs_or_photons)),
        Process("minimum-bias", _RUN1, partial(minimum_bias, _RUN1), 0.5),
    )
}
