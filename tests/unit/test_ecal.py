import numpy as np
import pytest

from e2e.detector.crystals import endcap_table
from e2e.detector.detid import is_valid
from e2e.detector.ecal_cells import (
    NUM_BARREL_CELLS,
    NUM_ECAL_CELLS,
    NUM_ECAL_TOWERS,
    cell_map,
    ecal_cells,
    place_of,
    steps,
    tower_neighbours,
)
from e2e.detector.geometry import barrel_position
from e2e.simulation import ecal, ecal_coordinates, shower, shower_table
from e2e.simulation.deposits import add_up
from e2e.simulation.ecal_readout import SATURATION_GEV, dead_cells, read_out_ecal
from e2e.simulation.particles import PHOTON, PION, Particles, momentum_vector
from e2e.simulation.stages import CellEnergies, Deposits


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def on_face(pdg_id: int, energy: float, eta: tuple[float, float], count: int, phi: float | None = None) -> Particles:
    """One particle an event, straight from the origin."""
    etas = generator(7).uniform(*eta, count)
    phis = generator(8).uniform(-np.pi, np.pi, count) if phi is None else np.full(count, phi)
    along = momentum_vector(1 / np.cosh(etas), etas, phis)
    to_face = np.where(np.abs(etas) < 1.479, 129.0 * np.cosh(etas), 317.0 / np.abs(np.tanh(etas)))
    return Particles(np.arange(count), np.full(count, pdg_id), energy * along, along * to_face[:, None])


def deposit(particles: Particles, seed: int = 1) -> Deposits:
    rng = generator(seed)
    showers = ecal.electromagnetic_showers(particles, rng)
    return add_up(len(particles), NUM_ECAL_CELLS, ecal.spread(showers, rng))


def sums(deposits: Deposits) -> np.ndarray:
    event = np.repeat(np.arange(len(deposits)), np.diff(deposits.offsets))
    return np.bincount(event, deposits.energy, minlength=len(deposits))


def central_share(deposits: Deposits) -> float:
    """Median over events of the highest crystal's share in the 5 x 5 around it."""
    shares = []
    for first, last in zip(deposits.offsets[:-1], deposits.offsets[1:], strict=True):
        image = np.zeros(NUM_ECAL_CELLS + 1)
        image[deposits.cell[first:last]] = deposits.energy[first:last]
        window = image[cell_map()[ecal_cells().place[image.argmax()] + steps(2, 2)]]
        shares.append(image.max() / window.sum())
    return float(np.median(shares))


# ---- cells


def test_every_cell_is_one_existing_crystal():
    cells = ecal_cells()
    assert len(np.unique(cells.detid)) == NUM_ECAL_CELLS == 75_848
    assert is_valid(cells.detid[:NUM_BARREL_CELLS], "EB").all()
    assert is_valid(cells.detid[NUM_BARREL_CELLS:], "EE").all()
    np.testing.assert_array_equal(cell_map()[cells.place], np.arange(NUM_ECAL_CELLS))
    sizes = np.bincount(cells.tower, minlength=NUM_ECAL_TOWERS)
    assert (sizes[:2448] == 25).all()
    assert sizes.max() == 25


def test_steps_on_the_map_wrap_in_phi_and_end_in_eta():
    cells, around = ecal_cells(), cell_map()
    corner = around[cells.place[0] + steps(1, 1)]  # row 0, column 0
    np.testing.assert_array_equal(corner[1:], [[359, 0, 1], [719, 360, 361]])
    assert (corner[0] == NUM_ECAL_CELLS).all()
    far = around[cells.place[359] + steps(0, 34)[0]]
    np.testing.assert_array_equal(far, (359 + np.arange(-34, 35)) % 360)
    endcap = around[cells.place[NUM_BARREL_CELLS:, None] + steps(1, 1).ravel()]
    is_there = endcap < NUM_ECAL_CELLS
    distance = np.abs(cells.eta[np.where(is_there, endcap, 0)] - cells.eta[NUM_BARREL_CELLS:, None])
    assert distance[is_there].max() < 0.15  # none on the other side
    assert is_there.sum(1).min() >= 4
    assert set(tower_neighbours()[0].tolist()) == {0, 1, 71, 72, 73, 143}


