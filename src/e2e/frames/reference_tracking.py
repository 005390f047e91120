"""Tracks and tracker hits -> pixels of the stitched grid, many events at once; part of `e2e.frames.reference`."""

from __future__ import annotations

import numpy as np

from e2e.contract import MAX_TRACK_PT_GEV, TRACK_MAX_DZ_CM, TRACK_MAX_ETA
from e2e.detector.helix import bend_of, to_ecal
from e2e.events.record import Events
from e2e.frames.candidates import FloatArray
from e2e.frames.places import NOWHERE, stitched_pixel
from e2e.frames.tracking import (
    POINT,
    DoubleArray,
    HitPixels,
    TrackPixels,
    impact_parameters,
    objects_of,
    primary_vertices,
)


def track_pixels(events: Events) -> TrackPixels:
    """Tracks of the primary collision that reach the ECAL, in their order.

    Left out: a track that is known not to be of high purity, of |eta| of 3 or more, without a pT between 0 and
    `MAX_TRACK_PT_GEV`, or 0.1 cm and more from the primary vertex along the beam. The rest follows its helix in 3.8 T
    from its point nearest the beam axis and is seen from the origin where it reaches the ECAL's front.
    Source: track channels of cms-e2e/RecoE2E, and bhbam/MLAnalyzer for the propagation.
    """
    table = objects_of(events, "tracks")
    is_good = (table["pt"] > 0) & (table["pt"] <= MAX_TRACK_PT_GEV) & (np.abs(table["eta"]) < TRACK_MAX_ETA)
    is_good &= np.isfinite(table["phi"]) & (table["is_high_purity"] != 0)  # NaN: the source does not say
    rows = np.flatnonzero(is_good)
    eta, phi = (table[name][rows].astype(np.float64) for name in ("eta", "phi"))
    d0, dz = impact_parameters(table, rows, eta, phi, primary_vertices(events))

    is_near = np.abs(dz) < TRACK_MAX_DZ_CM
    rows, eta, phi, d0, dz = rows[is_near], eta[is_near], phi[is_near], d0[is_near], dz[is_near]
    x, y, z = (table[axis][rows].astype(np.float64) for axis in POINT)
    impact = to_ecal(x, y, z, eta, phi, bend_of(table["charge"][rows], table["pt"][rows]))
    pixel = stitched_pixel(*impact)

    seen = pixel != NOWHERE
    rows, d0, dz = rows[seen], d0[seen], dz[seen]
    with np.errstate(divide="ignore", invalid="ignore"):
        significances = d0 / table["d0_error_cm"][rows], dz / table["dz_error_cm"][rows]
    quantities = (_finite(values) for values in (d0, dz, *significances))
    return TrackPixels(np.searchsorted(rows, table.offsets), pixel[seen], table["pt"][rows], *quantities)


def hit_pixels(events: Events, layer: int) -> HitPixels:
    """Hits of the layer, each at eta and phi of the line from the primary vertex to it.

    Source: layer channels of bhbam/MLAnalyzer.
    """
    table = objects_of(events, "tracker_hits")
    rows = np.flatnonzero(table["layer"] == layer)
    offsets = np.searchsorted(rows, table.offsets)
    vertex_cm = np.repeat(primary_vertices(events), np.diff(offsets), axis=0)
    x, y, z = (table[axis][rows] - vertex_cm[:, i] for i, axis in enumerate(POINT))
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(z / np.sqrt(x**2 + y**2))
    return HitPixels(offsets, stitched_pixel(eta, np.arctan2(y, x)))


def _finite(values: DoubleArray) -> FloatArray:
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    return np.where(np.isfinite(single), single, np.float32(0))
