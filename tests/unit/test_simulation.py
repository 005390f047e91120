import numpy as np
import pytest

from e2e.detector.geometry import barrel_position
from e2e.events.reader import read_events
from e2e.problems import InputError, Problems
from e2e.simulation import ecal, pileup, shower, simulate
from e2e.simulation.gun import PROCESSES, Gun
from e2e.simulation.particles import Particles, direction_angles, momentum_vector
from e2e.simulation.simulate import CHUNK_EVENTS, simulate_chunk
from e2e.simulation.transport import LAYER_SHARE, material_x0, propagate, sample_share, transport


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def beam(charge: int, count: int, pt: float = 50.0, eta: float = 0.3) -> Particles:
    momentum = momentum_vector(np.full(count, pt), np.full(count, eta), np.linspace(-3, 3, count))
    return Particles(np.arange(count), np.full(count, charge), momentum, np.zeros((count, 3)))


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    number = CHUNK_EVENTS + 20  # the last chunk is not full
    files = [
        simulate("diphoton-mass", tmp_path / f"{workers}.parquet", num_events=number, seed=5, workers=workers)
        for workers in (1, 2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()
    other = simulate("diphoton-mass", tmp_path / "other.parquet", num_events=number, seed=6)
    assert files[0].read_bytes() != other.read_bytes()


def test_fewer_events_are_the_first_of_more():
    few, many = (simulate_chunk("photon", n, 3, Gun(), 0) for n in (7, 90))
    np.testing.assert_array_equal(few.hits["EB"]["detid"], many.slice(0, 7).hits["EB"]["detid"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"process": "electron-foton"}, "did you mean 'electron-photon'"),
        ({"process": "photon", "num_events": 0}, "must be at least 1"),
        ({"process": "photon", "gun": Gun(pt=(50.0, 20.0))}, "ascending"),
        ({"process": "photon", "pileup": -1.0}, "mean number of collisions"),
        ({"process": "photon", "pileup": float("nan")}, "mean number of collisions"),
    ],
)
def test_bad_request_is_one_line(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        simulate(output=tmp_path / "never.parquet", **arguments)
    assert not list(tmp_path.iterdir())


def test_truth_and_provenance_are_written(tmp_path):
    path = simulate("electron-photon", tmp_path / "events.parquet", num_events=40, seed=2)
    (events,) = read_events(path, Problems())
    truth = events.objects["truth"]
    assert set(np.unique(truth["pdg_id"])) == {-11, 11, 22}
    assert truth["pt"].min() >= 20
    assert truth["pt"].max() <= 100
    assert events.provenance["process"] == "electron-photon"
    assert events.provenance["seed"] == 2


def test_photon_pair_has_the_mass_and_momentum_of_its_parent():
    shot = PROCESSES["diphoton"](generator(), 300, Gun())
    first, second = np.split(shot.particles.momentum, 2)
    total = first + second
    energy = np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1)
    mass_squared = energy**2 - (total**2).sum(1)
    np.testing.assert_allclose(total, shot.momentum, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mass_squared, shot.mass**2, atol=1e-7 * energy.max() ** 2)


def test_helix_bends_by_the_field_and_the_charge():
    for charge in (-1, 1):
        arrived = propagate(beam(charge, 5, pt=1.5), 100.0)
        _, _, phi = direction_angles(arrived.momentum)
        impact = np.arctan2(arrived.position[:, 1], arrived.position[:, 0])
        start = np.linspace(-3, 3, 5)
        radius_cm = 1.5 * 100 / (0.299792458 * 3.8)
        expected = -charge * np.arcsin(100.0 / (2 * radius_cm))  # chord of the circle
        np.testing.assert_allclose(np.angle(np.exp(1j * (impact - start))), expected, atol=1e-6)
        np.testing.assert_allclose(np.angle(np.exp(1j * (phi - start))), 2 * expected, atol=1e-6)


def test_a_soft_electron_never_reaches_the_calorimeter():
    assert len(propagate(beam(1, 10, pt=0.5), 129.0)) == 0
    assert len(propagate(beam(0, 10, pt=0.5), 129.0)) == 10


def test_photons_convert_as_often_as_the_material_says():
    eta = 1.0
    arrived = transport(beam(0, 20_000, eta=eta), generator())
    converted = 1 - np.mean(np.bincount(arrived.event, minlength=20_000) == 1)
    expected = 1 - np.exp(-7 / 9 * LAYER_SHARE.sum() * material_x0(np.array([eta]))[0])
    assert converted == pytest.approx(expected, abs=0.015)


def test_energy_is_conserved_in_the_tracker_up_to_what_is_dropped():
    arrived = transport(beam(-1, 500), generator())
    total = np.bincount(arrived.event, arrived.energy, minlength=500)
    energy = 50 * np.cosh(0.3)
    assert (total <= energy * (1 + 1e-9)).all()
    assert np.median(total) > 0.99 * energy


def test_electrons_lose_the_mean_energy_of_the_radiation_length():
    arrived = transport(beam(-1, 4000, eta=0.0), generator())
    leading = np.zeros(4000)
    is_electron = arrived.charge == -1
    np.maximum.at(leading, arrived.event[is_electron], arrived.energy[is_electron])
    assert leading.mean() / 50 == pytest.approx(np.exp(-0.4), abs=0.03)  # 0.4 X0 at eta 0