def test_coordinates_invert_the_geometry():
    ieta, iphi = np.array([-85, -40, -1, 1, 17, 85]), np.array([1, 20, 21, 180, 340, 360])
    eta, phi = barrel_position(ieta, iphi)
    point = 129.5 * np.stack((np.cos(phi), np.sin(phi), np.sinh(eta)), axis=1)
    row, column = ecal_coordinates.barrel_coordinates(point, np.zeros(6))
    np.testing.assert_allclose(row, np.where(ieta > 0, ieta + 84, ieta + 85), atol=0.05)
    np.testing.assert_allclose(np.mod(column - (iphi - 1) + 180, 360) - 180, 0, atol=0.05)
    ix, iy = np.array([1, 30, 51, 100]), np.array([50, 60, 62, 51])
    row, column = ecal_coordinates.endcap_coordinates(endcap_table()[ix, iy])
    np.testing.assert_allclose((row, column), (ix - 1, iy - 1), atol=0.05)


# ---- showers


def test_closed_form_square_integral_equals_a_sum():
    radius = np.array([1.3])
    a, b = np.array([[-2.0, 0.7]]), np.array([[0.4, 3.0]])
    corners = shower.square_integral(a, b, radius)[0]
    closed = corners[1, 1] - corners[0, 1] - corners[1, 0] + corners[0, 0]
    x, y = ((np.arange(800) + 0.5) / 800 * (high - low) + low for low, high in ((-2.0, 0.7), (0.4, 3.0)))
    density = radius**2 / (np.pi * (x[:, None] ** 2 + y[None, :] ** 2 + radius**2) ** 2)
    assert closed == pytest.approx(density.mean() * 2.7 * 2.6, rel=1e-4)


@pytest.mark.parametrize("radius", [0.05, 0.1, 0.3, 2.0, 8.0])
def test_the_table_is_the_closed_form(radius):
    row, column = generator().uniform(-0.8, 0.8, (2, 300, 1))
    radii = np.full((300, 1), radius)
    looked_up = shower_table.add_components(row, column, radii, np.ones((300, 1)))
    exact = shower_table.box_shares(row[:, 0], column[:, 0], radii[:, 0]).reshape(300, -1)
    difference = looked_up - exact
    assert np.abs(difference).max() < 0.015
    assert np.sqrt((difference**2).mean(0)).max() < 0.005


def test_showers_deepen_with_the_logarithm_of_the_energy():
    depth = [shower.sample_profile(np.full(4000, energy), generator()).maximum_x0.mean() for energy in (10.0, 100.0)]
    assert depth[1] - depth[0] == pytest.approx(np.log(10), rel=0.15)


def test_fluctuations_move_energy_between_crystals_and_keep_the_sum():
    shares = generator().random((6, 121))
    shares *= 0.97 / shares.sum(1, keepdims=True)
    energy = np.linspace(1.0, 100.0, 6)
    first, second = (shower.fluctuate(shares, energy, generator(seed)) for seed in (1, 2))
    np.testing.assert_allclose(first.sum(1), 0.97 * energy, rtol=1e-9)
    spread = np.abs(first - second).sum(1) / energy
    assert 0.01 < spread[-1] < spread[0] / 3  # smaller, relatively, for more energy


@pytest.mark.parametrize(("energy", "contained"), [(0.1, 1.0), (1.0, 1.0), (4.0, 1.0), (50.0, 0.992)])
def test_the_barrel_contains_photons(energy, contained):
    found = sums(deposit(on_face(PHOTON, energy, (-1.4, 1.4), 300, phi=-0.1745)))  # at the seam of the columns
    assert np.median(found) / energy == pytest.approx(contained, abs=0.004)
    assert found.max() <= energy * (1 + 1e-5)


def test_soft_and_hard_showers_meet():
    low, high = ecal.SLICED_ABOVE_GEV * 0.98, ecal.SLICED_ABOVE_GEV * 1.02
    for eta in ((0.1, 1.4), (1.7, 2.5)):
        shares = [central_share(deposit(on_face(11, energy, eta, 800))) for energy in (low, high)]
        assert shares[0] == pytest.approx(shares[1], abs=0.05)
        assert 0.65 < shares[1] < 0.8


