"""True objects -> the record's truth table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import OBJECT_COLUMNS, Table
from e2e.simulation.particles import FloatArray, IntArray, direction_angles


def truth_table(
    event: IntArray,
    pdg_id: IntArray,
    momentum: FloatArray,
    mass: FloatArray,
    vertex_cm: FloatArray,
    decay_mode: FloatArray | None = None,
) -> Table:
    """One row for each true object, in the order of events. momentum: (rows, 3) GeV. vertex_cm: (events, 3).
    decay_mode: NaN of what is no hadronic tau, and of all unless given."""
    order = np.argsort(event, kind="stable")
    if decay_mode is None:
        decay_mode = np.full(len(event), np.nan)
    event, pdg_id, momentum, mass, mode = event[order], pdg_id[order], momentum[order], mass[order], decay_mode[order]
    pt, eta, phi = direction_angles(momentum)
    energy = np.hypot(np.sqrt((momentum**2).sum(1)), mass)
    columns: list[NDArray] = [pdg_id, pt, eta, phi, energy, mass, *vertex_cm[event].T, mode]
    named = zip(OBJECT_COLUMNS["truth"], columns, strict=True)
    counts = np.bincount(event, minlength=len(vertex_cm))
    return Table.from_counts(counts, {name: column.astype(np.float32) for name, column in named})
