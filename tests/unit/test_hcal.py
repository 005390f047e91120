"""Hadrons and the HCAL: response against the CMS test beam (Eur. Phys. J. C 60 (2009) 359), cells, read-out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.detector.detid import is_valid, unpack_hcal
from e2e.detector.hcal_cells import HE_LENGTH, hcal_cell_at, hcal_cells, num_hcal_cells
from e2e.simulation.deposits import add_up
from e2e.simulation.era import ERAS
from e2e.simulation.hadrons import shower_hadrons
from e2e.simulation.hcal import deposit_hcal
from e2e.simulation.hcal_readout import SATURATION_GEV, TIME_OFFSET_NS, read_out_hcal
from e2e.simulation.particles import Particles, mass_of, momentum_vector
from e2e.simulation.stages import Deposits

OLD, NEW = ERAS["2012"], ERAS["2018"]
NEUTRON, PION, MUON = 2112, 211, 13


def beam(pdg_id: int, energy: float, count: int, eta: float = 0.35, phi: float | None = None) -> Particles:
    """One particle an event, on the face of the ECAL, as from the origin; all around unless `phi` is given."""
    size = np.sqrt(energy**2 - mass_of(np.array([pdg_id]))[0] ** 2)
    azimuth = np.linspace(-np.pi, np.pi, count) if phi is None else np.full(count, phi)
    momentum = momentum_vector(np.full(count, size / np.cosh(eta)), np.full(count, eta), azimuth)
    reach = 129 * np.cosh(eta) if abs(eta) < 1.479 else 317 / abs(np.tanh(eta))
    return Particles(np.arange(count), np.full(count, pdg_id), momentum, momentum / size * reach)


def measure(arrivals: Particles, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Visible energy in ECAL and HCAL, and whether the ECAL saw no more than ionisation, for each event."""
    rng = np.random.default_rng(seed)
    share = shower_hadrons(arrivals, rng)
    deposits = deposit_hcal(share.hcal, OLD, rng)
    ecal, hcal = (np.bincount(part.event, part.energy, len(arrivals)) for part in (share.ecal, deposits))
    is_mip = np.zeros(len(arrivals), dtype=bool)
    is_mip[share.ecal.event[share.ecal.is_mip]] = True
    return ecal, hcal, is_mip


@pytest.mark.parametrize("eta", [0.35, -2.2])
@pytest.mark.parametrize(("energy", "response"), [(5.0, 0.65), (20.0, 0.78), (50.0, 0.83), (300.0, 0.94)])
def test_pions_as_in_the_test_beam(eta, energy, response):
    ecal, hcal, _ = measure(beam(PION, energy, 3000, eta))
    seen = ecal + hcal
    assert seen.mean() / energy == pytest.approx(response, abs=0.07)
    assert seen.std() / seen.mean() == pytest.approx(np.hypot(1.1 / np.sqrt(energy), 0.09), rel=0.3)


@pytest.mark.parametrize("energy", [10.0, 50.0])
def test_resolution_after_weighting_is_the_published_one(energy):
    ecal, hcal, is_mip = measure(beam(PION, energy, 5000))
    parts = np.stack((np.where(is_mip, ecal + hcal, 0), np.where(is_mip, 0, ecal), np.where(is_mip, 0, hcal)), axis=1)
    seen = parts @ np.linalg.lstsq(parts, np.full(len(parts), energy), rcond=None)[0]
    assert seen.std() / seen.mean() == pytest.approx(np.hypot(0.847 / np.sqrt(energy), 0.074), rel=0.15)


def test_scale_is_that_of_50_gev_pions_that_pass_the_ecal():
    ecal, hcal, is_mip = measure(beam(PION, 50.0, 6000))
    assert 0.55 < np.mean(~is_mip) < 0.72  # a length of 1.18, pions interact less than nucleons
    assert hcal[is_mip].mean() == pytest.approx(50, rel=0.04)
    assert np.median(ecal[is_mip]) == pytest.approx(0.28, abs=0.04)


def test_muons_leave_the_same_at_any_energy():
    for energy in (10.0, 200.0):
        ecal, hcal, is_mip = measure(beam(MUON, energy, 2000))
        assert is_mip.all()
        assert ecal.mean() == pytest.approx(0.3, abs=0.03)
        assert hcal.mean() == pytest.approx(2.0, abs=0.2)


def test_a_neutron_showers_or_leaves_nothing_in_the_ecal():
    ecal, hcal, is_mip = measure(beam(NEUTRON, 20.0, 2000))
    assert not is_mip.any()
    assert 0.6 < np.mean(ecal > 0) < 0.8
    assert (ecal + hcal).mean() / 20 == pytest.approx(0.78, abs=0.07)
    ecal, hcal, _ = measure(beam(NEUTRON, 0.95, 500))  # 10 MeV of motion: its mass is not seen
    assert (ecal + hcal).mean() < 0.01


