"""Changes of candidates do what they say and nothing else; what a bundle makes of them is measured."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e import cli
from e2e.bundles.parity import random_candidates
from e2e.contract import GRIDS
from e2e.evaluation import stress as module
from e2e.evaluation.stress import stress
from e2e.evaluation.variations import DEAD, NOISE_GEV, VARIATIONS, noisy, scaled, with_dead_channels
from e2e.frames import Packed
from e2e.problems import InputError
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS

FRAME = TASKS["ditau-mass"].frame


def packed(seed=1, batch=4, pixels=3000):
    made = random_candidates(np.random.default_rng(seed), FRAME, batch, pixels)
    row = np.random.default_rng(seed).integers(62, GRIDS[FRAME.grid].rows - 62, batch)
    return made._replace(seed=np.stack((row, made.seed[:, 1]), axis=1).astype(np.float32))


def channels(sample):
    names = np.array(FRAME.channels)
    return np.where(sample.pixel_index >= 0, names[np.maximum(sample.pixel_index, 0).astype(int) // 125**2], "")


@given(st.integers(0, 99), st.floats(0.5, 2))
def test_a_scale_is_that_of_the_calorimeters(seed, factor):
    sample = packed(seed)
    varied, name = scaled(factor)(sample, FRAME, np.random.default_rng(0)), channels(sample)
    is_energy = np.char.endswith(name, "_energy")
    np.testing.assert_array_equal(varied.pixel_index, sample.pixel_index)
    np.testing.assert_array_equal(varied.pixel_value[~is_energy], sample.pixel_value[~is_energy])
    np.testing.assert_allclose(varied.pixel_value[is_energy], factor * sample.pixel_value[is_energy], rtol=1e-6)


def test_noise_is_that_of_a_crystal_and_on_crystals():
    sample = packed()
    varied, name = noisy(sample, FRAME, np.random.default_rng(0)), channels(sample)
    difference = (varied.pixel_value - sample.pixel_value)[name == "ecal_energy"]
    bright = sample.pixel_value[name == "ecal_energy"] > 1
    assert difference[bright].std() == pytest.approx(NOISE_GEV, rel=0.1)
    assert varied.pixel_value[name == "ecal_energy"].min() >= 0
    np.testing.assert_array_equal(varied.pixel_value[name != "ecal_energy"], sample.pixel_value[name != "ecal_energy"])


def test_the_same_channels_are_dead_whoever_looks():
    sample = packed(pixels=9000)
    moved = sample._replace(  # the window shifted by two columns: every pixel lies two columns less far in it
        pixel_index=np.where(sample.pixel_index % 125 >= 2, sample.pixel_index - 2, -1).astype(np.float32),
        seed=sample.seed + np.float32([0, 2]),
    )
    first, second = (with_dead_channels(one, FRAME, np.random.default_rng(9)) for one in (sample, moved))
    stays = moved.pixel_index >= 0
    np.testing.assert_array_equal((first.pixel_index < 0)[stays], (second.pixel_index < 0)[stays])
    died = (first.pixel_index < 0) & (sample.pixel_index >= 0)
    assert not first.pixel_value[died].any()
    np.testing.assert_array_equal(first.pixel_value[~died], sample.pixel_value[~died])


@pytest.mark.parametrize(("channel", "share"), [("ecal_energy", DEAD), ("hcal_energy", DEAD), ("track_pt", 0.0)])
def test_crystals_and_whole_towers_die_but_no_tracks(channel, share):
    number, rows = FRAME.channels.index(channel), range(62, 218, 5)
    everything = np.arange(125**2, dtype=np.float32) + number * 125**2
    seeds = np.array([(row, (5 * k + 2) % 360) for k, row in enumerate(rows)], dtype=np.float32)
    index = np.tile(everything, (len(seeds), 1))
    varied = with_dead_channels(Packed(index, np.ones_like(index), seeds), FRAME, np.random.default_rng(0))
    dead = (varied.pixel_index < 0).reshape(-1, 125, 125)
    assert dead.mean() == pytest.approx(share, rel=0.35)
    if channel == "hcal_energy":  # seeds are in the middle of a tower: rows 60 to 64 of the grid are one
        towers = dead.reshape(-1, 25, 5, 25, 5).sum(axis=(2, 4))
        assert set(np.unique(towers)) == {0, 25}


def test_without_a_seed_nobody_knows_what_is_dead():
    sample = packed()
    unknown = sample._replace(seed=np.full_like(sample.seed, -1))
    np.testing.assert_array_equal(with_dead_channels(unknown, FRAME, np.random.default_rng(0))[0], unknown[0])


class Sums:
    """A bundle's engine that answers with the energy it was given."""

    name = "sums"

    def run(self, sample):
        return np.where(sample.pixel_index >= 0, sample.pixel_value, 0).sum(axis=1, keepdims=True) / 100


