"""Pythia 8: from a list of its settings to the particles of many events, each batch a pure function of its seed.

An instance is set up with a fixed seed, since the set-up itself draws random numbers, and seeded anew for every batch;
nothing else carries over from one event to the next. What decays within the tracker's volume is decayed, so that
displaced vertices are there; K short and hyperons that get out of it reach the calorimeters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.problems import optional_packages
from e2e.simulation.particles import FloatArray, IntArray, Particles, is_tracked

MIN_PT_GEV, MAX_ABS_ETA = 0.1, 3.3  # softer and more forward particles leave nothing in the frames
_CM_PER_MM = 0.1
_MAX_SEED = 900_000_000  # Pythia's
_MAX_TRIALS = 10  # of each event

_COMMON = (
    "Print:quiet = on",
    "Random:setSeed = on",
    "Random:seed = 1",
    "ParticleDecays:limitCylinder = on",  # mm
    "ParticleDecays:xyMax = 1100.",
    "ParticleDecays:zMax = 2800.",
)


@dataclass(frozen=True)
class Record:
    """Generator entries of many events, event after event, in Pythia's order; mothers are rows of this record."""

    num_events: int
    event: IntArray
    pdg_id: IntArray
    status: IntArray
    mother: IntArray  # the first
    momentum: FloatArray  # (entries, 3) GeV
    energy: FloatArray
    mass: FloatArray
    position: FloatArray  # (entries, 3) cm, from the hard collision
    decay_mode: FloatArray  # of a hadronic tau, see `OBJECT_COLUMNS`; NaN unless somebody has counted

    def where(self, keep: NDArray[Any]) -> Record:
        """Some entries; their mothers stay rows of the whole record."""
        return Record(self.num_events, **{name: getattr(self, name)[keep] for name in _COLUMNS})


_COLUMNS = tuple(field.name for field in fields(Record) if field.name != "num_events")


@cache
def _instance(settings: tuple[str, ...]) -> Any:
    with optional_packages("simulation"):
        import pythia8mc
    with _own_data(Path(pythia8mc.__file__).parent):
        pythia = pythia8mc.Pythia("", False)
    for line in (*_COMMON, *settings):
        if not pythia.readString(line):
            raise ValueError(f"Pythia does not know {line!r}")
    if not pythia.init():
        raise ValueError(f"Pythia cannot be set up with {settings}")
    return pythia


@contextmanager
def _own_data(site: Path) -> Iterator[None]:
    """Keeps Pythia from the data of another version, which the environment of CMSSW names. site: where it is installed;
    it looks for its data beside `lib`, but `pip install --target` puts them inside."""
    theirs = os.environ.pop("PYTHIA8DATA", None)
    inside = site / "share" / "Pythia8" / "xmldoc"
    if inside.is_dir():
        os.environ["PYTHIA8DATA"] = str(inside)
    try:
        yield
    finally:
        os.environ.pop("PYTHIA8DATA", None)
        if theirs is not None:
            os.environ["PYTHIA8DATA"] = theirs


def collide(settings: tuple[str, ...], num_events: int, rng: Generator) -> Record:
    """`num_events` events of a process."""
    pythia = _instance(settings)
    pythia.rndm.init(int(rng.integers(1, _MAX_SEED)))
    return _record(_next_batch(pythia, num_events)) if num_events else _nothing()  # an empty batch has no column names


def _next_batch(pythia: Any, num_events: int) -> Any:
    """Entries of exactly `num_events` events; one that Pythia gives up is drawn again."""
    return pythia.nextBatch(num_events, float(_MAX_TRIALS))["prt"]


