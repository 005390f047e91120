"""The main job, from files of events to rows."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from e2e.detector.detid import pack_eb, pack_hcal
from e2e.detector.geometry import barrel_position
from e2e.events import ig
from e2e.events import store as event_store
from e2e.events.reader import read_events
from e2e.events.record import HIT_COLUMNS, OBJECT_COLUMNS, Events, Table
from e2e.events.store import write_events
from e2e.frames import native
from e2e.inference.engine import ENGINES, Engine, load_engine
from e2e.inference.predict import predict
from e2e.inference.prediction_file import PROVENANCE_KEY
from e2e.problems import InputError, Problems
from e2e.scale.shards import shard_path
from e2e.simulation.simulate import simulate

COLUMNS = (
    "input run luminosity_block event candidate source matches_electron eta phi pt pt_out_of_range "
    "seed_ieta seed_iphi share_outside engine score"
)

SHOWERS = ((10, 30), (-40, 200))  # (ieta, iphi) of two showers, far apart


def shower(ieta, iphi, energy):
    """A crystal with 1/10 of its energy in each of two neighbours."""
    return [(pack_eb(ieta, iphi + step), energy * share) for step, share in ((-1, 0.1), (0, 1.0), (1, 0.1))]


def at(ieta, iphi, pt):
    """pt, eta, phi of what flies straight to this crystal."""
    eta, phi = barrel_position(ieta, iphi)
    return pt, float(eta), float(phi)


HITS = [*shower(*SHOWERS[0], 60.0), *shower(*SHOWERS[1], 40.0)]
PHOTONS = [at(*SHOWERS[0], 61.0), at(*SHOWERS[1], 41.0), (30.0, 2.0, 0.5)]  # the last one in the endcap
ELECTRONS = [at(*SHOWERS[1], 500.0)]  # hardly bent where it has a charge


def table(columns, rows):
    """rows: of every event."""
    joined = np.array([row for event in rows for row in event], dtype=np.float64).reshape(-1, len(columns))
    filled = {name: joined[:, i].astype(dtype) for i, (name, dtype) in enumerate(columns.items())}
    return Table.from_counts([len(event) for event in rows], filled)


def record(hits, photons=None, electrons=None):
    """hits: of each event, (detid, energy). photons, electrons: pt, eta, phi; None: the source does not say."""
    number = np.arange(len(hits), dtype=np.uint32)
    tables = {"EB": table(HIT_COLUMNS, [[(*hit, 0.5) for hit in event] for event in hits])}
    tower = [(int(pack_hcal("HB", 3, 7, 1, new_format=False)), 2.0, 0.0)]  # so that no event is without any hit
    tables["HB"] = table(HIT_COLUMNS, [tower] * len(hits))
    objects = {}
    for name, rows in (("photons", photons), ("electrons", electrons)):
        if rows is not None:
            names = ("pt", "eta", "phi", *sorted(set(OBJECT_COLUMNS[name]) - {"pt", "eta", "phi"}))
            rest = (0.0,) * (len(names) - 3)  # charge and vertex: a straight line from the origin
            columns = dict.fromkeys(names, np.float32)
            objects[name] = table(columns, [[(*row, *rest) for row in event] for event in rows])
    return Events(number + 7, number + 42, (number + 1).astype(np.uint64), tables, objects)


def store(path, *events):
    write_events(path, events)
    return path


def write_ig(path, hits, photons, electrons, number=1):
    """One event of a display file, whose first one makes it anew. photons, electrons: None: no such collection."""
    columns = {
        "Event_V2": (["run", "event", "ls"], [[7, number, 42]]),
        "EBRecHits_V2": (["energy", "eta", "phi", "time", "detid"], [[e, 0, 0, 0.5, int(d)] for d, e in hits]),
    }
    if photons is not None:
        columns["Photons_V1"] = ["pt", "eta", "phi", "pos"], [[*row, [0, 0, 0]] for row in photons]
    if electrons is not None:
        rows = [[*row, 1, [0, 0, 0]] for row in electrons]
        columns["GsfElectrons_V2"] = ["pt", "eta", "phi", "charge", "pos"], rows
    event = {
        "Types": {name: [[field, "double"] for field in fields] for name, (fields, _) in columns.items()},
        "Collections": {name: rows for name, (_, rows) in columns.items()},
    }
    with zipfile.ZipFile(path, "w" if number == 1 else "a") as archive:
        archive.writestr(f"Events/Run_7/Event_{number}", json.dumps(event))
    return path


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return shard_path(simulate("electron-photon", tmp_path_factory.mktemp("events") / "sim", num_events=60, seed=3), 0)


def scores(predictions):
    return predictions.table["score"].to_numpy()


def test_rows_of_reconstructed_objects(untrained_bundle, tmp_path):
    given = store(
        tmp_path / "objects.parquet", record([HITS] * 3, [PHOTONS, [], PHOTONS[1:]], [ELECTRONS, ELECTRONS, []])
    )
    rows = predict(untrained_bundle, [given]).to_json()
    assert list(rows[0]) == COLUMNS.split()
    kinds = [
        (r["event"], r["candidate"], r["source"], r["matches_electron"], r["seed_ieta"], r["seed_iphi"]) for r in rows
    ]
    assert kinds == [
        (1, 0, "photon", False, 10, 30),
        (1, 1, "photon", True, -40, 200),
        (1, 2, "electron", False, -40, 200),
        (2, 0, "electron", False, -40, 200),
        (3, 0, "photon", False, -40, 200),  # the electrons are in other events
    ]
    assert {(r["input"], r["run"] - r["event"], r["luminosity_block"] - r["event"]) for r in rows} == {
        (str(given), 6, 41)
    }
    expected = [PHOTONS[0], PHOTONS[1], ELECTRONS[0], ELECTRONS[0], PHOTONS[1]]
    np.testing.assert_allclose([(r["pt"], r["eta"], r["phi"]) for r in rows], expected, rtol=1e-6)
    assert rows[1]["score"] == rows[2]["score"] != rows[0]["score"]  # the same crop, whoever points at it


def test_rows_of_bare_seeds(untrained_bundle, tmp_path):
    given = store(tmp_path / "seeds.parquet", record([HITS]))
    rows = predict(untrained_bundle, [given]).to_json()
    assert [(r["source"], r["seed_ieta"], r["seed_iphi"]) for r in rows] == [("seed", *place) for place in SHOWERS]
    for row, place, energy in zip(rows, SHOWERS, (60.0, 40.0), strict=True):
        pt, eta, phi = at(*place, 1.2 * energy / np.cosh(barrel_position(*place).eta))
        np.testing.assert_allclose((row["pt"], row["eta"], row["phi"]), (pt, eta, phi), rtol=1e-6)
    leading = predict(untrained_bundle, [given], candidates="leading").to_json()
    assert leading == rows[:1]


def test_objects_win_over_seeds_only_where_the_record_has_them(untrained_bundle, tmp_path):
    with_objects = store(tmp_path / "a.parquet", record([HITS], [PHOTONS[:1]], [[]]))
    without = store(tmp_path / "b.parquet", record([HITS]))
    sources = [row["source"] for row in predict(untrained_bundle, [with_objects, without]).to_json()]
    assert sources == ["photon", "seed", "seed"]
    assert [r["source"] for r in predict(untrained_bundle, [with_objects], candidates="seeds").to_json()] == [
        "seed"
    ] * 2
    nothing = predict(untrained_bundle, [without], candidates="objects")
    assert nothing.to_json() == [] and not nothing.problems.has_errors


def test_what_an_event_gives_does_not_depend_on_its_neighbours(untrained_bundle, tmp_path, monkeypatch):
    """With objects, with an empty collection, without any; together, alone, and in batches of every size."""
    tables = [([PHOTONS[:1]], [[]]), ([[]], None), (None, None), (None, [ELECTRONS])]
    events = [record([HITS], photons, electrons) for photons, electrons in tables]
    together = store(tmp_path / "together.parquet", Events.concatenate(events))
    alone = [store(tmp_path / f"{i}.parquet", one) for i, one in enumerate(events)]
    display = tmp_path / "display.ig"
    for number, (photons, electrons) in enumerate([(PHOTONS[:1], []), ([], None), (None, None), (None, ELECTRONS)], 1):
        write_ig(display, HITS, photons, electrons, number)

    def rows(*inputs):
        found = predict(untrained_bundle, inputs).table.drop_columns(["input", "run", "luminosity_block", "event"])
        return found.to_pylist()

    expected = rows(*alone)
    assert [row["source"] for row in expected] == ["photon", "seed", "seed", "electron"]
    assert rows(together) == expected
    assert [row["source"] for row in rows(display)] == [row["source"] for row in expected]
    for size in (1, 2, 3):
        monkeypatch.setattr(event_store, "READ_EVENTS", size)
        monkeypatch.setattr(ig, "BATCH_EVENTS", size)
        assert rows(together) == expected
        assert [row["source"] for row in rows(display)] == [row["source"] for row in expected]


def test_missing_objects_are_warned_of_once_per_file(untrained_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(event_store, "READ_EVENTS", 2)
    inputs = [
        store(tmp_path / "a.parquet", record([HITS] * 5)),
        store(tmp_path / "b.parquet", record([HITS], [[]]), record([HITS])),
    ]
    problems = predict(untrained_bundle, inputs, candidates="objects").problems
    assert [str(problem) for problem in problems] == [
        f"warning: {path}: no photons or electrons in the record of {count} events; use candidates `auto` or `seeds`"
        for path, count in zip(inputs, (5, 1), strict=True)
    ]


def test_ig_and_store_of_the_same_event_give_the_same_answers(untrained_bundle, tmp_path):
    display = write_ig(tmp_path / "event.ig", HITS, PHOTONS, ELECTRONS)
    copy = store(tmp_path / "e.parquet", *read_events(display, Problems()))
    rows = predict(untrained_bundle, [display, copy]).to_json()
    for row in rows:
        row.pop("input")
    assert len(rows) == 6 and rows[:3] == rows[3:]


def test_each_answer_belongs_to_its_own_candidate(untrained_bundle, simulated):
    predictions = predict(untrained_bundle, [simulated], candidates="leading", batch_size=7)
    (events,) = read_events(simulated, Problems())
    engine = load_engine(untrained_bundle)
    for i, row in enumerate(predictions.to_json()):
        alone = events.slice(int(row["event"]) - 1, int(row["event"]))
        seeds = native.leading_seeds(alone.hits["EB"], 1.0)
        packed = native.build_candidates(alone.hits["EB"], untrained_bundle.contract.frame, seeds).pack()
        np.testing.assert_allclose(row["score"], engine.run(packed)[0, 0], rtol=1e-5)
        assert row["event"] == events.event[i]
    assert np.ptp(scores(predictions)) > 1e-3  # else the comparison means little


def test_a_bad_input_does_not_stop_the_good_ones(untrained_bundle, simulated, tmp_path):
    (tmp_path / "broken.ig").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "notes.txt").write_text("not events")
    (tmp_path / "empty").mkdir()
    bad = [tmp_path / name for name in ("broken.ig", "notes.txt", "empty", "absent.ig")]
    mixed = predict(untrained_bundle, [bad[0], simulated, *bad[1:]], tmp_path / "out.parquet")
    assert mixed.to_json() == predict(untrained_bundle, [simulated]).to_json()
    assert mixed.problems.has_errors and len(mixed.problems) == len(bad)
    for path, problem in zip(bad, mixed.problems, strict=True):
        assert str(path) in str(problem) and "\n" not in str(problem)


def test_events_without_candidates_run_nothing(untrained_bundle, tmp_path, monkeypatch):
    class NeverRun(Engine):
        name = "never"

        def run(self, packed):
            raise AssertionError("ran")

    monkeypatch.setitem(ENGINES, "onnxruntime", lambda *args: NeverRun())
    quiet = record([[], shower(10, 30, 0.5)], [PHOTONS[:1], PHOTONS[:1]], [[], []])
    no_barrel = Events(quiet.run, quiet.luminosity_block, quiet.event, {"HB": quiet.hits["HB"]}, quiet.objects)
    inputs = [store(tmp_path / "quiet.parquet", quiet), store(tmp_path / "no_barrel.parquet", no_barrel)]
    for mode in ("auto", "objects", "seeds", "leading"):
        predictions = predict(untrained_bundle, inputs, tmp_path / f"{mode}.parquet", candidates=mode)
        assert predictions.timing.num_events == 4 and predictions.timing.num_candidates == 0
        assert not predictions.problems
        assert pq.read_table(tmp_path / f"{mode}.parquet").column_names == COLUMNS.split()
        assert "0 candidates" in predictions.summary() and "0 candidates of 4 events" in predictions.throughput()


def test_file_json_and_memory_hold_the_same_rows(untrained_bundle, simulated, tmp_path):
    written = predict(untrained_bundle, [simulated], tmp_path / "out.parquet")
    in_memory = predict(untrained_bundle, [simulated])
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == written.to_json() == in_memory.to_json()
    assert written.table.schema.equals(in_memory.table.schema)
    assert json.loads(json.dumps(written.to_json(), allow_nan=False)) == written.to_json()
    provenance = json.loads(written.table.schema.metadata[PROVENANCE_KEY])
    assert provenance["model_sha256"] == untrained_bundle.contract.files["model.onnx"].sha256
    assert len(written.to_json()) == written.timing.num_candidates > 50
    assert "seed" in written.summary() and "candidates/s" in written.throughput()


def test_the_same_call_gives_the_same_bytes(untrained_bundle, simulated, tmp_path):
    first, second = (predict(untrained_bundle, [simulated], tmp_path / name).path.read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize(
    "options", [{"batch_size": 1}, {"batch_size": 7}, {"threads": 2}, {"engine": "pytorch"}], ids=str
)
def test_how_it_is_run_does_not_change_the_answer(untrained_bundle, simulated, options):
    usual, other = predict(untrained_bundle, [simulated]), predict(untrained_bundle, [simulated], **options)
    of_engine = ["engine", "score"]
    assert other.table.drop_columns(of_engine).equals(usual.table.drop_columns(of_engine))
    assert set(other.table["engine"].to_pylist()) == {options.get("engine", "onnxruntime")}
    np.testing.assert_allclose(scores(other), scores(usual), rtol=1e-5)


def test_the_bundle_may_be_named_by_its_path(untrained_bundle, simulated):
    assert predict(untrained_bundle.path, [simulated]).table.equals(predict(untrained_bundle, [simulated]).table)
    with pytest.raises(InputError, match="no such bundle"):
        predict(untrained_bundle.path / "absent", [simulated])


class Spoilt(Engine):
    """An engine whose every third answer is no number."""

    name = "spoilt"

    def run(self, packed):
        outputs = np.full((len(packed.seed), 1), 0.5, dtype=np.float32)
        outputs[2::3] = np.nan
        return outputs


def test_an_answer_that_is_no_number_is_reported_and_left_empty(untrained_bundle, simulated, tmp_path, monkeypatch):
    monkeypatch.setitem(ENGINES, "onnxruntime", lambda *args: Spoilt())
    predictions = predict(untrained_bundle, [simulated], tmp_path / "out.parquet", candidates="leading")
    values = [row["score"] for row in predictions.to_json()]
    assert values[:3] == [0.5, 0.5, None] and predictions.problems.has_errors
    assert len(predictions.problems) == values.count(None) == len(values) // 3
    assert "run 1 event 3 candidate 0: score is nan; left empty" in str(predictions.problems[0])


class Failing(Engine):
    name = "failing"

    def run(self, packed):
        raise MemoryError


def test_nothing_half_written_stays(untrained_bundle, simulated, tmp_path, monkeypatch):
    (tmp_path / "out.parquet").write_text("older")
    monkeypatch.setitem(ENGINES, "onnxruntime", lambda *args: Failing())
    with pytest.raises(MemoryError):
        predict(untrained_bundle, [simulated], tmp_path / "out.parquet")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.parquet", "older")]


class FailingWriter(pq.ParquetWriter):
    def close(self):
        raise OSError(28, "No space left on device")

    def __del__(self):
        pass


def test_a_full_disk_is_named_and_does_not_hide_an_earlier_error(untrained_bundle, simulated, tmp_path, monkeypatch):
    monkeypatch.setattr(pq, "ParquetWriter", FailingWriter)
    with pytest.raises(InputError, match=r"out.parquet: cannot be written \(No space left on device\)"):
        predict(untrained_bundle, [simulated], tmp_path / "out.parquet")
    monkeypatch.setitem(ENGINES, "onnxruntime", lambda *args: Failing())
    with pytest.raises(MemoryError):
        predict(untrained_bundle, [simulated], tmp_path / "out.parquet")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_at_all_is_said_in_one_line(untrained_bundle, simulated, tmp_path):
    for output, options, message in (
        (simulated, {}, "exists among the inputs"),
        (tmp_path, {}, "is a folder"),
        (tmp_path / "absent" / "out.parquet", {}, r"out.parquet: cannot be written \(no folder \S+/absent\); choose"),
        (tmp_path / ("a" * 300), {}, r"cannot be written \(File name too long\)"),
        (None, {"engine": "oracle"}, "no such engine"),
        (None, {"candidates": "muons"}, "no candidates 'muons'"),
        (None, {"candidates": "jets"}, "cannot be asked for candidates 'jets'; choose one of: auto"),
        (None, {"batch_size": 0}, "batch size 0; give at least 1"),
        (None, {"threads": 0}, "threads 0; give at least 1"),
    ):
        with pytest.raises(InputError, match=message) as error:
            predict(untrained_bundle, [simulated], output, **options)
        assert "\n" not in str(error.value)


def test_an_earlier_file_survives_a_call_that_could_read_nothing(untrained_bundle, tmp_path):
    earlier = tmp_path / "rows.parquet"
    predict(untrained_bundle, [store(tmp_path / "events.parquet", record([HITS]))], earlier)
    content = earlier.read_bytes()
    result = predict(str(untrained_bundle.path), [str(tmp_path / "missing.ig")], earlier)
    assert result.problems.has_errors
    assert result.table.num_rows == 0
    assert earlier.read_bytes() == content


def test_candidates_of_a_pt_that_was_not_trained_on_are_marked_and_counted(untrained_bundle, tmp_path):
    given = store(tmp_path / "objects.parquet", record([HITS] * 2, [PHOTONS[:2], PHOTONS[1:2]], [[], []]))
    pt = np.float32([61.0, 41.0, 41.0])
    for trained, marked in ((None, 0), ((20.0, 100.0), 0), ((50.0, 100.0), 2), ((20.0, 41.0), 1), ((70.0, 90.0), 3)):
        bundle = replace(untrained_bundle, contract=replace(untrained_bundle.contract, trained_pt_gev=trained))
        result = predict(bundle, [given], batch_size=2)
        low, high = trained or (0.0, 1e9)
        assert result.table["pt_out_of_range"].to_pylist() == [not low <= value <= high for value in pt.tolist()]
        assert [problem.severity for problem in result.problems] == ["warning"] * bool(marked)
        if marked:
            assert f"{marked} of 3 candidates have a pT outside of {low:g} to {high:g} GeV" in str(result.problems[0])


def test_a_store_without_events_gives_a_file_without_rows(untrained_bundle, tmp_path):
    empty = store(tmp_path / "empty.parquet", record([HITS]).slice(0, 0))
    result = predict(untrained_bundle, [empty], tmp_path / "rows.parquet")
    assert not result.problems
    assert result.path == tmp_path / "rows.parquet"
    assert pq.read_table(result.path).column_names == COLUMNS.split()


def test_channels_that_a_record_cannot_fill_are_warned_of_once_per_file():
    """A file of AOD has tracks, and no hits of the tracker."""
    root = Path(__file__).parents[2]
    aod = [root / "tests" / "golden" / "edm_aod_run2.root"]
    for bundle, said in (("top", "bpix1, bpix2, bpix3"), ("quark-gluon-nano", None)):
        warnings = [str(p) for p in predict(root / "zoo" / bundle, aod).problems if p.severity == "warning"]
        found = [line for line in warnings if "have a pT outside" not in line]
        assert len(found) == (said is not None)
        assert said is None or f"the record has nothing for {said}, which {bundle} was trained with" in found[0]
