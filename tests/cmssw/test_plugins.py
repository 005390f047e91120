"""The plugins give what `e2e predict` gives: frames to the bit, answers to 1e-5, on simulated and on real events."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import BARREL, GRAPH, JETS, LAYERS, labels_of_record, read_events, records_of

from e2e.bundles import load_bundle
from e2e.bundles.parity import check_agreement
from e2e.cmssw import instance_of
from e2e.events.record import Table
from e2e.frames.build import build_candidates
from e2e.frames.candidate_rows import find_candidates
from e2e.inference.engine import load_engine
from e2e.simulation.simulate import simulate

ZOO = Path(__file__).parents[2] / "zoo"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, pool_for):
    """Name of a task -> its events; pile-up fills barrel, endcaps and what lies between."""
    made = {}
    folder = tmp_path_factory.mktemp("events")

    def events_of(task, number=12):
        if task not in made:
            options = {"num_events": number, "seed": 11, "pileup": 10.0, "pool": pool_for(task)}
            events = read_events([simulate(task, folder / task, **options)])
            made[task] = events if "jets" in events.objects else with_objects(events)
        return made[task]

    return events_of


def with_objects(events):
    """Photons and electrons of a gun as if they were reconstructed: at their true directions."""
    truth, objects = events.objects["truth"], dict(events.objects)
    for name, pdg_id in (("photons", 22), ("electrons", 11)):
        rows = truth.select(np.abs(truth["pdg_id"]) == pdg_id)
        columns = {key: rows[key] for key in ("pt", "eta", "phi", "x_cm", "y_cm", "z_cm")}
        objects[name] = Table(rows.offsets, {**columns, "charge": np.float32(-1) * np.sign(rows["pdg_id"] % 22)})
    return replace(events, objects=objects)


def run_bundle(area, folder, name, collection, events, *options, **extra):
    """What the plugins made of each event, and the label of the tagger."""
    with area.configuration() as (cms, taggers, bundle_of):
        process = cms.Process("E2E")
        bundle = bundle_of(name).bundle
        labels = taggers.addTagger(process, bundle, collection, source=labels_of_record(), **extra)
        done, made = area.run(cms.text(process, labels), records_of(events), folder, *options)
    assert done.returncode == 0, done.stderr
    return made, labels[-1]


def expected(name, events, source):
    """Candidates and answers as Python gives them, those of one source."""
    bundle = load_bundle(ZOO / name)
    mode = "objects" if bundle.contract.frame.grid == "barrel" else "jets"
    rows = find_candidates(events, mode, bundle.contract.frame)
    seeds = rows.seeds.select(rows.source == source)
    candidates = build_candidates(events, bundle.contract.frame, seeds)
    outputs = (
        load_engine(bundle).run_whole(candidates.pack()) if len(seeds) else np.zeros((0, len(bundle.contract.outputs)))
    )
    return bundle, candidates, outputs


def check_same(area, folder, name, collection, events, least=1):
    bundle, candidates, outputs = expected(name, events, collection.removesuffix("s"))
    made, label = run_bundle(area, folder, name, collection, events)
    of_event = np.bincount(candidates.seeds.event_index, minlength=len(events))
    assert [len(one[f"{label}Frames:candidate"]) for one in made] == of_event.tolist()
    for key, value in (
        ("seedRow", candidates.seeds.row),
        ("seedColumn", candidates.seeds.column),
        ("pixel", candidates.pixel_index),
        ("value", candidates.pixel_value),
    ):
        ours = np.concatenate([one[f"{label}Frames:{key}"] for one in made])
        assert ours.dtype.itemsize == 4 and ours.tobytes() == value.astype(ours.dtype).tobytes(), key
    answers = np.stack(
        [
            np.concatenate([one[f"{label}:{instance_of(output)}"][one[f"{label}Frames:candidate"]] for one in made])
            for output in bundle.contract.output_names
        ],
        axis=1,
    )
    assert len(answers) >= least
    check_agreement(name, answers, outputs, bundle.contract.tolerance_scale, bundle.contract.answer_sizes)
    for one in made:  # who has no window has no answer
        has_answer = np.isfinite(one[f"{label}:{bundle.contract.output_names[0]}"])
        assert np.flatnonzero(has_answer).tolist() == one[f"{label}Frames:candidate"].tolist()


@pytest.mark.parametrize(
    ("name", "task", "collection"),
    [
        (BARREL, "electron-photon", "photons"),
        (BARREL, "electron-photon", "electrons"),
        ("electron-photon-nano", "electron-photon", "photons"),
        (JETS, "quark-gluon", "jets"),
        (LAYERS, "ditau-mass", "jets"),
        (GRAPH, "ditau-mass", "jets"),
        ("top-mass-nano", "quark-gluon", "jets"),
    ],
)
def test_plugins_give_the_answers_of_python(area, tmp_path, simulated, name, task, collection):
    check_same(area, tmp_path, name, collection, simulated(task), least=3)


REAL = Path(__file__).parents[3] / "shared" / "data" / "ig"


@pytest.fixture(scope="module")
def real_events():
    """Barrel, endcaps and what lies between: every jet and every photon of the files."""
    if not REAL.is_dir():
        pytest.skip(f"no real events in {REAL}")
    events = read_events(sorted(REAL.glob("*.ig")))
    etas = np.abs(events.objects["jets"]["eta"])
    assert (etas > 1.6).any() and (etas < 1.3).any() and ((etas > 1.4) & (etas < 1.6)).any()
    return events


@pytest.mark.parametrize(("name", "collection"), [(BARREL, "photons"), (BARREL, "electrons"), (JETS, "jets")])
def test_plugins_give_the_answers_of_python_on_real_events(area, tmp_path, real_events, name, collection):
    check_same(area, tmp_path, name, collection, real_events, least=20)


@pytest.mark.parametrize("where", ["barrel", "endcap"])
def test_hits_of_one_part_alone(area, tmp_path, simulated, where):
    """The first fault of the old prototype: its endcap rows were always empty."""
    events = simulated("quark-gluon")
    parts = {"barrel": ("EB", "HB"), "endcap": ("EE", "HE")}[where]
    lonely = replace(events, hits={name: events.hits[name] for name in parts})
    check_same(area, tmp_path, JETS, "jets", lonely, least=5)
    made, _ = run_bundle(area, tmp_path, JETS, "jets", lonely)
    frames = made[0]
    ecal = slice(*frames["e2eDetectorFrames:offset"][[1, 2]])  # track_pt, ecal_energy, hcal_energy
    row = frames["e2eDetectorFrames:pixel"][ecal] // 360
    assert len(row) and ((row < 55) | (row >= 225)).all() == (where == "endcap")


def test_energy_of_the_hcal_is_all_there(area, tmp_path, simulated):
    """The second: a fifth of it survived."""
    events = simulated("quark-gluon")
    made, _ = run_bundle(area, tmp_path, JETS, "jets", events)
    for event, one in enumerate(made):
        towers = slice(*one["e2eDetectorFrames:offset"][[2, 3]])
        hits = np.concatenate([events.hits[name].rows_of(event)["energy"] for name in ("HB", "HE")])
        total = hits[hits > 0].astype(np.float64).sum()
        assert np.isclose(one["e2eDetectorFrames:value"][towers].astype(np.float64).sum(), total, rtol=1e-4)


def test_an_event_without_candidates_is_asked_nothing(area, tmp_path, simulated):
    events = simulated("quark-gluon")
    none = replace(events, objects={name: table for name, table in events.objects.items() if name != "jets"})
    made, label = run_bundle(area, tmp_path, JETS, "jets", none)
    assert all(len(one[f"{label}:score"]) == 0 for one in made)


def test_a_jet_whose_window_leaves_the_detector_has_no_answer(area, tmp_path, simulated):
    """The tenth: rejected jets were inferred on empty frames."""
    events = simulated("quark-gluon")
    jets = events.objects["jets"]
    forward = {**jets.columns, "eta": np.where(np.arange(len(jets)) % 2 == 0, np.float32(2.9), jets["eta"])}
    moved = replace(events, objects={**events.objects, "jets": Table(jets.offsets, forward)})
    made, label = run_bundle(area, tmp_path, JETS, "jets", moved)
    scores = np.concatenate([one[f"{label}:score"] for one in made])
    assert len(scores) == len(jets) and np.isnan(scores[::2]).all() and np.isfinite(scores[1::2]).any()


def test_table_and_value_map_hold_the_same(area, tmp_path, simulated):
    made, label = run_bundle(area, tmp_path, BARREL, "photons", simulated("electron-photon"), tableName="Photon")
    for one in made:
        for output in load_bundle(ZOO / BARREL).contract.output_names:
            column = one[f"table.Photon+.e2e_diphoton_mass_nano_{output}"]  # +: extends another one
            assert column.tobytes() == one[f"{label}:{instance_of(output)}"].tobytes()


def test_several_taggers_share_the_detector_frames(area, tmp_path, simulated):
    """One tagger's answers do not depend on who else is there: the third and the fifth, layers and channel orders."""
    events = simulated("ditau-mass")
    alone, label = run_bundle(area, tmp_path, LAYERS, "jets", events)
    with area.configuration() as (cms, taggers, bundle_of):
        process = cms.Process("E2E")
        names = (JETS, "top-mass-nano", LAYERS)
        labels = [taggers.addTagger(process, bundle_of(n).bundle, "jets", source=labels_of_record()) for n in names]
        order = list(dict.fromkeys(label for own in labels for label in own))
        done, made = area.run(cms.text(process, order), records_of(events), tmp_path)
    assert done.returncode == 0, done.stderr
    for one, other in zip(alone, made, strict=True):
        assert one[f"{label}:mass"].tobytes() == other[f"{label}:mass"].tobytes()