def test_photons_and_electrons_are_passed_over():
    share = shower_hadrons(beam(22, 20.0, 5), np.random.default_rng(0))
    assert len(share.ecal.event) == len(share.hcal.energy) == 0


@pytest.mark.parametrize("era", [OLD, NEW])
def test_no_energy_is_made_and_little_lost(era):
    rng = np.random.default_rng(3)
    arrivals = beam(PION, 10.0, 2000, 2.2)
    share = shower_hadrons(arrivals, rng).hcal
    deposits = deposit_hcal(share, era, rng)
    assert 0.99 * share.energy.sum() < deposits.energy.sum() <= share.energy.sum() * (1 + 1e-12)
    summed = add_up(len(arrivals), num_hcal_cells(era), deposits)
    assert summed.energy.sum() == pytest.approx(deposits.energy.sum(), rel=1e-5)


def test_punch_through_is_lost_behind_the_barrel():
    def lost(energy: float, eta: float) -> float:
        rng = np.random.default_rng(4)
        share = shower_hadrons(beam(PION, energy, 2000, eta), rng).hcal
        return 1 - deposit_hcal(share, OLD, rng).energy.sum() / share.energy.sum()

    assert lost(10, 0.1) < lost(300, 0.1) < 0.12
    assert lost(300, 1.1) < lost(300, 0.1)  # more material at an angle


@pytest.mark.parametrize("phi", [0.0, np.pi, np.deg2rad(42.5)])
@pytest.mark.parametrize("eta", [0.3, 1.7, -2.4])
def test_showers_lie_about_their_axis_across_the_seam(eta, phi):
    rng = np.random.default_rng(5)
    deposits = deposit_hcal(shower_hadrons(beam(PION, 30.0, 1500, eta, phi), rng).hcal, OLD, rng)
    cells = hcal_cells(OLD)
    weight = deposits.energy / deposits.energy.sum()
    around = np.angle(np.exp(1j * (cells.phi[deposits.cell] - phi)))
    assert np.sum(weight * around) == pytest.approx(0, abs=0.045)  # half a tower: they are seen at centres
    assert np.sum(weight * cells.eta[deposits.cell]) == pytest.approx(eta, abs=0.05)
    assert np.sum(weight * (np.abs(around) < 0.14)) > 0.85


@pytest.mark.parametrize("era", [OLD, NEW])
def test_every_cell_is_reached_and_names_its_channel(era):
    cells = hcal_cells(era)
    for name, is_ours in (("HB", ~cells.is_endcap), ("HE", cells.is_endcap)):
        assert is_valid(cells.detid[is_ours], name).all()
    assert len(np.unique(cells.detid)) == num_hcal_cells(era) == {OLD: 5184, NEW: 9216}[era]
    tower = unpack_hcal(cells.detid)
    np.testing.assert_array_equal(tower.ieta, cells.ieta)
    assert (tower.iphi[np.abs(tower.ieta) > 20] % 2 == 1).all()
    depth = np.arange(0.02, HE_LENGTH, 0.05)[:, None]
    found = hcal_cell_at(np.broadcast_to(cells.eta, (len(depth), len(cells.eta))), cells.phi, depth, era)
    assert (found == np.arange(len(cells.eta))).any(axis=0).all()


@pytest.mark.parametrize("era", [OLD, NEW])
def test_edges(era):
    cells = hcal_cells(era)
    inside, beyond = hcal_cell_at([2.999, -2.999], [0.01, -0.01], 0.1, era), hcal_cell_at([3.0, -3.001], 0.0, 0.1, era)
    assert cells.ieta[inside].tolist() == [29, -29]
    assert cells.iphi[inside].tolist() == [1, 71]
    assert (beyond == -1).all()
    assert cells.ieta[hcal_cell_at(2.95, 0.0, 9.0, era)] == 28  # its deepest layers take tower 29 in
    assert (hcal_cell_at([0.1, 2.5], 0.0, [5.9, 10.1], era) == -1).all()
    assert hcal_cell_at(0.1, 0.0, -0.01, era) == -1


