"""Tracks and tracker hits -> pixels of the stitched grid, many events at once, for both back ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import MAX_TRACK_PT_GEV, TRACK_MAX_DZ_CM, TRACK_MAX_ETA
from e2e.detector.helix import bend_of, to_ecal
from e2e.events.record import Events, Table
from e2e.frames.candidates import FloatArray, IntArray, LongArray
from e2e.frames.places import NOWHERE, stitched_pixel

DoubleArray = NDArray[np.float64]

_POINT = ("x_cm", "y_cm", "z_cm")


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


def primary_vertices(events: Events) -> DoubleArray:
    """The first vertex of each event in cm, (events, 3); the origin where there is none."""
    points = np.zeros((len(events), 3))
    table = events.objects.get("vertices")
    if table is not None:
        has_vertex = table.counts > 0
        first = table.offsets[:-1][has_vertex]
        points[has_vertex] = np.stack([table[axis][first] for axis in _POINT], axis=1)
    return np.where(np.isfinite(points), points, 0.0)


def track_pixels(events: Events) -> TrackPixels:
    """Tracks of the primary collision that reach the ECAL, in their order.

    Left out: a track that is known not to be of high purity, of |eta| of 3 or more, without a pT between 0 and
    `MAX_TRACK_PT_GEV`, or 0.1 cm and more from the primary vertex along the beam. The rest follows its helix in 3.8 T
    from its point nearest the beam axis and is seen from the origin where it reaches the ECAL's front.
    Source: track channels of cms-e2e/RecoE2E, and bhbam/MLAnalyzer for the propagation.
    """
    table = events.objects.get("tracks")
    if table is None or len(table) == 0:
        nothing = np.zeros(0, dtype=np.float32)
        empty = (np.zeros(len(events) + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))
        return TrackPixels(*empty, nothing, nothing, nothing, nothing, nothing)

    is_good = (table["pt"] > 0) & (table["pt"] <= MAX_TRACK_PT_GEV) & (np.abs(table["eta"]) < TRACK_MAX_ETA)
    is_good &= np.isfinite(table["phi"]) & (table["is_high_purity"] != 0)  # NaN: the source does not say
    rows = np.flatnonzero(is_good)
    eta, phi = (table[name][rows].astype(np.float64) for name in ("eta", "phi"))
    d0, dz = impact_parameters(table, rows, eta, phi, primary_vertices(events))

    is_near = np.abs(dz) < TRACK_MAX_DZ_CM
    rows, eta, phi, d0, dz = rows[is_near], eta[is_near], phi[is_near], d0[is_near], dz[is_near]
    x, y, z = (table[axis][rows].astype(np.float64) for axis in _POINT)
    impact = to_ecal(x, y, z, eta, phi, bend_of(table["charge"][rows], table["pt"][rows]))
    pixel = stitched_pixel(*impact)

    seen = pixel != NOWHERE
    rows, d0, dz = rows[seen], d0[seen], dz[seen]
    with np.errstate(divide="ignore", invalid="ignore"):
        significances = d0 / table["d0_error_cm"][rows], dz / table["dz_error_cm"][rows]
    quantities = (_finite(values) for values in (d0, dz, *significances))
    return TrackPixels(np.searchsorted(rows, table.offsets), pixel[seen], table["pt"][rows], *quantities)


def impact_parameters(
    tracks: Table, rows: LongArray, eta: DoubleArray, phi: DoubleArray, vertex_cm: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """d0 and dz in cm of some tracks to the vertices of their events: dxy and dz of CMS's TrackBase.

    The track is taken straight between its point and the vertex. vertex_cm: (events, 3).
    """
    x, y, z = (tracks[axis][rows] - vertex_cm[tracks.event_index[rows], i] for i, axis in enumerate(_POINT))
    cosine, sine = np.cos(phi), np.sin(phi)
    return y * cosine - x * sine, z - (x * cosine + y * sine) * np.sinh(eta)


def hit_pixels(events: Events, layer: int) -> HitPixels:
    """Hits of the layer, each at eta and phi of the line from the primary vertex to it.

    Source: layer channels of bhbam/MLAnalyzer.
    """
    table = events.objects.get("tracker_hits")
    if table is None:
        return HitPixels(np.zeros(len(events) + 1, dtype=np.int64), np.zeros(0, dtype=np.int32))
    rows = np.flatnonzero(table["layer"] == layer)
    offsets = np.searchsorted(rows, table.offsets)
    vertex_cm = np.repeat(primary_vertices(events), np.diff(offsets), axis=0)
    x, y, z = (table[axis][rows] - vertex_cm[:, i] for i, axis in enumerate(_POINT))
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(z / np.sqrt(x**2 + y**2))
    return HitPixels(offsets, stitched_pixel(eta, np.arctan2(y, x)))


def _finite(values: DoubleArray) -> FloatArray:
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    return np.where(np.isfinite(single), single, np.float32(0))
