"""What one stage of the simulation hands to the next: generated particles, energy in cells, rec hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import Table
from e2e.simulation.particles import FloatArray, Particles


@dataclass(frozen=True)
class Generated:
    """Events before the detector.

    particles: stable ones at their production points. vertex_cm: (events, 3) of the hard collision. truth: columns of
    the record's truth table, what a task labels its candidates with.
    """

    particles: Particles
    vertex_cm: FloatArray
    truth: Table

    def __len__(self) -> int:
        return len(self.vertex_cm)


class CellEnergies(NamedTuple):
    """Energy (GeV) that reaches cells of events in time with the collision, in any order, cells repeated."""

    event: NDArray[np.int64]
    cell: NDArray[Any]
    energy: NDArray[Any]


@dataclass(frozen=True)
class Deposits:
    """True energy in calorimeter cells: rows `offsets[i]` to `offsets[i + 1]` belong to event i, no cell twice.

    cell: a number of `e2e.detector.ecal_cells` or `hcal_cells`, ascending within an event. energy: GeV. time: ns
    after a particle of the nominal collision at light speed, weighted by energy.
    """

    offsets: NDArray[np.int64]
    cell: NDArray[np.int32]
    energy: NDArray[np.float32]
    time: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Response:
    """What the detector makes of events before the calorimeters are read out. tracks, tracker_hits, vertices: tables of
    the record."""

    ecal: Deposits
    hcal: Deposits
    tracks: Table
    tracker_hits: Table
    vertices: Table

    def __len__(self) -> int:
        return len(self.ecal)
