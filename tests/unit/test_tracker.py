"""Material, field, hits and tracks: numbers against their sources, and nothing lost."""

import numpy as np
import pytest
from particle_beams import beam, generator

from e2e.contract import TRACKER_LAYERS
from e2e.events.record import Table
from e2e.metrics import half_width_68
from e2e.simulation.era import ERAS
from e2e.simulation.particles import Particles, direction_angles, momentum_vector
from e2e.simulation.passage import arrive, move, path_outwards
from e2e.simulation.tracker_hits import EFFICIENCY, layers_of
from e2e.simulation.tracks import reconstruct_tracks, reconstruct_vertices
from e2e.simulation.transport import LAYER_SHARE, conversion_share, material_x0, transport

ERA = ERAS["2018"]
ELECTRON, MUON, PHOTON, PION, KAON_LONG = 11, 13, 22, 211, 130


def test_helix_bends_by_the_field_and_the_charge():
    for pdg_id, charge in ((PION, 1), (-PION, -1)):
        shot = beam(pdg_id, 5, pt=1.5)
        arrived = move(shot, path_outwards(shot, 100.0))
        _, _, phi = direction_angles(arrived.momentum)
        impact = np.arctan2(arrived.position[:, 1], arrived.position[:, 0])
        start = np.linspace(-3, 3, 5)
        radius_cm = 1.5 * 100 / (0.299792458 * 3.8)
        expected = -charge * np.arcsin(100.0 / (2 * radius_cm))  # chord of the circle
        np.testing.assert_allclose(np.angle(np.exp(1j * (impact - start))), expected, atol=1e-6)
        np.testing.assert_allclose(np.angle(np.exp(1j * (phi - start))), 2 * expected, atol=1e-6)


def test_what_arrives_is_on_the_face_of_the_calorimeter():
    assert len(arrive(beam(PION, 10, pt=0.5, eta=0.1))) == 0  # curls up in the barrel
    assert len(arrive(beam(PHOTON, 10, pt=0.5, eta=0.1))) == 10
    barrel, endcap = arrive(beam(PION, 20, pt=5.0, eta=-1.2)), arrive(beam(-PION, 20, pt=0.5, eta=2.2))
    np.testing.assert_allclose(np.hypot(*barrel.position[:, :2].T), 129.0, atol=1e-6)
    np.testing.assert_allclose(endcap.position[:, 2], 317.0, atol=1e-6)
    np.testing.assert_allclose(endcap.pt, 0.5, rtol=1e-9)  # the field turns, it does not accelerate


@pytest.mark.parametrize("eta", [0.2, 1.0, 1.4, 2.2])
def test_photons_convert_as_often_as_the_material_says(eta):
    arrived = transport(beam(PHOTON, 10_000, eta=eta), 10_000, ERA, generator()).arrivals
    converted = 1 - np.mean(np.bincount(arrived.event, minlength=10_000) == 1)
    expected = 1 - np.exp(-7 / 9 * LAYER_SHARE.sum() * material_x0(np.array([eta]))[0])
    assert converted == pytest.approx(expected, abs=0.02)


def test_energy_is_conserved_in_the_tracker_up_to_what_is_dropped():
    arrived = transport(beam(ELECTRON, 500), 500, ERA, generator()).arrivals
    total = np.bincount(arrived.event, arrived.energy, minlength=500)
    energy = 50 * np.cosh(0.3)
    assert (total <= energy * (1 + 1e-6)).all()
    assert np.median(total) > 0.99 * energy


def test_electrons_lose_the_mean_energy_of_the_radiation_length():
    arrived = transport(beam(ELECTRON, 4000, eta=0.0), 4000, ERA, generator()).arrivals
    leading = np.zeros(4000)
    is_electron = arrived.pdg_id == ELECTRON
    np.maximum.at(leading, arrived.event[is_electron], arrived.energy[is_electron])
    assert leading.mean() / 50 == pytest.approx(np.exp(-0.4), abs=0.03)  # 0.4 X0 at eta 0


def test_conversion_shares_follow_their_density():
    share = conversion_share(generator(), 50_000)
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    v = (np.arange(10_000) + 0.5) / 10_000  # variance of the normalised density 9/7 (1 - 4/3 v (1 - v))
    assert share.var() == pytest.approx(np.mean(9 / 7 * (1 - 4 / 3 * v * (1 - v)) * (v - 0.5) ** 2), rel=0.03)