def test_shares_follow_their_density():
    share = sample_share(generator(), 50_000, lambda v: 1 - 4 / 3 * v * (1 - v))
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    # variance of the normalised density 9/7 (1 - 4/3 v (1 - v))
    v = (np.arange(10_000) + 0.5) / 10_000
    assert share.var() == pytest.approx(np.mean(9 / 7 * (1 - 4 / 3 * v * (1 - v)) * (v - 0.5) ** 2), rel=0.03)


def test_closed_form_square_integral_equals_a_sum():
    radius = np.array([1.3])
    a, b = np.array([[-2.0, 0.7]]), np.array([[0.4, 3.0]])
    corners = shower._square_integral(a, b, radius)[0]
    closed = corners[1, 1] - corners[0, 1] - corners[1, 0] + corners[0, 0]
    x, y = ((np.arange(800) + 0.5) / 800 * (high - low) + low for low, high in ((-2.0, 0.7), (0.4, 3.0)))
    density = radius**2 / (np.pi * (x[:, None] ** 2 + y[None, :] ** 2 + radius**2) ** 2)
    assert closed == pytest.approx(density.mean() * 2.7 * 2.6, rel=1e-4)


def test_showers_deepen_with_the_logarithm_of_the_energy():
    depth = [shower.sample_profile(np.full(4000, energy), generator()).maximum_x0.mean() for energy in (10.0, 100.0)]
    assert depth[1] - depth[0] == pytest.approx(np.log(10), rel=0.15)


def test_the_crystal_map_inverts_the_geometry():
    ieta, iphi = np.array([-85, -40, -1, 1, 17, 85]), np.array([1, 20, 21, 180, 340, 360])
    eta, phi = barrel_position(ieta, iphi)
    point = 129.5 * np.stack((np.cos(phi), np.sin(phi), np.sinh(eta)), axis=1)
    row, column = ecal.crystal_coordinates(point, np.zeros(6))
    np.testing.assert_allclose(row, np.where(ieta > 0, ieta + 84, ieta + 85), atol=0.05)
    np.testing.assert_allclose(np.mod(column - (iphi - 1) + 180, 360) - 180, 0, atol=0.05)


def test_fluctuations_move_energy_between_crystals_and_keep_the_sum():
    shares = generator().random((6, 11, 11))
    shares *= 0.97 / shares.sum((1, 2), keepdims=True)
    energy = np.linspace(1.0, 100.0, 6)
    first, second = (shower.fluctuate(shares, energy, generator(seed)) for seed in (1, 2))
    np.testing.assert_allclose(first.sum((1, 2)), 0.97 * energy, rtol=1e-9)
    spread = np.abs(first - second).sum((1, 2)) / energy
    assert 0.01 < spread[-1] < spread[0] / 3  # smaller, relatively, for more energy


def test_the_calorimeter_measures_the_energy():
    events = simulate_chunk("photon", 400, 8, Gun(pt=(50.0, 50.0)), 0)
    hits = events.hits["EB"]
    is_shower = hits["energy"] > 0.25  # five times the noise
    total = np.bincount(hits.event_index[is_shower], hits["energy"][is_shower], minlength=400)
    response = total / events.objects["truth"]["energy"]
    assert 0.93 < np.median(response) < 1.0
    low, high = np.quantile(response, (0.16, 0.84))
    assert (high - low) / 2 < 0.02


def test_pile_up_adds_what_its_spectrum_says():
    axis = momentum_vector(np.full(4000, 50.0), np.full(4000, 0.5), np.linspace(-3, 3, 4000))
    shot = pileup.photons(generator(), 20.0, axis)
    pt, eta, _ = direction_angles(shot.momentum)
    grid = np.linspace(0, 5, 200_001)
    density = grid * (1 + (np.hypot(grid, 0.14) - 0.14) / (6.9 * 0.145)) ** -6.9
    above = density[grid > 0.5].sum() / density.sum()  # of photons at half the momentum, above 0.25 GeV
    expected = 20 * 5.5 * (0.9 * 1.5 / (2 * np.pi)) * above
    assert len(shot) / 4000 == pytest.approx(expected, rel=0.03)
    assert pt.min() >= 0.25
    assert np.abs(eta - 0.5).max() <= 0.45
    assert np.bincount(shot.event, minlength=4000).var() > len(shot) / 4000  # collisions fluctuate as well
    pions = pileup.pion_deposits(generator(), 20.0, axis)
    assert np.hypot(*pions.position[:, :2].T) == pytest.approx(129.0, abs=0.02)
    assert pions.energy.min() > 0


def test_pile_up_fills_the_crop_and_none_is_the_default():
    quiet, busy = (simulate_chunk("photon", 300, 5, Gun(), 0, pileup=mu).hits["EB"].counts.mean() for mu in (0.0, 50.0))
    assert busy > quiet + 5
    np.testing.assert_array_equal(
        simulate_chunk("photon", 20, 5, Gun(), 0).hits["EB"]["energy"],
        simulate_chunk("photon", 20, 5, Gun(), 0, pileup=0.0).hits["EB"]["energy"],
    )


def test_every_hit_is_a_barrel_crystal_once(tmp_path):
    problems = Problems()
    path = simulate("electron", tmp_path / "e.parquet", num_events=200, seed=4)
    for events in read_events(path, problems):
        assert events.hits["EB"].counts.min() >= 25
    assert not problems