def decay(settings: tuple[str, ...], pdg_id: int, momentum: FloatArray, mass: FloatArray, rng: Generator) -> Record:
    """Particles (events, 3) of any mass, one an event, and what they decay to."""
    pythia = _instance(("ProcessLevel:all = off", *settings))
    pythia.rndm.init(int(rng.integers(1, _MAX_SEED)))
    events = []
    for p, m in zip(momentum.tolist(), mass.tolist(), strict=True):
        energy = float(np.sqrt(m**2 + sum(x**2 for x in p)))
        for _ in range(_MAX_TRIALS):
            pythia.event.reset()
            pythia.event.append(pdg_id, 1, 0, 0, *p, energy, m)
            if pythia.next():
                break
        else:
            raise ValueError(f"Pythia cannot decay {pdg_id} of {m} GeV")
        events.append([_entry(pythia.event[i]) for i in range(pythia.event.size())])
    flat = np.array([entry for event in events for entry in event]).reshape(-1, 11)
    counts = np.array([len(event) for event in events], dtype=np.int64)
    return _from_columns(counts, *(column for column in flat.T))


def _entry(particle: Any) -> tuple[float, ...]:
    kinematics = (particle.px(), particle.py(), particle.pz(), particle.e(), particle.m())
    place = (particle.xProd(), particle.yProd(), particle.zProd())
    return particle.id(), particle.status(), particle.mother1(), *kinematics, *place


def _record(entries: Any) -> Record:
    import awkward

    flat = awkward.flatten(entries)
    place = [awkward.fill_none(flat.vProd[axis], 0.0) for axis in ("px", "py", "pz")]
    columns = (flat.id, flat.status, flat.mother1, flat.p.px, flat.p.py, flat.p.pz, flat.p.e, flat.m, *place)
    counts = awkward.to_numpy(awkward.num(entries)).astype(np.int64)
    return _from_columns(counts, *(awkward.to_numpy(column) for column in columns))


def _nothing() -> Record:
    return _from_columns(np.zeros(0, dtype=np.int64), *np.zeros((11, 0)))


def _from_columns(counts: IntArray, pdg_id: Any, status: Any, mother: Any, *numbers: Any) -> Record:
    px, py, pz, energy, mass, x, y, z = numbers
    event = np.repeat(np.arange(len(counts)), counts)
    first = (np.cumsum(counts) - counts)[event]
    return Record(
        len(counts),
        event,
        pdg_id.astype(np.int64),
        status.astype(np.int64),
        first + mother.astype(np.int64),
        np.stack((px, py, pz), axis=1),
        energy,
        mass,
        _CM_PER_MM * np.stack((x, y, z), axis=1),
        np.full(len(event), np.nan),
    )


def stable_particles(record: Record, vertex_cm: FloatArray) -> Particles:
    """What enters the detector. vertex_cm: (events, 3) of the hard collisions."""
    px, py, pz = record.momentum.T
    pt = np.hypot(px, py)
    is_seen = (record.status > 0) & (pt > MIN_PT_GEV) & (np.abs(pz) < np.sinh(MAX_ABS_ETA) * pt)
    rows = np.flatnonzero(is_seen)
    rows = rows[is_tracked(record.pdg_id[rows])]
    event = record.event[rows]
    return Particles(event, record.pdg_id[rows], record.momentum[rows], record.position[rows] + vertex_cm[event])


def mixed(records: list[Record], which: IntArray) -> Record:
    """One record of events from several: event i is the next one of `records[which[i]]`."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(record, name) for record in records])
        for name in ("pdg_id", "status", "momentum", "energy", "mass", "position", "decay_mode")
    }
    first = np.cumsum([0, *(len(record.event) for record in records[:-1])])
    event = np.concatenate([np.flatnonzero(which == k)[record.event] for k, record in enumerate(records)])
    mother = np.concatenate([record.mother + start for record, start in zip(records, first, strict=True)])
    return Record(len(which), event, mother=mother, **columns)


def joined(one: Record, other: Record) -> Record:
    """Entries of both, of the same events; mothers are lost."""
    columns = {name: np.concatenate((getattr(one, name), getattr(other, name))) for name in _COLUMNS}
    return Record(one.num_events, **columns)


def first_copies(record: Record) -> IntArray:
    """For each entry of a whole record, the row where its particle appears first: each recoil makes a copy."""
    is_copy = record.pdg_id[record.mother] == record.pdg_id
    first = np.where(is_copy, record.mother, np.arange(len(is_copy)))
    while not np.array_equal(first, earlier := first[first]):
        first = earlier
    return first
