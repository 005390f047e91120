"""The verb: same seed, same bytes; what is written; and one line for what cannot be done."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from e2e.contract import TRACKER_LAYERS
from e2e.events.reader import expand_inputs, read_events
from e2e.events.record import Events
from e2e.problems import InputError, Problems
from e2e.scale.shards import shard_path
from e2e.simulation import pileup
from e2e.simulation import simulate as verb
from e2e.simulation.era import ERAS
from e2e.simulation.gun import Gun
from e2e.simulation.processes import PROCESSES
from e2e.simulation.simulate import Plan, prepare_pool, simulate, simulate_chunk


@pytest.fixture(scope="module")
def small_pool(tmp_path_factory) -> Path:
    """A pool of 60 events; what is made with it has the provenance of a whole one, so only for tests."""
    path = tmp_path_factory.mktemp("pool") / "pool.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "POOL_EVENTS", 60)
        prepare_pool(path, ERAS["2012"])
    return path


@pytest.fixture
def pool(small_pool, monkeypatch) -> Path:
    monkeypatch.setattr(verb, "POOL_EVENTS", 60)
    return small_pool


def read(folder: Path) -> Events:
    return Events.concatenate(batch for path in expand_inputs([folder]) for batch in read_events(path, Problems()))


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    number = 520  # two shards, the last one not full
    one, two = (
        simulate("quark-gluon", tmp_path / str(workers), num_events=number, seed=5, workers=workers)
        for workers in (1, 2)
    )
    for shard in range(2):
        assert shard_path(one, shard).read_bytes() == shard_path(two, shard).read_bytes()
    assert read(one).event.tolist() == list(range(1, number + 1))


@pytest.mark.parametrize("process", ["top", "tau", "ditau-mass", "higgs-diphoton", "diphoton-mass"])
def test_a_chunk_does_not_know_what_was_made_before_it(process):
    plan = Plan(process, 10_000, 3, Gun() if PROCESSES[process].is_gun else None, 0.0, None)
    first = simulate_chunk(plan, 1)
    simulate_chunk(plan, 0)
    again = simulate_chunk(plan, 1)
    for name, table in {**first.hits, **first.objects}.items():
        for column, values in table.columns.items():
            np.testing.assert_array_equal(values, {**again.hits, **again.objects}[name][column])


def test_another_seed_gives_other_events():
    for process in ("photon", "quark-gluon"):
        gun = Gun() if process == "photon" else None
        one, other = (simulate_chunk(Plan(process, 20, seed, gun, 0.0, None), 0) for seed in (5, 6))
        assert not np.array_equal(one.hits["EB"]["energy"][:50], other.hits["EB"]["energy"][:50])


def test_another_tune_gives_other_events_and_is_named():
    own, other = (simulate_chunk(Plan("quark-gluon", 20, 5, None, 0.0, None, tune), 0) for tune in (None, 5))
    assert not np.array_equal(own.hits["EB"]["energy"][:50], other.hits["EB"]["energy"][:50])
    assert other.provenance == {**own.provenance, "tune": 5}


def test_the_default_tune_is_the_default(tmp_path):
    folder = simulate("quark-gluon", tmp_path / "events", num_events=3, seed=5)
    assert simulate("quark-gluon", folder, num_events=3, seed=5, tune=14) == folder  # what is there is taken


def test_fewer_events_are_the_first_of_more():
    few, many = (simulate_chunk(Plan("quark-gluon", n, 3, None, 0.0, None), 0) for n in (7, 90))
    np.testing.assert_array_equal(few.hits["EB"]["detid"], many.slice(0, 7).hits["EB"]["detid"])
    assert few.provenance == many.provenance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"process": "photon", "tune": 5}, "a tune for photon"),
        ({"process": "ditau-mass", "tune": 5}, "it makes no collisions"),
        ({"process": "top", "tune": 99}, "1 to 33"),
        ({"process": "top", "tune": 22}, "which need LHAPDF"),
        ({"process": "electron-foton"}, "did you mean 'electron-photon'"),
        ({"process": "quark-gloun"}, "did you mean 'quark-gluon'"),
        ({"process": "photon", "num_events": 0}, "must be at least 1"),
        ({"process": "photon", "workers": 0}, "at least 1"),
        ({"process": "photon", "pt": (50.0, 20.0)}, "ascending"),
        ({"process": "top", "pt": (20.0, 50.0)}, "only guns"),
        ({"process": "photon", "pool": Path("pool")}, "without pile-up"),
        ({"process": "photon", "pileup": -1.0}, "mean number of collisions"),
        ({"process": "photon", "pileup": float("nan")}, "mean number of collisions"),
    ],
)
def test_bad_request_is_one_line(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        simulate(output=tmp_path / "never", **arguments)
    assert not list(tmp_path.iterdir())


def test_truth_and_provenance_are_written(tmp_path):
    events = read(simulate("electron-photon", tmp_path / "events", num_events=40, seed=2))
    truth = events.objects["truth"]
    assert set(np.unique(truth["pdg_id"])) == {-11, 11, 22}
    assert truth["pt"].min() >= 20
    assert truth["pt"].max() <= 100
    assert events.provenance["process"] == "electron-photon"
    assert events.provenance["seed"] == 2
    assert events.event.tolist() == list(range(1, 41))


def test_a_jet_process_fills_every_table_its_task_needs(tmp_path):
    events = read(simulate("ditau-mass", tmp_path / "events", num_events=30, seed=2))
    assert set(events.hits) == {"EB", "EE", "HB", "HE"}
    assert set(events.objects) == {"truth", "tracks", "tracker_hits", "vertices", "jets"}
    assert set(np.unique(events.objects["tracker_hits"]["layer"])) == set(TRACKER_LAYERS.values())
    assert (events.objects["jets"].counts > 0).mean() > 0.7


def test_a_gun_reaches_the_crystal_it_is_aimed_at(tmp_path):
    from e2e.frames import native

    events = read(simulate("photon", tmp_path / "events", num_events=300, seed=2))
    seeds = native.leading_seeds(events.hits["EB"], 1.0)
    truth = events.objects["truth"]
    expected = (np.rad2deg(truth["phi"][seeds.event_index]) + 10) % 360
    assert len(seeds) > 285  # a few face a dead tower
    turned = (seeds.column + 0.5 - expected + 180) % 360 - 180
    assert np.median(np.abs(turned)) < 1


def test_pile_up_adds_what_the_pool_holds(pool):
    plain = simulate_chunk(Plan("minimum-bias", 100, 4, None, 0.0, None), 0)
    full = simulate_chunk(Plan("minimum-bias", 100, 4, None, 20.0, pool), 0)
    held = verb._pool(pool, "2012").response
    per_event = len(held.tracks) / len(held)
    added = (len(full.objects["tracks"]) - len(plain.objects["tracks"])) / 100
    assert added == pytest.approx(20 * per_event, rel=0.1)
    np.testing.assert_array_equal(  # the primary vertex comes first, where it was found
        full.objects["vertices"]["z_cm"][full.objects["vertices"].offsets[:-1]][plain.objects["vertices"].counts > 0],
        plain.objects["vertices"]["z_cm"],
    )
    assert full.hits["EE"].counts.mean() > 3 * plain.hits["EE"].counts.mean()


def test_out_of_time_collisions_bring_late_and_early_hits(pool):
    times = {}
    for share in (0.0, 0.4):
        era = replace(ERAS["2012"], out_of_time_share=(share, share))
        rng = np.random.default_rng(1)
        process = PROCESSES["minimum-bias"]
        made = process.generate(rng, 60, None, ())
        response = pileup.overlay(verb.respond(made, era, rng), verb._pool(pool, "2012"), 30.0, era, rng)
        energy, time = response.ecal.energy, np.abs(response.ecal.time)
        times[share] = np.mean(time[energy > 0.3] > 20)
    assert times[0.0] == 0
    assert times[0.4] > 0.05


def test_a_pool_is_read_as_it_was_written_and_another_one_refused(pool, tmp_path):
    about = verb._about_pool(ERAS["2012"])
    held = pileup.read_pool(pool, about).response
    pileup.write_pool(tmp_path / "copy.safetensors", held, about)
    again = pileup.read_pool(tmp_path / "copy.safetensors", about).response
    np.testing.assert_array_equal(again.ecal.energy, held.ecal.energy)
    np.testing.assert_array_equal(again.tracks["pt"], held.tracks["pt"])
    with pytest.raises(InputError, match="era 2012, not 2018; give another file"):
        pileup.read_pool(pool, verb._about_pool(ERAS["2018"]))
    for place in (tmp_path, tmp_path / "nowhere" / "pool.safetensors"):
        with pytest.raises(InputError, match="no place for a pile-up pool"):
            prepare_pool(place, ERAS["2012"])
    (tmp_path / "damaged.safetensors").write_bytes(pool.read_bytes()[:1000])
    with pytest.raises(InputError, match="not a pile-up pool"):
        pileup.read_pool(tmp_path / "damaged.safetensors", about)


def test_another_seed_in_the_same_folder_is_refused(tmp_path):
    simulate("photon", tmp_path / "events", num_events=5, seed=1)
    with pytest.raises(InputError, match="seed 1, not 2"):
        simulate("photon", tmp_path / "events", num_events=5, seed=2)
    simulate("photon", tmp_path / "events", num_events=5, seed=1)  # already there