def test_a_muon_leaves_a_hit_in_every_layer_it_crosses():
    passage = transport(beam(MUON, 2000, eta=0.5), 2000, ERA, generator())
    muon = np.exp(1j * np.linspace(-3, 3, 2000))
    for layer in layers_of(ERA):
        rows = passage.hits["layer"] == layer.number
        x, y, z = (passage.hits[name][rows].astype(np.float64) for name in ("x_cm", "y_cm", "z_cm"))
        np.testing.assert_allclose(np.hypot(x, y), layer.radius_cm, atol=0.01)
        turned = np.angle((x + 1j * y) * np.conj(muon[passage.hits.event_index[rows]]))
        is_muon = (np.abs(turned) < 0.02) & (np.abs(z - layer.radius_cm * np.sinh(0.5)) < 0.5)
        assert is_muon.sum() / 2000 == pytest.approx(EFFICIENCY, abs=0.01)
    assert set(np.unique(passage.hits["layer"])) == set(TRACKER_LAYERS.values())


def test_neutral_particles_leave_no_hits_but_noise():
    passage = transport(beam(KAON_LONG, 500), 500, ERA, generator())
    assert len(passage.hits) / 500 / len(layers_of(ERA)) == pytest.approx(2.0, rel=0.1)
    assert len(passage.arrivals) == 500


def test_hadrons_are_lost_more_often_where_there_is_more_material():
    lost = [
        np.isfinite(transport(beam(PION, 4000, eta=eta), 4000, ERA, generator()).end_radius_cm).mean()
        for eta in (0.0, 1.45)
    ]
    assert 0.03 < lost[0] < 0.08
    assert 0.15 < lost[1] < 0.25


@pytest.mark.parametrize(("pt", "d0_um", "relative"), [(1.0, 90, 0.007), (10.0, 13, 0.007), (100.0, 10, 0.0148)])
def test_track_resolution_is_that_of_cms(pt, d0_um, relative):
    passage = transport(beam(MUON, 6000, pt=pt, eta=0.0), 6000, ERA, generator())
    tracks = reconstruct_tracks(passage, 6000, generator())
    tracks = tracks.select(tracks["is_high_purity"] > 0)
    assert len(tracks) / 6000 == pytest.approx(0.99 * 0.95, abs=0.02)
    phi = tracks["phi"].astype(np.float64)
    d0 = tracks["y_cm"] * np.cos(phi) - tracks["x_cm"] * np.sin(phi)
    assert half_width_68(d0) * 1e4 == pytest.approx(d0_um, rel=0.1)  # a few fakes are far off
    assert half_width_68(d0 / tracks["d0_error_cm"]) == pytest.approx(1, rel=0.06)
    assert half_width_68(tracks["pt"] / pt) == pytest.approx(relative, rel=0.1)


def test_a_displaced_track_points_away_from_the_beam_axis():
    shot = beam(PION, 400, pt=5.0, eta=0.0)
    sideways = np.stack((-shot.momentum[:, 1], shot.momentum[:, 0], np.zeros(400)), axis=1) / 5.0
    moved = Particles(shot.event, shot.pdg_id, shot.momentum, 0.2 * sideways + shot.momentum / 5.0)  # 2 mm beside
    tracks = reconstruct_tracks(transport(moved, 400, ERA, generator()), 400, generator())
    tracks = tracks.select(tracks["is_high_purity"] > 0)
    d0 = tracks["y_cm"] * np.cos(tracks["phi"]) - tracks["x_cm"] * np.sin(tracks["phi"])
    assert np.median(d0) == pytest.approx(0.2, abs=0.003)


def test_a_vertex_with_more_tracks_is_found_more_often():
    found = []
    for num_tracks in (1, 4, 20):
        counts = np.full(1000, num_tracks)
        tracks = Table.from_counts(counts, {"is_high_purity": np.ones(counts.sum(), np.float32)})
        vertices = reconstruct_vertices(np.zeros((1000, 3)), tracks, generator())
        found.append(len(vertices) / 1000)
    assert found[0] == 0
    assert found[1] == pytest.approx(1 - np.exp(-4 / 2.5), abs=0.04)
    assert found[2] > 0.99


def test_nothing_in_nothing_out():
    passage = transport(beam(PION, 0), 3, ERA, generator())
    assert len(passage.arrivals) == 0
    assert len(reconstruct_tracks(passage, 3, generator()).counts) == 3
    assert momentum_vector(np.zeros(0), np.zeros(0), np.zeros(0)).shape == (0, 3)
