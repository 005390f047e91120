"""Reconstructed tracks and vertices: efficiency, resolution and fakes, without the pattern recognition behind them.

Source of efficiencies and resolutions: CMS, arXiv:1405.6569. Left out: loopers found twice, charge confusion,
correlations between the parameters, tracks of the products of nuclear interactions.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from e2e.detector.geometry import wrap_phi
from e2e.detector.helix import bend_of
from e2e.events.record import OBJECT_COLUMNS, Table
from e2e.simulation.particles import ELECTRON, MUON, FloatArray, IntArray, Particles, direction_angles
from e2e.simulation.transport import Passage

MIN_PT_GEV, MAX_ABS_ETA, MAX_START_CM = 0.3, 2.5, 30.0
MIN_LENGTH_CM = 40.0  # a hadron that meets a nucleus further in leaves no track
EFFICIENCY = {MUON: 0.99, ELECTRON: 0.9}
HADRON_EFFICIENCY = 0.96  # of those that meet no nucleus
START_LENGTH_CM = 20.0  # efficiency falls by e for tracks that begin so far out
HIGH_PURITY = 0.95  # of true tracks
FAKE_SHARE, FAKE_PURITY = 0.02, 0.1

MIN_VERTEX_TRACKS, TRACKS_FOR_VERTEX = 2, 2.5
HARD_TRACK_GEV, MAX_HARD_GEV = 3.0, 30.0  # a track counts as often as its pT holds the first, up to the second
VERTEX_SIGMA_CM = (0.0025, 0.0025, 0.004)


def reconstruct_tracks(passage: Passage, num_events: int, rng: Generator) -> Table:
    """The table of tracks: of charged particles, those from conversions included, and of wrong combinations of hits."""
    charged = passage.charged
    pt, eta, _ = direction_angles(charged.momentum)
    start = np.hypot(charged.position[:, 0], charged.position[:, 1])
    can_be = (pt > MIN_PT_GEV) & (np.abs(eta) < MAX_ABS_ETA) & (start < MAX_START_CM)
    rows = np.flatnonzero(can_be & (passage.end_radius_cm > MIN_LENGTH_CM))
    efficiency = _efficiency(np.abs(charged.pdg_id[rows]), pt[rows], eta[rows])
    is_found = rng.random(len(rows)) < efficiency * np.exp(-start[rows] / START_LENGTH_CM)
    found = charged.where(rows[is_found])
    fakes = _fakes(found, rng)
    is_pure = np.concatenate((rng.random(len(found)) < HIGH_PURITY, rng.random(len(fakes)) < FAKE_PURITY))
    tracks = Particles.concatenate([found, fakes])
    columns = [*_measured(tracks, rng), is_pure]
    order = np.argsort(tracks.event, kind="stable")
    named = zip(OBJECT_COLUMNS["tracks"], columns, strict=True)
    counts = np.bincount(tracks.event, minlength=num_events)
    return Table.from_counts(counts, {name: column[order].astype(np.float32) for name, column in named})


def _efficiency(species: IntArray, pt: FloatArray, eta: FloatArray) -> FloatArray:
    hadrons = HADRON_EFFICIENCY * (1 - np.exp(-(pt - 0.1) / 0.2)) * (1 - 0.02 * eta**2)
    return np.select([species == kind for kind in EFFICIENCY], list(EFFICIENCY.values()), hadrons)


def _fakes(found: Particles, rng: Generator) -> Particles:
    """Random combinations of hits: as many as there are tracks to mix up, with their vertices and momenta turned."""
    chosen = found.where(np.flatnonzero(rng.random(len(found)) < FAKE_SHARE))
    angle = rng.uniform(-np.pi, np.pi, len(chosen))
    px, py, pz = chosen.momentum.T
    turned = (px * np.cos(angle) - py * np.sin(angle), py * np.cos(angle) + px * np.sin(angle), -pz)
    shift = rng.normal(0.0, (0.1, 0.1, 1.0), chosen.position.shape)
    return Particles(chosen.event, chosen.pdg_id, np.stack(turned, axis=1), chosen.position + shift)


def _measured(tracks: Particles, rng: Generator) -> list[FloatArray]:
    """pt, eta, phi, charge, x, y, z of the point nearest the beam axis, uncertainties of d0 and dz."""
    point, phi = _nearest_point(tracks)
    pt, eta, _ = direction_angles(tracks.momentum)
    forward = 1 + 0.35 * eta**2
    sigma_d0 = np.hypot(0.0010, 0.0090 / pt * (1 + 0.1 * eta**2))
    sigma_dz = np.hypot(0.0020, 0.0120 / pt * (1 + 0.5 * eta**2))
    noise = rng.standard_normal((5, len(tracks)))
    measured_pt = pt * np.clip(1 + noise[0] * np.hypot(0.007, 1.3e-4 * pt) * forward, 0.2, 5.0)
    measured_eta = eta + noise[1] * np.hypot(0.0005, 0.002 / pt)
    measured_phi = wrap_phi(phi + noise[2] * np.hypot(0.0003, 0.0015 / pt))
    x = point[0] - np.sin(phi) * sigma_d0 * noise[3]
    y = point[1] + np.cos(phi) * sigma_d0 * noise[3]
    z = point[2] + sigma_dz * noise[4]
    return [measured_pt, measured_eta, measured_phi, tracks.charge, x, y, z, sigma_d0, sigma_dz]


def _nearest_point(tracks: Particles) -> tuple[FloatArray, FloatArray]:
    """Point of each helix nearest the beam axis, (3, tracks), and the azimuth of the momentum there."""
    pt, eta, phi = direction_angles(tracks.momentum)
    x, y, z = tracks.position.T
    radius = 1 / bend_of(tracks.charge, pt)  # signed: the centre lies to the left of the momentum where positive
    centre_x, centre_y = x - radius * np.sin(phi), y + radius * np.cos(phi)
    shrink = 1 - np.abs(radius) / np.hypot(centre_x, centre_y)
    near_x, near_y = centre_x * shrink, centre_y * shrink
    near_phi = np.arctan2((near_x - centre_x) / radius, (centre_y - near_y) / radius)
    path = wrap_phi(phi - near_phi) * radius
    return np.stack((near_x, near_y, z - path * np.sinh(eta))), near_phi


def reconstruct_vertices(vertex_cm: FloatArray, tracks: Table, rng: Generator) -> Table:
    """The table of vertices: at most one for each collision, found the surer the more and the harder tracks it has."""
    is_pure = tracks["is_high_purity"] > 0
    counts = np.bincount(tracks.event_index, is_pure, minlength=len(vertex_cm))
    worth = np.clip(tracks["pt"], HARD_TRACK_GEV, MAX_HARD_GEV) / HARD_TRACK_GEV
    chance = 1 - np.exp(-np.bincount(tracks.event_index, is_pure * worth, minlength=len(vertex_cm)) / TRACKS_FOR_VERTEX)
    is_found = (counts >= MIN_VERTEX_TRACKS) & (rng.random(len(counts)) < chance)
    point = vertex_cm + rng.normal(0.0, VERTEX_SIGMA_CM, vertex_cm.shape)
    ndof = np.maximum(2 * counts - 3, 1.0)
    chi2 = rng.gamma(ndof / 2, 2.0)
    columns = zip(OBJECT_COLUMNS["vertices"], (*point[is_found].T, chi2[is_found], ndof[is_found]), strict=True)
    return Table.from_counts(is_found.astype(np.int64), {name: column.astype(np.float32) for name, column in columns})