def test_the_preshower_takes_more_of_a_softer_electron():
    shares = [np.median(sums(deposit(on_face(11, energy, (1.8, 2.4), 300)))) / energy for energy in (1.0, 10.0, 100.0)]
    assert shares[0] < 0.85 < shares[1] < 0.96 < shares[2] < 1
    bare = np.median(sums(deposit(on_face(11, 1.0, (1.55, 1.6), 300))))
    assert bare > 0.98


def test_two_electrons_share_a_photon():
    showers = ecal.electromagnetic_showers(on_face(PHOTON, 20.0, (-1.0, 1.0), 5000), generator())
    share = showers.energy / 20.0
    assert len(showers) == pytest.approx(10_000, rel=0.01)
    v = (np.arange(1000) + 0.5) / 1000
    density = 1 - 4 / 3 * v * (1 - v)
    variance = (density * (v - 0.5) ** 2).mean() / density.mean()
    assert np.mean((share - 0.5) ** 2) == pytest.approx(variance, rel=0.05)
    assert showers.start_x0.mean() == pytest.approx(9 / 7, rel=0.05)


def test_hadrons_are_wide_and_muons_narrow():
    arrivals = on_face(PION, 5.0, (-1.2, 1.2), 300)
    direction = arrivals.momentum / 5.0
    for kind, low, high in ((ecal.MIP, 1.0, 2.0), (ecal.HADRONIC, 3.5, 15.0)):
        parts = (arrivals.event, arrivals.position, direction, np.full(300, 5.0), np.full(300, 3.0), np.full(300, kind))
        deposits = add_up(300, NUM_ECAL_CELLS, ecal.spread(ecal.Showers(*parts), generator()))
        assert low <= np.diff(deposits.offsets).mean() <= high
        np.testing.assert_allclose(np.median(sums(deposits)), 3.0, rtol=1e-5)


def test_nothing_in_nothing_out():
    none = on_face(PHOTON, 1.0, (-1.0, 1.0), 5).where(np.zeros(5, dtype=bool))
    contributions = ecal.spread(ecal.electromagnetic_showers(none, generator()), generator())
    tables = read_out_ecal(add_up(3, NUM_ECAL_CELLS, contributions), generator())
    assert [len(tables[name].counts) for name in ("EB", "EE")] == [3, 3]
    assert not len(tables["EB"])
    assert not len(tables["EE"])


# ---- read-out


def one_deposit(cell: int, energy: float, time: float, events: int = 1) -> Deposits:
    filled = [np.full(events, value) for value in (cell, energy, time)]
    return Deposits(np.arange(events + 1), filled[0].astype(np.int32), *(x.astype(np.float32) for x in filled[1:]))


def test_the_calorimeter_measures_the_energy():
    tables = read_out_ecal(deposit(on_face(PHOTON, 60.0, (-1.4, 1.4), 400)), generator())
    hits = tables["EB"]
    total = np.bincount(hits.event_index, hits["energy"] * (hits["energy"] > 0.25), minlength=400)
    response = total / 60.0
    assert 0.93 < np.median(response) < 1.0
    low, high = np.quantile(response, (0.16, 0.84))
    assert (high - low) / 2 < 0.015
    assert np.quantile(hits.counts, 0.02) >= 25  # some meet a dead tower


def test_hits_are_valid_ascending_and_once_each():
    tables = read_out_ecal(deposit(on_face(PHOTON, 60.0, (-2.9, 2.9), 64)), generator())
    for name, table in tables.items():
        assert is_valid(table["detid"], name).all()
        key = table.event_index * 2**32 + table["detid"].astype(np.int64)
        assert len(np.unique(key)) == len(key)
        assert len(table) > 300


def test_crystals_around_photons_fill_as_in_real_files():
    """Real files hold 20 to 35 single crystals, 0.10 to 0.20 GeV, in the cone of a photon without jets near it."""
    tables = read_out_ecal(deposit(on_face(PHOTON, 60.0, (-0.8, 0.8), 200)), generator())
    energy = tables["EB"]["energy"]
    assert 15 < ((energy > 0.1) & (energy < 0.2)).sum() / 200 < 60
    soft = read_out_ecal(deposit(on_face(PHOTON, 6.0, (-0.8, 0.8), 200)), generator())
    assert soft["EB"].counts.mean() < 45  # the windows alone


