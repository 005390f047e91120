"""What goes into the detector: kinematics, truth, and chunks that do not know of each other."""

import numpy as np
import pytest
from particle_beams import generator

from e2e.simulation.gun import GUNS, Gun
from e2e.simulation.particles import charge_of, is_tracked, mass_of
from e2e.simulation.processes import PROCESSES
from e2e.simulation.pythia import collide, mixed

PYTHIA = [name for name, process in PROCESSES.items() if not process.is_gun]


def shot(name: str, count: int = 60, seed: int = 1):
    return PROCESSES[name].generate(generator(seed), count, None)


def test_photon_pair_has_the_mass_and_momentum_of_its_parent():
    pairs = GUNS["diphoton"](generator(), 300, Gun())
    first, second = np.split(pairs.particles.momentum, 2)
    total = first + second
    energy = np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1)
    mass_squared = energy**2 - (total**2).sum(1)
    np.testing.assert_allclose(np.hypot(*total[:, :2].T), pairs.truth["pt"], rtol=1e-5)
    np.testing.assert_allclose(mass_squared, pairs.truth["mass"].astype(float) ** 2, atol=1e-6 * energy.max() ** 2)


def test_guns_shoot_flat_in_pt_and_what_they_are_named_after():
    both = GUNS["electron-photon"](generator(), 4000, Gun(pt=(20.0, 100.0)))
    assert np.quantile(both.truth["pt"], [0.25, 0.75]) == pytest.approx([40, 80], abs=3)
    kinds, counts = np.unique(both.truth["pdg_id"], return_counts=True)
    assert kinds.tolist() == [-11, 11, 22]
    assert counts[2] / 4000 == pytest.approx(0.5, abs=0.03)


def test_charges_and_masses_of_antiparticles():
    assert charge_of(np.array([11, -11, 211, -2212, 22, 3112, -3112])).tolist() == [-1, 1, 1, -1, 0, -1, 1]
    assert mass_of(np.array([-211]))[0] == pytest.approx(0.1396, abs=1e-3)
    assert is_tracked(np.array([12, 16, 22, -130])).tolist() == [False, False, True, True]


@pytest.mark.parametrize("name", ["quark-gluon", "tau", "ditau-mass"])
def test_a_chunk_does_not_know_what_was_generated_before(name):
    alone = shot(name, 20, seed=7)
    shot(name, 30, seed=8)
    again = shot(name, 20, seed=7)
    np.testing.assert_array_equal(alone.particles.momentum, again.particles.momentum)
    np.testing.assert_array_equal(alone.truth["pt"], again.truth["pt"])
    assert not np.array_equal(shot(name, 20, seed=9).truth["pt"], alone.truth["pt"])


@pytest.mark.parametrize("name", PYTHIA)
def test_particles_start_inside_the_tracker_and_are_known_to_it(name):
    made = shot(name, 20)
    particles = made.particles
    assert len(made) == 20
    assert is_tracked(particles.pdg_id).all()
    assert np.hypot(*particles.position[:, :2].T).max() < 111
    assert particles.pt.min() > 0.1
    assert set(np.unique(particles.event)) <= set(range(20))
    for column in made.truth.columns.values():
        assert np.isfinite(column).all()


def test_tops_have_their_mass_and_decay_to_quarks():
    made = shot("top", 120)
    is_top = np.abs(made.truth["pdg_id"]) == 6
    event = made.truth.event_index
    assert np.unique(event[is_top], return_counts=True)[1].tolist() == [2] * len(np.unique(event[is_top]))
    assert 0.35 < len(np.unique(event[is_top])) / 120 < 0.65
    assert np.median(made.truth["mass"][is_top]) == pytest.approx(173, abs=1.5)
    assert np.quantile(made.truth["pt"][is_top], 0.05) > 300


def test_taus_are_hadronic_and_what_is_seen_of_them_is_less_than_they_are():
    made = shot("tau", 200)
    is_tau = np.abs(made.truth["pdg_id"]) == 15
    visible = made.truth["mass"][is_tau]
    assert visible.min() > 0.139
    assert visible.max() < 1.777
    for i in np.flatnonzero(is_tau)[:40]:  # its pions and photons are among the particles of its event
        mine = made.particles.where(made.particles.event == made.truth.event_index[i])
        eta, phi = np.arcsinh(mine.momentum[:, 2] / mine.pt), np.arctan2(mine.momentum[:, 1], mine.momentum[:, 0])
        distance = np.hypot(eta - made.truth["eta"][i], np.angle(np.exp(1j * (phi - made.truth["phi"][i]))))
        if abs(made.truth["eta"][i]) < 2.5 and made.truth["pt"][i] > 10:
            assert mine.pt[distance < 0.4].sum() > 0.7 * made.truth["pt"][i]


def test_ditaus_are_flat_in_mass_and_have_two_taus_worth_of_particles():
    made = shot("ditau-mass", 300)
    assert set(made.truth["pdg_id"]) == {36}
    assert np.quantile(made.truth["mass"], [0.25, 0.75]) == pytest.approx([6.45, 12.15], abs=1.0)
    assert not np.isin(np.abs(made.particles.pdg_id[made.particles.pt > 5]), (13,)).any()  # no leptonic decays


def test_higgs_events_have_two_photons_of_its_mass():
    made = shot("higgs-diphoton", 120)
    assert made.truth.counts.tolist() == [1] * 120
    is_higgs = made.truth["pdg_id"] == 25
    assert 0.2 < is_higgs.mean() < 0.48
    np.testing.assert_allclose(made.truth["mass"][is_higgs], 125, atol=0.5)
    assert set(np.unique(made.truth["pdg_id"])) == {21, 22, 25}
    pairs = made.truth["mass"][made.truth["pdg_id"] == 22]
    assert np.quantile(pairs, 0.1) > 60


def test_mixing_keeps_each_record_with_its_events():
    settings = ("Beams:eCM = 8000.", "HardQCD:all = on", "PhaseSpace:pTHatMin = 60.")
    one, other = collide(settings, 3, generator(1)), collide(settings, 2, generator(2))
    which = np.array([0, 1, 1, 0, 0])
    joined = mixed([one, other], which)
    for event, (record, number) in enumerate(((one, 0), (other, 0), (other, 1), (one, 1), (one, 2))):
        mine, theirs = joined.event == event, record.event == number
        np.testing.assert_array_equal(joined.momentum[mine], record.momentum[theirs])
        shift = np.flatnonzero(mine)[0] - np.flatnonzero(theirs)[0]
        np.testing.assert_array_equal(joined.mother[mine] - shift, record.mother[theirs])


def test_no_events_are_no_events():
    assert len(collide(("HardQCD:all = on", "PhaseSpace:pTHatMin = 60."), 0, generator()).event) == 0
