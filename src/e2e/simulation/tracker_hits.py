"""Hits in the layers of the tracker that the frames show: pixel barrel, TIB 1 and 2, TOB 1 and 2.

Sources: radii and lengths of CMS, JINST 3 (2008) S08004, and `era`; hit efficiency and resolution of arXiv:1405.6569.
Left out: discs and endcaps, second turns of loopers, clusters that merge, delta rays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from e2e.contract import TRACKER_LAYERS
from e2e.detector.helix import bend_of, follow, path_to_cylinder
from e2e.events.record import Table
from e2e.simulation.era import Era
from e2e.simulation.particles import FloatArray, IntArray, Particles, direction_angles

EFFICIENCY = 0.985
NOISE_HITS = 2.0  # of a layer and event
MIN_PT_GEV = 0.1


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
    """The table of tracker hits. end_radius_cm: where each particle's track ends."""
    pt, eta, phi = direction_angles(charged.momentum)
    rows = np.flatnonzero(pt > MIN_PT_GEV)
    pt, eta, phi, end = pt[rows], eta[rows], phi[rows], end_radius_cm[rows]
    bend = bend_of(charged.charge[rows], pt)
    x, y, z = np.ascontiguousarray(charged.position[rows].T)
    start, event = np.hypot(x, y), charged.event[rows]
    found: list[tuple[IntArray, NDArray, FloatArray]] = []
    for layer in layers_of(era):
        reaches = np.flatnonzero((start < layer.radius_cm) & (end > layer.radius_cm))
        one = reaches[rng.random(len(reaches)) < EFFICIENCY]
        path = path_to_cylinder(x[one], y[one], phi[one], bend[one], layer.radius_cm)
        point = np.stack(follow(x[one], y[one], z[one], eta[one], phi[one], bend[one], path), axis=1)
        is_inside = np.abs(point[:, 2]) < layer.half_length_cm  # False for NaN
        owner, point = event[one[is_inside]], point[is_inside]
        noise_event, noise = _noise(layer, num_events, rng)
        owner, point = np.concatenate((owner, noise_event)), np.concatenate((point, noise))
        found.append((owner, np.full(len(owner), layer.number), _smeared(point, layer, rng)))
    event, number, point = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(event, kind="stable")
    columns = dict(zip(("layer", "x_cm", "y_cm", "z_cm"), (number[order], *point[order].T), strict=True))
    counts = np.bincount(event, minlength=num_events)
    return Table.from_counts(counts, {name: column.astype(np.float32) for name, column in columns.items()})


def _noise(layer: Layer, num_events: int, rng: Generator) -> tuple[IntArray, FloatArray]:
    event = np.repeat(np.arange(num_events), rng.poisson(NOISE_HITS, num_events))
    phi, z = rng.uniform(-np.pi, np.pi, len(event)), rng.uniform(-1, 1, len(event)) * layer.half_length_cm
    return event, np.stack((layer.radius_cm * np.cos(phi), layer.radius_cm * np.sin(phi), z), axis=1)


def _smeared(point: FloatArray, layer: Layer, rng: Generator) -> FloatArray:
    along, beside = rng.standard_normal((2, len(point)))
    turn = along * (layer.sigma_phi_cm / layer.radius_cm)
    x, y, z = point.T
    return np.stack((x - turn * y, y + turn * x, z + layer.sigma_z_cm * beside), axis=1)
