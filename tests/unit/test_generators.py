"""Guns and Pythia's processes: kinematics, truth, and that a seed decides everything."""

import os

import numpy as np
import pytest
import pythia8mc

from e2e.simulation import processes, pythia
from e2e.simulation.era import ERAS
from e2e.simulation.gun import CONTINUATION_MASS, GUNS, Gun
from e2e.simulation.particles import PHOTON, direction_angles, is_tracked
from e2e.simulation.processes import PROCESSES
from e2e.simulation.pythia import _own_data, collide, decay, first_copies, stable_particles
from e2e.simulation.stages import Generated

BEAMS = ("Beams:eCM = 8000",)
JETS = (*BEAMS, *processes._jets(60.0, 320.0, power=4.5))
NEUTRINOS = (12, 14, 16)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def generate(name: str, num_events: int, seed: int = 1) -> Generated:
    return PROCESSES[name].generate(generator(seed), num_events, None, ())


def sum_of(record: pythia.Record, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Momentum and energy of some entries in each event."""
    columns = (*record.momentum.T, record.energy)
    *momentum, energy = (np.bincount(record.event[keep], x[keep], record.num_events) for x in columns)
    return np.stack(momentum, axis=1), energy


# ---- guns


def test_photon_pair_has_the_mass_and_momentum_of_its_parent():
    shot = GUNS["diphoton"](generator(), 300, Gun())
    first, second = np.split(shot.particles.momentum, 2)
    energy = np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1)
    pt, eta, phi = direction_angles(first + second)
    for name, value in {"pt": pt, "eta": eta, "phi": phi, "energy": energy}.items():
        np.testing.assert_allclose(shot.truth[name], value, rtol=1e-6, atol=1e-6)
    mass_squared = energy**2 - ((first + second) ** 2).sum(1)
    np.testing.assert_allclose(mass_squared, shot.truth["mass"].astype(float) ** 2, atol=1e-7 * energy.max() ** 2)


def test_electrons_and_photons_share_one_spectrum():
    shot = GUNS["electron-photon"](generator(), 4000, Gun(pt=(30.0, 60.0)))
    np.testing.assert_array_equal(shot.truth["pdg_id"], shot.particles.pdg_id)
    charges = set(zip(shot.particles.pdg_id.tolist(), shot.particles.charge.tolist(), strict=True))
    assert charges == {(-11, 1), (11, -1), (22, 0)}
    assert np.mean(shot.particles.pdg_id == PHOTON) == pytest.approx(0.5, abs=0.03)
    assert shot.truth["pt"].min() >= 30
    assert shot.truth["pt"].max() <= 60
    assert shot.vertex_cm.std(0) == pytest.approx(ERAS["2012"].beam_spot_sigma_cm, rel=0.05)


def test_single_photons_stand_for_masses_below_zero():
    shot = GUNS["diphoton-mass"](generator(), 10_000, Gun(mass=(0.0, 1.2)))
    is_photon = shot.truth["pdg_id"] == PHOTON
    assert is_photon.mean() == pytest.approx(-CONTINUATION_MASS / (1.2 - CONTINUATION_MASS), abs=0.012)
    np.testing.assert_array_equal(np.bincount(shot.particles.event), np.where(is_photon, 1, 2))


# ---- Pythia


@pytest.mark.parametrize("name", ["top", "ditau-mass"])
def test_events_depend_on_the_seed_alone(name):
    generate(name, 7, seed=1)
    after_others = generate(name, 12, seed=2)
    pythia._instance.cache_clear()
    alone = generate(name, 12, seed=2)
    for part in ("event", "pdg_id", "momentum", "position"):
        np.testing.assert_array_equal(getattr(alone.particles, part), getattr(after_others.particles, part))
    for column in alone.truth.columns:
        np.testing.assert_array_equal(alone.truth[column], after_others.truth[column])
    assert len(generate(name, 12, seed=3).particles) != len(alone.particles)


def test_top_quarks_have_any_mass():
    truth = generate("top-mass", 150).truth
    assert set(np.abs(truth["pdg_id"])) == {6} and set(truth.counts) == {2}
    counts, _ = np.histogram(truth["mass"], bins=np.linspace(100, 440, 5))
    assert counts.sum() > 270 and counts.min() > 20


class Refusal(pythia8mc.UserHooks):
    """Makes every third event fail."""

    asked = 0

    def canVetoProcessLevel(self):  # noqa: N802 - Pythia's name
        return True

    def doVetoProcessLevel(self, event):  # noqa: N802
        self.asked += 1
        return self.asked % 3 == 0


def test_an_event_that_fails_is_replaced_and_shifts_nothing():
    instance, refusal = pythia8mc.Pythia("", False), Refusal()
    for line in (*pythia._COMMON, *JETS, "Check:abortIfVeto = on"):
        assert instance.readString(line)
    instance.setUserHooksPtr(refusal)
    instance.init()
    instance.rndm.init(5)
    refusal.asked = 0
    record = pythia._record(pythia._next_batch(instance, 10))
    assert refusal.asked == 14
    instance.rndm.init(5)
    refusal.asked = 0
    one_by_one = []
    while len(one_by_one) < 10:
        if instance.next():
            one_by_one.append([pythia._entry(instance.event[i]) for i in range(instance.event.size())])
    expected = np.concatenate([np.array(entries) for entries in one_by_one])
    np.testing.assert_array_equal(np.bincount(record.event), [len(entries) for entries in one_by_one])
    np.testing.assert_array_equal(record.pdg_id, expected[:, 0])
    np.testing.assert_array_equal(record.momentum, expected[:, 3:6])
    np.testing.assert_array_equal(record.position, 0.1 * expected[:, 8:])
    np.testing.assert_array_equal(record.event[record.mother], record.event)


def test_particles_that_leave_carry_all_of_the_beams_energy():
    record = collide(JETS, 5, generator())
    momentum, energy = sum_of(record, record.status > 0)
    np.testing.assert_allclose(momentum, 0.0, atol=1e-3)
    np.testing.assert_allclose(energy, 8000.0, rtol=1e-6)


def test_kaons_fly_along_their_momentum_for_their_life_time_inside_the_tracker():
    record = collide(JETS, 60, generator())
    daughter = np.flatnonzero(record.pdg_id[record.mother] == 310)
    kaon, first = np.unique(record.mother[daughter], return_index=True)
    flight = record.position[daughter[first]] - record.position[kaon]
    momentum = record.momentum[kaon]
    size = np.linalg.norm(momentum, axis=1)
    np.testing.assert_allclose(np.cross(flight, momentum / size[:, None]), 0.0, atol=1e-6)
    proper_cm = (flight * momentum).sum(1) / size * 0.49761 / size
    assert proper_cm[size < 5].mean() == pytest.approx(2.684, rel=0.15)  # PDG 2024
    place = record.position[daughter]
    assert np.hypot(place[:, 0], place[:, 1]).max() < 110
    assert np.abs(place[:, 2]).max() < 280


def test_only_what_the_detector_can_see_is_kept():
    record = collide(JETS, 5, generator())
    vertex = np.arange(15.0).reshape(5, 3)
    particles = stable_particles(record, vertex)
    pt, eta, _ = direction_angles(particles.momentum)
    assert is_tracked(particles.pdg_id).all()
    assert pt.min() > 0.1
    assert np.abs(eta).max() < 3.3
    flight = np.linalg.norm(particles.position - vertex[particles.event], axis=1)
    assert 0.8 < np.mean(flight < 0.01) < 1


def test_the_data_of_another_pythia_are_not_taken(monkeypatch):
    """CMSSW's environment names its own, which Pythia would prefer to those it came with."""
    monkeypatch.setenv("PYTHIA8DATA", "/nowhere")
    settings = (*BEAMS, "HardQCD:gg2gg = on", "PhaseSpace:pTHatMin = 77.")  # no instance of these yet
    assert len(collide(settings, 1, generator()).event)
    assert os.environ["PYTHIA8DATA"] == "/nowhere"


def test_the_data_that_pip_puts_inside_a_target_folder_are_found(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHIA8DATA", raising=False)
    inside = tmp_path / "share" / "Pythia8" / "xmldoc"
    inside.mkdir(parents=True)
    with _own_data(tmp_path):
        assert os.environ["PYTHIA8DATA"] == str(inside)
    assert "PYTHIA8DATA" not in os.environ


def test_a_setting_that_pythia_does_not_know_is_no_silence():
    with pytest.raises(ValueError, match="NoSuch:thing"):
        collide(("NoSuch:thing = on",), 1, generator())


def test_no_events_of_a_part_are_no_entries():
    assert len(collide(JETS, 0, generator()).event) == 0
    assert len(decay((), 36, np.zeros((0, 3)), np.zeros(0), generator()).event) == 0
    assert [len(generate("higgs-diphoton", 1, seed).truth) for seed in range(4)] == [1] * 4


# ---- processes


def test_partons_of_a_jet_event_are_back_to_back():
    truth = generate("quark-gluon", 40).truth
    assert (truth.counts == 2).all()
    assert set(np.abs(truth["pdg_id"]).astype(int)) <= {1, 2, 3, 4, 5, 21}
    pt, phi = truth["pt"].reshape(-1, 2), truth["phi"].reshape(-1, 2)
    np.testing.assert_allclose(pt[:, 0], pt[:, 1], rtol=1e-4)
    np.testing.assert_allclose(np.cos(phi[:, 0] - phi[:, 1]), -1, atol=1e-5)
    assert pt.min() > 50
    assert pt.max() < 420
    assert 0.2 < np.mean(pt[:, 0] > 150) < 0.8  # a falling spectrum would have 0.01 there


def test_half_of_the_top_events_hold_two_boosted_tops():
    truth = generate("top", 80).truth
    is_top = np.abs(truth["pdg_id"]) == 6
    tops = np.bincount(truth.event_index[is_top], minlength=80)
    assert set(tops) == {0, 2}
    assert np.mean(tops == 2) == pytest.approx(0.5, abs=0.17)
    assert not np.bincount(truth.event_index[is_top], np.sign(truth["pdg_id"][is_top])).any()
    assert np.median(truth["mass"][is_top]) == pytest.approx(172.5, abs=1.5)
    assert 0.3 < np.subtract(*np.percentile(truth["mass"][is_top], [75, 25])) < 4  # width 1.4 GeV
    for kind in (is_top, ~is_top):  # those of the same event have the same pT hat, recoil apart
        assert 0.25 < np.mean(truth["pt"][kind] > 400) < 0.7
    assert truth["pt"][~is_top].min() > 280 - 1e-3


def test_tops_are_taken_as_they_decay_and_decay_to_quarks():
    record = collide((*BEAMS, *processes._TOPS), 20, generator())
    first = first_copies(record)
    w = np.flatnonzero((np.abs(record.pdg_id) == 24) & (first == np.arange(len(first))))
    parents = np.sort(record.mother[w])
    tops = processes._tops_or_partons(record)
    np.testing.assert_array_equal(tops.momentum, record.momentum[parents])
    products = record.pdg_id[np.isin(first[record.mother], w) & (np.abs(record.pdg_id) != 24)]
    assert len(products) >= 80
    assert set(np.abs(products)) <= {1, 2, 3, 4, 5, 22}


def test_tau_truth_is_what_can_be_seen_of_it():
    record = collide(("Beams:eCM = 13000", *processes._TAUS), 20, generator())
    truth = processes._taus_or_partons(record)
    assert (np.abs(truth.pdg_id) == 15).all()
    assert len(np.unique(truth.event)) == 20
    ancestor = np.where(np.abs(record.pdg_id) == 15, np.arange(len(record.event)), record.mother)
    for _ in range(60):
        ancestor = ancestor[ancestor]
    is_seen = (record.status > 0) & ~np.isin(np.abs(record.pdg_id), NEUTRINOS)
    of_tau = is_seen & (np.abs(record.pdg_id[ancestor]) == 15)
    decayed, row = np.unique(ancestor[of_tau], return_inverse=True)
    momentum = np.stack([np.bincount(row, x[of_tau]) for x in record.momentum.T], axis=1)
    has_decayed = np.isin(decayed, record.mother[np.abs(record.pdg_id) == 16])  # others radiated and went on
    boson = np.abs(record.pdg_id[record.mother[first_copies(record)[decayed]]])
    np.testing.assert_allclose(truth.momentum, momentum[has_decayed & np.isin(boson, (23, 24))], atol=1e-4)
    assert truth.mass.max() < 1.777
    assert truth.mass.min() > 0.139


def test_taus_of_beauty_are_no_signal():
    settings = ("HardQCD:hardbbbar = on", "PhaseSpace:pTHatMin = 30.")
    record = collide((*BEAMS, *settings), 60, generator())
    assert (np.abs(record.pdg_id) == 15).any()
    truth = processes._taus_or_partons(record)
    assert set(np.abs(truth.pdg_id)) == {5}
    assert len(truth.event) == 120


def test_half_of_the_tau_events_have_taus_of_low_momentum():
    truth = generate("tau", 60).truth
    is_tau = np.abs(truth["pdg_id"]) == 15
    assert len(np.unique(truth.event_index[is_tau])) == pytest.approx(30, abs=10)
    assert not np.intersect1d(truth.event_index[is_tau], truth.event_index[~is_tau]).size
    assert np.mean((truth["pt"][is_tau] > 10) & (truth["pt"][is_tau] < 60)) > 0.4
    assert truth["pt"][~is_tau].min() > 9.9


def test_ditaus_are_flat_and_decay_to_hadrons_alone():
    truth = generate("ditau-mass", 200).truth
    assert set(truth["pdg_id"]) == {36}
    assert (truth.counts == 1).all()
    for name, low, high in (("mass", 3.6, 15.0), ("pt", 30.0, 200.0), ("eta", -1.4, 1.4)):
        share = (truth[name] - low) / (high - low)
        assert share.min() >= 0
        assert share.max() <= 1
        assert share.mean() == pytest.approx(0.5, abs=0.08)
    momentum, mass = generator().normal(0, 40, (30, 3)), np.linspace(3.6, 15, 30)
    record = decay(processes._DITAUS, 36, momentum, mass, generator())
    total, energy = sum_of(record, record.status > 0)
    np.testing.assert_allclose(total, momentum, atol=1e-4)
    np.testing.assert_allclose(energy**2 - (total**2).sum(1), mass**2, rtol=1e-3)
    assert (np.bincount(record.event[np.abs(record.pdg_id) == 15]) == 2).all()
    assert not np.isin(np.abs(record.pdg_id), (12, 14)).any()


def test_a_diphoton_event_has_one_row_and_a_third_are_higgs_bosons():
    truth = generate("higgs-diphoton", 120).truth
    assert (truth.counts == 1).all()
    kinds = {kind: truth["pdg_id"] == kind for kind in (25, 22, 21)}
    for is_kind in kinds.values():
        assert is_kind.mean() == pytest.approx(1 / 3, abs=0.12)
    np.testing.assert_allclose(truth["mass"][kinds[25]], 125.0, atol=1.0)
    assert truth["mass"][kinds[22]].min() > 47
    assert truth["mass"][kinds[22]].max() < 255
    np.testing.assert_allclose(truth["mass"][kinds[21]], 0.0, atol=1e-3)
    assert np.median(truth["pt"][kinds[21]]) > 20


@pytest.mark.slow
def test_minimum_bias_has_as_many_charged_particles_as_measured():
    generated = processes.minimum_bias(ERAS["2018"], generator(), 1000)
    assert len(generated.truth) == 0
    particles = generated.particles
    _, eta, _ = direction_angles(particles.momentum)
    flight = np.linalg.norm(particles.position - generated.vertex_cm[particles.event], axis=1)
    is_primary = (particles.charge != 0) & (flight < 0.1)
    density = np.sum(is_primary & (np.abs(eta) < 0.5)) / 1000
    assert density == pytest.approx(5.31, rel=0.15)  # ALICE at 13 TeV, inelastic: arXiv:1509.08734
    assert generated.vertex_cm[:, 2].std() == pytest.approx(3.6, rel=0.1)