def test_a_crystal_has_noise_once_with_a_little_energy_or_none():
    """0.2 MeV in every barrel crystal must not make more of them pass zero suppression around a photon."""
    alone = deposit(on_face(PHOTON, 30.0, (0.3, 0.5), 100))
    everywhere = np.tile(np.arange(NUM_BARREL_CELLS), 100)
    mine = np.repeat(np.arange(100), np.diff(alone.offsets))
    event = np.concatenate((mine, np.repeat(np.arange(100), NUM_BARREL_CELLS)))
    energy = np.concatenate((alone.energy, np.full(len(everywhere), 2e-4)))
    company = add_up(100, NUM_ECAL_CELLS, CellEnergies(event, np.concatenate((alone.cell, everywhere)), energy))
    few, many = (read_out_ecal(deposits, generator())["EB"].counts.mean() for deposits in (alone, company))
    assert many == pytest.approx(few, rel=0.06)


class Quiet(np.random.Generator):
    """Noise of exactly nothing, as one number in some hundred million is."""

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        return np.zeros(size, dtype)


def test_no_crystal_is_read_twice_where_noise_takes_or_gives_exactly_nothing():
    rng = Quiet(np.random.PCG64(1))
    showers = deposit(on_face(PHOTON, 30.0, (-1.0, 1.0), 40))
    lost = Deposits(showers.offsets, showers.cell, np.where(showers.energy < 0.01, 0, showers.energy), showers.time)
    hits = read_out_ecal(lost, rng)["EB"]
    key = hits.event_index * 2**32 + hits["detid"].astype(np.int64)
    assert (hits["energy"] == 0).sum() > 20
    assert len(np.unique(key)) == len(key)


def test_dead_crystals_stay_silent():
    dead = dead_cells()
    assert dead.mean() == pytest.approx(0.007, abs=1e-4)
    crystals, lost = (np.bincount(ecal_cells().tower, weights) for weights in (None, dead))
    assert ((lost == crystals) & (crystals > 0)).sum() >= 12
    deposits = Deposits(
        np.array([0, dead.sum()]), np.flatnonzero(dead).astype(np.int32), *np.full((2, dead.sum()), 50.0, np.float32)
    )
    found = read_out_ecal(deposits, generator())
    silent = ecal_cells().detid[dead]
    assert not any(np.isin(table["detid"], silent).any() for table in found.values())


def test_the_lowest_gain_saturates():
    live = np.flatnonzero(~dead_cells())
    for name, cell, limit in (("EB", live[5000], SATURATION_GEV[0]), ("EE", live[-3000], SATURATION_GEV[1])):
        energy = read_out_ecal(one_deposit(cell, 6000.0, 0.0), generator())[name]["energy"]
        assert energy.max() == pytest.approx(limit)


def test_soft_crystals_are_kept_where_real_files_keep_them():
    """Barrel: out of time alone. Endcaps: maxima above 0.18 GeV of transverse energy."""
    cells, live = ecal_cells(), np.flatnonzero(~dead_cells())
    barrel, endcap = int(live[30_000]), int(live[-3000])
    late, prompt = (read_out_ecal(one_deposit(barrel, 0.4, t, 300), generator())["EB"] for t in (50.0, 0.0))
    assert (late.counts == 1).mean() > 0.99
    assert late["time"].mean() == pytest.approx(50.0, abs=1.0)
    assert len(prompt) == 0
    for transverse, share in ((0.35, 0.95), (0.08, 0.0)):
        kept = read_out_ecal(one_deposit(endcap, transverse / cells.sin_theta[endcap], 0.0, 300), generator())["EE"]
        assert (kept.counts == 1).mean() == pytest.approx(share, abs=0.06)


def test_times_spread_with_the_noise():
    cell = int(np.flatnonzero(~dead_cells())[30_000])
    for energy, expected in ((2.0, 0.70), (20.0, 0.26)):  # 29 ns x 45 MeV / E and 0.25 ns in quadrature
        hits = read_out_ecal(one_deposit(cell, energy, 0.0, 600), generator())["EB"]
        assert hits["time"][hits["energy"] > energy / 2].std() == pytest.approx(expected, rel=0.1)


def test_places_far_outside_stay_in_the_margin():
    region = np.array([0, 1, 2])
    place = place_of(region, np.array([-500, 900, 900]), np.array([-500, -900, 900]))
    assert (cell_map()[place[:, None] + steps(5, 5).ravel()] == NUM_ECAL_CELLS).all()
