"""The tracker against its sources: radiation lengths, the field, arXiv:1405.6569, and where particles end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.contract import TRACKER_LAYERS
from e2e.events.record import OBJECT_COLUMNS, Table
from e2e.simulation import tracker_hits, tracks
from e2e.simulation.era import ERAS
from e2e.simulation.particles import ELECTRON, MUON, PHOTON, PION, Particles, direction_angles, momentum_vector
from e2e.simulation.passage import arrive
from e2e.simulation.tracks import reconstruct_tracks, reconstruct_vertices
from e2e.simulation.transport import (
    INTERACTION_PER_X0,
    LAYER_RADIUS_CM,
    LAYER_SHARE,
    MIN_TRACKED_GEV,
    Passage,
    conversion_share,
    material_x0,
    transport,
)

ERA = ERAS["2018"]
HELIX_RADIUS_CM = 100 / (0.299792458 * 3.8)  # per GeV of pT


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def beam(pdg_id: int, count: int, pt: float = 50.0, eta: float = 0.3, start_cm: float = 0.0) -> Particles:
    """One particle an event, all around; those that start off the axis fly away from it."""
    phi = np.linspace(-3, 3, count)
    start = start_cm * np.stack((np.cos(phi), np.sin(phi), np.zeros(count)), axis=1)
    momentum = momentum_vector(np.full(count, pt), np.full(count, eta), phi)
    return Particles(np.arange(count), np.full(count, pdg_id), momentum, start)


def passage_of(particles: Particles, seed: int = 1) -> Passage:
    return transport(particles, len(particles), ERA, generator(seed))


def tracks_of(particles: Particles) -> Table:
    return reconstruct_tracks(passage_of(particles), len(particles), generator(2))


def half_width(values: np.ndarray) -> float:
    """Half of the central 68 %: a standard deviation without its tails."""
    low, high = np.quantile(values, (0.1587, 0.8413))
    return float(high - low) / 2


def turned(angle: np.ndarray, since: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * (angle - since)))


# ---- the way to the calorimeter


@pytest.mark.parametrize("charge", [-1, 1])
def test_the_field_bends_by_the_charge(charge: int) -> None:
    arrived = arrive(beam(PION * charge, 5, pt=1.5))
    _, _, phi = direction_angles(arrived.momentum)
    impact = np.arctan2(arrived.position[:, 1], arrived.position[:, 0])
    expected = -charge * np.arcsin(129.0 / (2 * 1.5 * HELIX_RADIUS_CM))  # chord of the circle
    np.testing.assert_allclose(turned(impact, np.linspace(-3, 3, 5)), expected, atol=1e-9)
    np.testing.assert_allclose(turned(phi, np.linspace(-3, 3, 5)), 2 * expected, atol=1e-9)


@pytest.mark.parametrize(
    ("pdg_id", "pt", "eta", "arrives"),
    [
        (PION, 0.73, 0.3, False),  # curls up within 129 cm: below 0.735 GeV
        (PION, 0.74, 0.3, True),
        (PION, 0.3, 2.0, True),  # the endcap comes first
        (PHOTON, 0.2, 0.3, True),
        (130, 50.0, 2.99, True),
        (130, 50.0, 3.01, False),  # beyond the endcap
    ],
)
def test_what_arrives(pdg_id: int, pt: float, eta: float, arrives: bool) -> None:
    assert len(arrive(beam(pdg_id, 10, pt=pt, eta=eta))) == 10 * arrives


@pytest.mark.parametrize("pdg_id", [PHOTON, ELECTRON, MUON, PION, -PION, 2112])
def test_arrivals_are_on_the_face_and_fly_into_it(pdg_id: int) -> None:
    rng, count = generator(), 3000
    angles = rng.uniform(-3.3, 3.3, count), rng.uniform(-np.pi, np.pi, count)
    momentum = momentum_vector(10 ** rng.uniform(-1, 2.5, count), *angles)
    start = rng.normal(0, (20, 20, 30), (count, 3))  # some a metre out
    arrived = passage_of(Particles(np.arange(count), np.full(count, pdg_id), momentum, start)).arrivals
    radius, z = np.hypot(*arrived.position[:, :2].T), np.abs(arrived.position[:, 2])
    in_barrel, in_endcap = np.abs(radius - 129.0) < 1e-6, np.abs(z - 317.0) < 1e-6
    assert (in_barrel ^ in_endcap).all()
    assert in_barrel.any()
    assert in_endcap.any()
    flux = arrived.position * arrived.momentum
    assert (flux[in_barrel, :2].sum(1) >= 0).all()
    assert (flux[in_endcap, 2] > 0).all()
    assert (z < np.sinh(3.0) * radius).all()
    assert arrived.energy.min() > MIN_TRACKED_GEV


# ---- material


@pytest.mark.parametrize(("eta", "start_cm"), [(0.0, 0.0), (1.0, 0.0), (1.45, 0.0), (2.4, 0.0), (0.0, 55.0)])
def test_photons_convert_as_often_as_the_material_says(eta: float, start_cm: float) -> None:
    passage = passage_of(beam(PHOTON, 20_000, eta=eta, start_cm=start_cm))
    x0 = LAYER_SHARE[start_cm < LAYER_RADIUS_CM].sum() * material_x0(np.array([eta]))[0]
    converted = np.unique(passage.charged.event)
    assert len(converted) / 20_000 == pytest.approx(1 - np.exp(-7 / 9 * x0), abs=0.012)
    assert set(np.unique(passage.charged.pdg_id)) == {ELECTRON, -ELECTRON}


def test_conversions_lie_in_the_layers_as_the_material_does() -> None:
    passage = passage_of(beam(PHOTON, 40_000, eta=0.0))
    event, first = np.unique(passage.charged.event, return_index=True)  # later pairs: of bremsstrahlung
    radius = np.hypot(*passage.charged.position[first, :2].T)
    found = np.array([np.sum(np.abs(radius - layer) < 1e-6) for layer in LAYER_RADIUS_CM])
    assert found.sum() == len(event)
    before = 0.4 * np.concatenate(([0.0], np.cumsum(LAYER_SHARE)))
    expected = 40_000 * -np.diff(np.exp(-7 / 9 * before))
    assert (np.abs(found - expected) < 4 * np.sqrt(expected)).all()


def test_electrons_keep_the_mean_energy_that_the_radiation_length_says() -> None:
    arrived = passage_of(beam(ELECTRON, 4000, eta=0.0)).arrivals
    leading = np.zeros(4000)
    is_electron = arrived.pdg_id == ELECTRON
    np.maximum.at(leading, arrived.event[is_electron], arrived.energy[is_electron])
    assert leading.mean() / 50 == pytest.approx(np.exp(-0.4), abs=0.03)  # 0.4 X0 at eta 0


def test_energy_is_conserved_up_to_what_is_dropped() -> None:
    arrived = passage_of(beam(ELECTRON, 500)).arrivals
    total = np.bincount(arrived.event, arrived.energy, minlength=500)
    energy = 50 * np.cosh(0.3)
    assert (total <= energy * (1 + 1e-6)).all()  # 1e-6: rest mass of the pairs
    assert np.median(total) > 0.99 * energy


def test_shares_of_a_conversion_follow_their_density() -> None:
    share = conversion_share(generator(), 50_000)
    v = (np.arange(10_000) + 0.5) / 10_000
    expected = np.mean(9 / 7 * (1 - 4 / 3 * v * (1 - v)) * (v - 0.5) ** 2)
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share.var() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("eta", [0.0, 1.45])
def test_hadrons_meet_nuclei_as_often_as_the_material_says(eta: float) -> None:
    passage = passage_of(beam(PION, 10_000, pt=5.0, eta=eta))
    lost = np.isfinite(passage.end_radius_cm).mean()
    assert lost == pytest.approx(1 - np.exp(-INTERACTION_PER_X0 * material_x0(np.array([eta]))[0]), abs=0.012)
    assert 0.04 < lost < 0.25
    assert len(passage.arrivals) == 10_000  # the energy goes on


def test_muons_meet_none() -> None:
    assert np.isinf(passage_of(beam(MUON, 1000, eta=1.45)).end_radius_cm).all()


# ---- hits


def test_every_layer_is_hit_where_it_is_as_often_as_it_works() -> None:
    count, pt = 4000, 5.0
    hits = passage_of(beam(MUON, count, pt=pt)).hits
    radii = [*ERA.bpix_radii_cm, 25.5, 33.9, 60.8, 69.2]
    for number, radius in zip(TRACKER_LAYERS.values(), radii, strict=True):
        rows = hits["layer"] == number
        x, y, z = (hits[axis][rows].astype(np.float64) for axis in ("x_cm", "y_cm", "z_cm"))
        assert rows.sum() / count == pytest.approx(0.985, abs=0.008)
        np.testing.assert_allclose(np.hypot(x, y), radius, atol=0.001)
        half_turn = np.arcsin(radius / (2 * pt * HELIX_RADIUS_CM))  # a negative muon turns to the left
        expected = np.linspace(-3, 3, count)[hits.event_index[rows]] + half_turn
        length = 2 * pt * HELIX_RADIUS_CM * half_turn * np.sinh(0.3)
        across, along = (0.001, 0.003) if number <= 4 else (0.004, 0.05)
        assert half_width(turned(np.arctan2(y, x), expected) * radius) == pytest.approx(across, rel=0.1)
        assert half_width(z - length) == pytest.approx(along, rel=0.1)


def test_hits_end_with_the_track_and_begin_with_it() -> None:
    curls = passage_of(beam(PION, 300, pt=0.2)).hits["layer"]  # turns back at 35 cm
    assert curls.max() == TRACKER_LAYERS["tib2"]
    late = passage_of(beam(MUON, 300, start_cm=12.0)).hits["layer"]
    assert late.min() == TRACKER_LAYERS["bpix4"]
    forward = passage_of(beam(MUON, 300, eta=2.4)).hits["layer"]  # 27 cm of pixel barrel
    assert forward.max() == TRACKER_LAYERS["bpix1"]
    hadrons = passage_of(beam(PION, 3000, pt=5.0, eta=0.0))
    stopped = hadrons.end_radius_cm < 30.0
    assert stopped[hadrons.hits.event_index[hadrons.hits["layer"] >= TRACKER_LAYERS["tib2"]]].sum() == 0
    assert not passage_of(beam(PHOTON, 300, start_cm=120.0)).hits["layer"].size


def test_noise_is_in_every_wanted_layer_once_whatever_was_there() -> None:
    era = ERAS["2012"]
    hits = transport(beam(PION, 500), 500, era, generator()).hits
    wanted = [TRACKER_LAYERS[name] for name in ("bpix1", "bpix3", "tob2")]
    both = tracker_hits.with_noise(hits, wanted, era, generator())
    for layer in wanted:
        added = (both["layer"] == layer).sum() - (hits["layer"] == layer).sum()
        assert added / 500 == pytest.approx(tracker_hits.NOISE_HITS, abs=0.3)
    assert set(both["layer"]) == set(wanted)
    nothing = transport(beam(PHOTON, 0), 3, era, generator()).hits
    assert len(nothing) == 0
    assert tracker_hits.with_noise(nothing, wanted, era, generator()).counts.sum() > 0


def test_what_begins_on_a_layer_leaves_no_hit_in_it() -> None:
    hits = transport(beam(PION, 2000, pt=5.0, start_cm=4.4), 2000, ERAS["2012"], generator()).hits["layer"]
    assert not (hits == TRACKER_LAYERS["bpix1"]).any()
    assert (hits == TRACKER_LAYERS["bpix2"]).sum() > 1900


# ---- tracks


@pytest.mark.parametrize(
    ("pdg_id", "pt", "eta", "low", "high"),
    [  # CMS, arXiv:1405.6569: muons 99 %; pions 80 to 95 %, less where the material is, and below 1 GeV
        (MUON, 10.0, 0.0, 0.98, 1.0),
        (MUON, 10.0, 2.0, 0.98, 1.0),
        (PION, 10.0, 0.0, 0.90, 0.96),
        (PION, 10.0, 1.45, 0.80, 0.88),
        (PION, 0.4, 0.0, 0.65, 0.85),
        (ELECTRON, 10.0, 0.0, 0.85, 0.95),
        (PION, 0.29, 0.0, 0.0, 0.0),
        (PION, 10.0, 2.51, 0.0, 0.0),
        (PHOTON, 10.0, 0.0, 0.0, 0.2),  # conversions
    ],
)
def test_efficiency(
    pdg_id: int, pt: float, eta: float, low: float, high: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracks, "FAKE_SHARE", 0.0)
    assert low <= np.mean(tracks_of(beam(pdg_id, 4000, pt, eta)).counts > 0) <= high


def test_efficiency_falls_with_the_radius_of_production() -> None:
    found = [np.mean(tracks_of(beam(MUON, 2000, 5.0, start_cm=start)).counts) for start in (0.0, 2.0, 10.0, 31.0)]
    assert found[0] > found[1] > 0.8
    assert 0.3 < found[2] < 0.8
    assert found[3] == 0


@pytest.mark.parametrize(
    ("pt", "eta", "pt_share", "d0_cm", "dz_cm"),
    [  # CMS, arXiv:1405.6569, figures of the resolutions; muons
        (1.0, 0.0, 0.007, 0.0090, 0.012),
        (10.0, 0.0, 0.007, 0.0014, 0.0023),
        (100.0, 0.0, 0.015, 0.0010, 0.0020),
        (10.0, 2.2, 0.019, 0.0017, 0.0045),
    ],
)
def test_resolutions(pt: float, eta: float, pt_share: float, d0_cm: float, dz_cm: float) -> None:
    table = tracks_of(beam(MUON, 6000, pt, eta))
    x, y, phi = (table[name].astype(np.float64) for name in ("x_cm", "y_cm", "phi"))
    d0 = y * np.cos(phi) - x * np.sin(phi)
    for values, width in ((table["pt"] / pt, pt_share), (d0, d0_cm), (table["z_cm"], dz_cm)):
        assert half_width(values) == pytest.approx(width, rel=0.12)
    assert half_width(d0 / table["d0_error_cm"]) == pytest.approx(1.0, abs=0.06)
    assert half_width(table["z_cm"] / table["dz_error_cm"]) == pytest.approx(1.0, abs=0.06)
    assert np.mean(table["charge"] == -1) == 1


@settings(max_examples=60)
@given(*([st.floats(-5, 5)] * 3), st.floats(0.5, 200), st.floats(-2.4, 2.4), st.floats(-3, 3), st.sampled_from((-1, 1)))
def test_the_point_of_a_track_is_the_one_nearest_the_beam_axis(
    x: float, y: float, z: float, pt: float, eta: float, phi: float, charge: int
) -> None:
    momentum = momentum_vector(*(np.array([value]) for value in (pt, eta, phi)))
    one = Particles(np.zeros(1, dtype=np.int64), np.array([MUON * charge]), momentum, np.array([[x, y, z]]))
    point, near_phi = tracks._nearest_point(one)
    radius = pt * HELIX_RADIUS_CM
    assert point[0] * np.cos(near_phi) + point[1] * np.sin(near_phi) == pytest.approx(0, abs=1e-6)
    away = x - point[0, 0], y - point[1, 0]
    arc = 2 * radius * np.arcsin(np.hypot(*away) / (2 * radius))
    path = np.copysign(arc, away[0] * np.cos(near_phi[0]) + away[1] * np.sin(near_phi[0]))
    assert z - point[2, 0] == pytest.approx(path * np.sinh(eta), abs=1e-5)
    assert np.hypot(*point[:2, 0]) <= np.hypot(x, y) + 1e-6
    turn = charge * radius  # both points are on one circle; its centre is on the left of what is negative
    centre = x - turn * np.sin(phi), y + turn * np.cos(phi)
    near_centre = point[0, 0] - turn * np.sin(near_phi[0]), point[1, 0] + turn * np.cos(near_phi[0])
    np.testing.assert_allclose(near_centre, centre, atol=1e-6)


def test_a_displaced_track_keeps_its_impact_parameter() -> None:
    side = replace(beam(MUON, 500, pt=100.0, eta=0.0), momentum=np.tile([0.0, 100.0, 0.0], (500, 1)))
    table = reconstruct_tracks(passage_of(replace(side, position=np.tile([0.5, 0.0, 3.0], (500, 1)))), 500, generator())
    x, y, phi, z = (table[name].astype(np.float64) for name in ("x_cm", "y_cm", "phi", "z_cm"))
    assert np.median(y * np.cos(phi) - x * np.sin(phi)) == pytest.approx(-0.5, abs=0.001)
    assert np.median(z) == pytest.approx(3.0, abs=0.001)


def test_fakes_are_few_and_mostly_not_pure() -> None:
    particles = beam(MUON, 30_000, pt=5.0)
    table = reconstruct_tracks(passage_of(particles), 30_000, generator())
    is_true = np.abs(np.angle(np.exp(1j * (table["phi"] - np.linspace(-3, 3, 30_000)[table.event_index])))) < 0.05
    assert 0.01 < 1 - is_true.mean() < 0.03
    assert table["is_high_purity"][is_true].mean() == pytest.approx(0.95, abs=0.01)
    assert table["is_high_purity"][~is_true].mean() < 0.2


def test_no_particles_are_no_tracks() -> None:
    passage = transport(beam(PHOTON, 0), 3, ERA, generator())
    table = reconstruct_tracks(passage, 3, generator())
    assert len(passage.arrivals) == len(passage.charged) == len(passage.end_radius_cm) == 0
    assert table.counts.tolist() == [0, 0, 0]
    assert tuple(table.columns) == OBJECT_COLUMNS["tracks"]
    assert reconstruct_vertices(np.zeros((3, 3)), table, generator()).counts.tolist() == [0, 0, 0]


def test_the_same_generator_gives_the_same() -> None:
    one, two = (passage_of(beam(ELECTRON, 50, eta=1.2), seed=7) for _ in range(2))
    np.testing.assert_array_equal(one.arrivals.momentum, two.arrivals.momentum)
    np.testing.assert_array_equal(one.hits["x_cm"], two.hits["x_cm"])


# ---- vertices


def of_purity(num_events: int, tracks_each: int, pt: float = 0.7) -> Table:
    number = num_events * tracks_each
    return Table.from_counts([tracks_each] * num_events, {"is_high_purity": np.ones(number), "pt": np.full(number, pt)})


def test_a_vertex_is_where_the_collision_was() -> None:
    true = generator(3).normal(0, (0.1, 0.1, 5.0), (4000, 3))
    table = reconstruct_vertices(true, of_purity(4000, 60), generator())
    assert table.counts.tolist() == [1] * 4000
    for axis, column in enumerate(("x_cm", "y_cm", "z_cm")):
        assert half_width(table[column] - true[:, axis]) == pytest.approx(tracks.VERTEX_SIGMA_CM[axis], rel=0.06)
    assert table["ndof"].tolist() == [2 * 60 - 3] * 4000
    assert np.mean(table["chi2"] / table["ndof"]) == pytest.approx(1.0, abs=0.02)


def test_few_tracks_are_seldom_a_vertex_and_one_never() -> None:
    origin, rng = np.zeros((3000, 3)), generator()
    found = [reconstruct_vertices(origin, of_purity(3000, each), rng).counts.mean() for each in (1, 2, 8)]
    assert found[0] == 0
    assert 0.4 < found[1] < 0.7
    assert found[2] > 0.9


def test_an_electron_radiates_only_in_the_layers_ahead_of_it():
    """From 100 cm: the services at 108 and 118 cm, a fifth of the 0.4 X0."""
    arrived = passage_of(beam(ELECTRON, 4000, eta=0.0, start_cm=100.0)).arrivals
    leading = np.zeros(4000)
    is_electron = arrived.pdg_id == ELECTRON
    np.maximum.at(leading, arrived.event[is_electron], arrived.energy[is_electron])
    assert leading.mean() / 50 == pytest.approx(np.exp(-0.2 * 0.4), abs=0.008)


def test_two_hard_tracks_are_a_vertex_where_two_soft_ones_seldom_are() -> None:
    soft, hard = (
        reconstruct_vertices(np.zeros((2000, 3)), of_purity(2000, 2, pt), generator()).counts.mean() for pt in (0.7, 20)
    )
    assert soft == pytest.approx(0.55, abs=0.04)
    assert hard > 0.98
