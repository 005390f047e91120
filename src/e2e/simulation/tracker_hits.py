"""Hits in the layers of the tracker that the frames show: pixel barrel, TIB 1 and 2, TOB 1 and 2.

Sources: radii and lengths of CMS, JINST 3 (2008) S08004, and `era`; hit efficiency and resolution of arXiv:1405.6569.
Left out: discs and endcaps, second turns of loopers, clusters that merge, delta rays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from e2e.contract import TRACKER_LAYERS
from e2e.detector.helix import bend_of, follow, path_to_cylinder
from e2e.events.record import OBJECT_COLUMNS, Table
from e2e.simulation.era import Era
from e2e.simulation.particles import FloatArray, IntArray, Particles, direction_angles

EFFICIENCY = 0.985
NOISE_HITS = 2.0  # of a layer and event
MIN_PT_GEV = 0.1
_ON_LAYER_CM = 1e-6


class Layer(NamedTuple):
    """A cylinder. Resolutions along the circumference and along the beam."""

    number: int
    radius_cm: float
    half_length_cm: float
    sigma_phi_cm: float
    sigma_z_cm: float


def layers_of(era: Era) -> list[Layer]:
    pixels = [(f"bpix{i}", radius, 27.0, 0.001, 0.003) for i, radius in enumerate(era.bpix_radii_cm, 1)]
    strips = [("tib1", 25.5, 70.0), ("tib2", 33.9, 70.0), ("tob1", 60.8, 109.0), ("tob2", 69.2, 109.0)]
    shapes = [*pixels, *((*strip, 0.004, 0.05) for strip in strips)]  # the first layers of TIB and TOB are stereo
    return [Layer(TRACKER_LAYERS[name], *numbers) for name, *numbers in shapes]


def find_hits(charged: Particles, end_radius_cm: FloatArray, num_events: int, era: Era, rng: Generator) -> Table:
    """The table of particles' hits. end_radius_cm: where each particle's track ends; one that begins on a layer leaves
    no hit in it."""
    pt, eta, phi = direction_angles(charged.momentum)
    rows = np.flatnonzero(pt > MIN_PT_GEV)
    pt, eta, phi, end = pt[rows], eta[rows], phi[rows], end_radius_cm[rows]
    bend = bend_of(charged.charge[rows], pt)
    x, y, z = np.ascontiguousarray(charged.position[rows].T)
    start, event = np.hypot(x, y), charged.event[rows]
    found = []
    for layer in layers_of(era):
        reaches = np.flatnonzero((start < layer.radius_cm - _ON_LAYER_CM) & (end > layer.radius_cm))
        one = reaches[rng.random(len(reaches)) < EFFICIENCY]
        path = path_to_cylinder(x[one], y[one], phi[one], bend[one], layer.radius_cm)
        point = np.stack(follow(x[one], y[one], z[one], eta[one], phi[one], bend[one], path), axis=1)
        is_inside = np.abs(point[:, 2]) < layer.half_length_cm  # False for NaN
        found.append(_Hits(event[one[is_inside]], layer.number, _smeared(point[is_inside], layer, rng)))
    return _table(found, num_events)


def with_noise(hits: Table, layers: Iterable[int], era: Era, rng: Generator) -> Table:
    """The hits in some layers, and those of noise behind them in each event; once an event, whatever its pile-up."""
    num_events, wanted = len(hits.counts), [layer for layer in layers_of(era) if layer.number in set(layers)]
    noise = _table([_noise(layer, num_events, rng) for layer in wanted], num_events)
    chosen = hits.select(np.isin(hits["layer"], [layer.number for layer in wanted]))
    order = np.argsort(np.concatenate((chosen.event_index, noise.event_index)), kind="stable")
    columns = {name: np.concatenate((column, noise[name]))[order] for name, column in chosen.columns.items()}
    return Table.from_counts(chosen.counts + noise.counts, columns)


class _Hits(NamedTuple):
    """Of one layer, in any order. point: (hits, 3) cm."""

    event: IntArray
    layer: int
    point: FloatArray


def _table(parts: Sequence[_Hits], num_events: int) -> Table:
    event = np.concatenate([part.event for part in parts])
    number = np.repeat([part.layer for part in parts], [len(part.event) for part in parts])
    point = np.concatenate([part.point for part in parts])
    order = np.argsort(event, kind="stable")
    columns = dict(zip(OBJECT_COLUMNS["tracker_hits"], (number[order], *point[order].T), strict=True))
    counts = np.bincount(event, minlength=num_events)
    return Table.from_counts(counts, {name: column.astype(np.float32) for name, column in columns.items()})


def _noise(layer: Layer, num_events: int, rng: Generator) -> _Hits:
    event = np.repeat(np.arange(num_events), rng.poisson(NOISE_HITS, num_events))
    phi, z = rng.uniform(-np.pi, np.pi, len(event)), rng.uniform(-1, 1, len(event)) * layer.half_length_cm
    point = np.stack((layer.radius_cm * np.cos(phi), layer.radius_cm * np.sin(phi), z), axis=1)
    return _Hits(event, layer.number, point)


def _smeared(point: FloatArray, layer: Layer, rng: Generator) -> FloatArray:
    along, beside = rng.standard_normal((2, len(point)))
    turn = along * (layer.sigma_phi_cm / layer.radius_cm)
    x, y, z = point.T
    return np.stack((x - turn * y, y + turn * x, z + layer.sigma_z_cm * beside), axis=1)
