"""Tracks and tracker hits of many events: what both back ends share of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.frames.candidates import FloatArray, IntArray, LongArray

DoubleArray = NDArray[np.float64]

POINT = ("x_cm", "y_cm", "z_cm")


class TrackPixels(NamedTuple):
    """Where tracks reach the ECAL and what a pixel says of them; rows `offsets[i]` to `offsets[i + 1]` of event i.

    pixel: flat, of the stitched grid. d0, dz: cm, to the primary vertex, signed as CMS does. Significances: 0 where the
    uncertainty is not known.
    """

    offsets: LongArray
    pixel: IntArray
    pt: FloatArray
    d0: FloatArray
    dz: FloatArray
    d0_significance: FloatArray
    dz_significance: FloatArray


class HitPixels(NamedTuple):
    """Hits of one tracker layer as seen from the primary vertex; pixel: flat, of the stitched grid, -1: outside it."""

    offsets: LongArray
    pixel: IntArray


def objects_of(events: Events, name: str) -> Table:
    """Objects of this name, none where the source does not say."""
    table = events.objects.get(name)
    if table is not None:
        return table
    nothing = dict.fromkeys(OBJECT_COLUMNS[name], np.zeros(0, dtype=np.float32))
    return Table(np.zeros(len(events) + 1, dtype=np.int64), nothing)


def primary_vertices(events: Events) -> DoubleArray:
    """The first vertex of each event in cm, (events, 3); the origin where there is none."""
    points = np.zeros((len(events), 3))
    table = objects_of(events, "vertices")
    has_vertex = table.counts > 0
    first = table.offsets[:-1][has_vertex]
    points[has_vertex] = np.stack([table[axis][first] for axis in POINT], axis=1)
    return np.where(np.isfinite(points), points, 0.0)


def impact_parameters(
    tracks: Table, rows: LongArray, eta: DoubleArray, phi: DoubleArray, vertex_cm: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """d0 and dz in cm of some tracks to the vertices of their events: dxy and dz of CMS's TrackBase.

    The track is taken straight between its point and the vertex. vertex_cm: (events, 3).
    """
    x, y, z = (tracks[axis][rows] - vertex_cm[tracks.event_index[rows], i] for i, axis in enumerate(POINT))
    cosine, sine = np.cos(phi), np.sin(phi)
    with np.errstate(invalid="ignore"):  # of a point that is not finite: NaN
        return y * cosine - x * sine, z - (x * cosine + y * sine) * np.sinh(eta)