def test_one_bundle_twice(area, tmp_path, simulated):
    """Photons and electrons of one process, each with its own answers."""
    events = simulated("electron-photon")
    with area.configuration() as (cms, taggers, bundle_of):
        process, bundle = cms.Process("E2E"), bundle_of(BARREL).bundle
        source = labels_of_record()
        labels = taggers.addTagger(process, bundle, "photons", source=source)
        labels += taggers.addTagger(process, bundle, "electrons", source=source, label="e2eElectronMass")
        with pytest.raises(ValueError, match="has a module e2eDiphotonMassNano already; give this one another `label`"):
            taggers.addTagger(process, bundle, "electrons", source=source)
        with pytest.raises(ValueError, match="give all the same `source`"):
            taggers.addTagger(process, bundle, "electrons", label="e2eOther")
        done, made = area.run(cms.text(process, dict.fromkeys(labels)), records_of(events), tmp_path)
    assert done.returncode == 0, done.stderr
    alone, label = run_bundle(area, tmp_path, BARREL, "electrons", events)
    for one, other in zip(alone, made, strict=True):
        assert one[f"{label}:mass"].tobytes() == other["e2eElectronMass:mass"].tobytes()


def test_trigger_path_runs(area, tmp_path, simulated):
    events = simulated("electron-photon")
    with area.configuration() as (cms, taggers, bundle_of):
        process, bundle = cms.Process("HLT"), bundle_of(BARREL).bundle
        process.hltL1sDoubleEG = cms.EDFilter("E2EFilter", candidates=cms.InputTag("photons"))
        process.schedule = cms.Schedule()
        cuts = {"mass": (0.1, 0.8), "mass_out_of_range": (0.0, 0.5)}
        name, source = "HLT_DiPhotonMass_v1", labels_of_record()
        path = taggers.addHLTPath(process, bundle, "photons", "hltL1sDoubleEG", name, cuts, source=source)
        assert path in process.schedule
        labels = [process.label_of(module) for module in path.modules]
        done, made = area.run(cms.text(process, labels), records_of(events), tmp_path)
    assert done.returncode == 0, done.stderr
    for one in made:
        if "e2eDiphotonMassNano:mass" not in one:  # without a photon the seed's filter ends it
            assert not one["passed"][0] and not any(key.startswith("e2e") for key in one)
            continue
        mass, flag = one["e2eDiphotonMassNano:mass"], one["e2eDiphotonMassNano:massOutOfRange"]
        assert bool(one["passed"][0]) == bool(((mass >= 0.1) & (mass <= 0.8) & (flag <= 0.5)).any())
    assert 0 < sum(int(one["passed"][0]) for one in made) < len(made)