@given(st.floats(-2.99, 2.99), st.floats(-3.1, 3.1), st.floats(0, 5.7))
def test_a_cell_contains_what_falls_into_it(eta, phi, depth):
    cell = hcal_cell_at(eta, phi, depth, OLD)
    if cell < 0:
        assert 1.3 < abs(eta) < 3  # only the slanted end of the barrel and tower 29 stop before
        return
    cells = hcal_cells(OLD)
    half_width = np.deg2rad(5.0 if abs(cells.ieta[cell]) > 20 else 2.5)
    assert abs(np.angle(np.exp(1j * (phi - cells.phi[cell])))) <= half_width + 1e-6
    assert abs(eta - cells.eta[cell]) <= 0.18
    assert np.sign(cells.ieta[cell]) == (1 if eta >= 0 else -1)
    assert cell == hcal_cell_at(eta, phi + 2 * np.pi, depth, OLD) or half_width - abs(phi - cells.phi[cell]) < 1e-6


def deposits_of(energy: float, time: float, cells: np.ndarray, num_events: int) -> Deposits:
    count = len(cells) * num_events
    offsets = np.arange(num_events + 1) * len(cells)
    values = (np.full(count, value, dtype=np.float32) for value in (energy, time))
    return Deposits(offsets, np.tile(cells.astype(np.int32), num_events), *values)


@pytest.mark.parametrize("era", [OLD, NEW])
def test_energy_is_read_without_bias_and_dead_channels_not(era):
    cells = np.arange(num_hcal_cells(era))
    hits = read_out_hcal(deposits_of(20.0, 0.0, cells, 5), era, np.random.default_rng(6))
    num_read = sum(len(table) for table in hits.values())
    assert 0.997 < num_read / (5 * len(cells)) < 0.9999
    for name, table in hits.items():
        assert is_valid(table["detid"], name).all()
        assert table["energy"].mean() == pytest.approx(20.0, rel=0.005)
        assert table["time"].mean() == pytest.approx(TIME_OFFSET_NS, abs=0.3)
        first, second = (set(table.rows_of(event)["detid"].tolist()) for event in (0, 1))
        assert first == second
    saturated = read_out_hcal(deposits_of(5000.0, 0.0, cells[:50], 1), era, np.random.default_rng(6))
    assert saturated["HB"]["energy"].max() == SATURATION_GEV


def test_noise_alone_is_what_the_reduced_collection_keeps():
    nothing = deposits_of(0.0, 0.0, np.zeros(0), 400)
    hits = read_out_hcal(nothing, OLD, np.random.default_rng(7))["HB"]
    # soft hits of the real minimum bias events: 22 an event in towers to 15, 15 % of them negative, half below 0.2 GeV
    assert len(hits) / 400 == pytest.approx(28, abs=6)
    assert np.mean(hits["energy"] < 0) == pytest.approx(0.17, abs=0.06)
    assert np.median(hits["energy"]) == pytest.approx(0.2, abs=0.05)
    keys = hits.event_index * 2**32 + hits["detid"]
    assert len(np.unique(keys)) == len(keys)
    assert read_out_hcal(nothing, NEW, np.random.default_rng(7))["HB"].counts.mean() < 1


def test_new_barrel_has_a_threshold_and_late_hits_are_late():
    hits = read_out_hcal(deposits_of(0.7, 0.0, np.arange(1000), 5), NEW, np.random.default_rng(8))["HB"]
    assert 0.2 < len(hits) / 5000 < 0.45  # 0.1 GeV, half of the noise, below
    late = read_out_hcal(deposits_of(20.0, 25.0, np.arange(1000), 1), NEW, np.random.default_rng(8))["HB"]
    assert np.median(late["time"]) > 20


@pytest.mark.parametrize("era", [OLD, NEW])
@pytest.mark.parametrize("num_events", [0, 3])
def test_no_particles(era, num_events):
    nobody = beam(PION, 5.0, 1).where(np.zeros(1, dtype=bool))
    rng = np.random.default_rng(9)
    share = shower_hadrons(nobody, rng)
    deposits = add_up(num_events, num_hcal_cells(era), deposit_hcal(share.hcal, era, rng)) if num_events else None
    deposits = deposits or deposits_of(0.0, 0.0, np.zeros(0), 0)
    assert len(share.ecal.event) == len(deposits.cell) == 0
    hits = read_out_hcal(deposits, era, rng)
    assert [len(table.counts) for table in hits.values()] == [num_events, num_events]


def test_same_generator_same_hits():
    def hits() -> dict:
        rng = np.random.default_rng(10)
        deposits = deposit_hcal(shower_hadrons(beam(PION, 30.0, 20), rng).hcal, NEW, rng)
        return read_out_hcal(add_up(20, num_hcal_cells(NEW), deposits), NEW, rng)

    first, second = hits(), hits()
    for name in ("HB", "HE"):
        for column in ("detid", "energy", "time"):
            np.testing.assert_array_equal(first[name][column], second[name][column])