@pytest.fixture(scope="module")
def photons(tmp_path_factory):
    return simulate("diphoton-mass", tmp_path_factory.mktemp("stress") / "events", num_events=300, seed=31)


@pytest.fixture
def bundle(untrained_bundle, tmp_path, monkeypatch):
    """Says that it is of the masses; its answers are sums."""
    loaded = module.load_bundle(untrained_bundle.path)
    task = TASKS["diphoton-mass"]
    contract = type("Contract", (), {"task": task.name, "frame": task.frame, "training": {}, "num_own": 4})
    monkeypatch.setattr(
        module, "load_bundle", lambda path: type("Bundle", (), {"contract": contract, "path": loaded.path})
    )
    monkeypatch.setattr(module, "load_engine", lambda *args: Sums())
    return loaded.path


def test_a_shift_is_measured_on_the_same_candidates(bundle, photons, tmp_path):
    result = stress(bundle, [photons], tmp_path / "out", others=[("again", photons)])
    rows = {row["variation"]: row for row in result["rows"]}
    assert list(rows) == ["none", *VARIATIONS, "again"]
    up, down = rows["calorimeter energies +1%"], rows["calorimeter energies -1%"]
    for row, sign in ((up, 1), (down, -1)):
        assert 0.002 < sign * row["shift"]["value"] < 0.01  # of 0.2 to 1, a hundredth
    again = rows["again"]["shift"]
    assert again["value"] == 0  # and with the error of two samples, where one drops out above
    assert max(row["shift"]["error"] for row in (up, down)) < 0.3 * again["error"]
    assert json.loads((tmp_path / "out" / "stress.json").read_text()) == json.loads(json.dumps(result))
    assert "| 1% of the channels dead | " in (tmp_path / "out" / "stress.md").read_text()


def test_the_verb_takes_other_samples_by_name(untrained_bundle, tmp_path, capsys, pool_for):
    for name, seed, pileup in (("events", 5, 0.0), ("more", 6, 5.0)):
        pool = pool_for("electron-photon") if pileup else None
        simulate("electron-photon", tmp_path / name, num_events=60, seed=seed, pileup=pileup, pool=pool)
    command = f"stress {untrained_bundle.path} {tmp_path / 'events'} -o {tmp_path / 'out'} --others"
    assert cli.main([*command.split(), f"more-pileup={tmp_path / 'more'}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[-1]["variation"] == "more-pileup" and 0 <= rows[-1]["area_under_the_curve"]["value"] <= 1
    assert all("shift" in row for row in rows[1:])
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "nameless"])
    assert "'nameless' is not NAME=INPUT" in capsys.readouterr().err
    for names in (("a", "a"), ("none",), (next(iter(VARIATIONS)),)):
        with pytest.raises(InputError, match=f"two samples are named '{re.escape(names[0])}'"):
            stress(untrained_bundle.path, [tmp_path / "events"], tmp_path / "x", others=[(n, tmp_path) for n in names])