def test_filter_keeps_events_with_enough_candidates(area, tmp_path, simulated):
    events = simulated("electron-photon")
    with area.configuration() as (cms, taggers, bundle_of):
        process, bundle = cms.Process("HLT"), bundle_of(BARREL).bundle
        labels = taggers.addTagger(process, bundle, "photons", source=labels_of_record())
        labels.append(taggers.addFilter(process, bundle, "photons", minPt=30.0, mass=(0.1, 0.8)))
        done, made = area.run(cms.text(process, labels), records_of(events), tmp_path)
    assert done.returncode == 0, done.stderr
    passed = []
    for event, one in enumerate(made):
        mass, pt = one["e2eDiphotonMassNano:mass"], events.objects["photons"].rows_of(event)["pt"]
        passed.append(bool(((mass >= 0.1) & (mass <= 0.8) & (pt >= 30)).any()))
    assert [bool(one["passed"][0]) for one in made] == passed and 0 < sum(passed) < len(passed)


def test_streams_in_any_order_give_the_same(area, tmp_path, simulated):
    """The seventh: a session for each event, and frames shared by all threads."""
    events = simulated("quark-gluon")
    alone, _ = run_bundle(area, tmp_path, JETS, "jets", events)
    for seed in (1, 2):
        made, _ = run_bundle(area, tmp_path, JETS, "jets", events, "--streams", "8", "--shuffle", str(seed))
        for one, other in zip(alone, made, strict=True):
            assert one.keys() == other.keys()
            assert all(one[key].tobytes() == other[key].tobytes() for key in one)
