"""Measuring engines: complete rows, and a verdict on change that noise alone does not give."""

import json
from pathlib import Path

import pytest

from e2e.bench.bench import bench
from e2e.bench.report import JSON, PAGE, TABLE, compare_with, read_saved
from e2e.bench.workers import Worker
from e2e.problems import InputError, Problems
from e2e.simulation.simulate import simulate

BUNDLE = Path(__file__).parents[2] / "zoo" / "diphoton-mass-nano"
QUICK = {"batch_sizes": (1, 8), "threads": (1,), "rounds": 2, "seconds": 0.01}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return [simulate("diphoton-mass", tmp_path_factory.mktemp("events") / "some", num_events=40, seed=4)]


@pytest.fixture(scope="module")
def found(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("bench")
    return bench([BUNDLE], output, data=data, engines=("onnxruntime", "pytorch"), **QUICK), output


def test_every_case_has_its_row(found):
    result, output = found
    cases = [(row["engine"], row["threads"], row["batch"]) for row in result["rows"]]
    assert cases == [(engine, 1, size) for engine in ("onnxruntime", "pytorch") for size in (1, 8)]
    for row in result["rows"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"] and row["calls"] >= 2
        assert row["candidates_per_second"]["value"] > 0 and row["candidates_per_second"]["error"] >= 0
        assert 0 < row["share_of_peak"] < 1 and row["dense_bytes"] == 4 * 1024 > row["wire_bytes"] > 0
        assert row["memory_bytes"] > 5e7 and set(row["start"]) == {"load_s", "first_answer_s"}
    memory = {row["engine"]: row["memory_bytes"] for row in result["rows"]}
    assert memory["pytorch"] > memory["onnxruntime"]  # each in its own process
    assert json.loads((output / JSON).read_text()) == result
    assert "onnxruntime" in (output / TABLE).read_text() and "<svg" in (output / PAGE).read_text()


def test_a_saved_run_is_compared_with(found):
    result, output = found
    same = compare_with(read_saved(output), result)
    assert [change["ratio"] for change in same] == [1.0] * 4 and not any(change["has_changed"] for change in same)
    before = json.loads(json.dumps(result))
    for row, factor, error in zip(before["rows"], (2.0, 2.0, 1.01, 1.0), (0.01, 0.9, 1e-4, 1e-4), strict=True):
        value = factor * row["candidates_per_second"]["value"]
        row["candidates_per_second"] = {"value": value, "error": error * value}
    now = json.loads(json.dumps(result))
    for row in now["rows"]:
        row["candidates_per_second"]["error"] = 1e-4 * row["candidates_per_second"]["value"]
    before["rows"][3]["engine"] = "another"
    before["rows"][2]["model_sha256"] = "another"
    changes = compare_with(before, now)
    assert [change["has_changed"] for change in changes] == [True, False, False]  # twice; within noise; one per cent
    assert [change["is_same_model"] for change in changes] == [True, True, False]
    before["rows"][0]["candidates_per_second"]["error"] *= 10  # ten errors away, known from few rounds or from many
    for rounds, has_changed in ((2, False), (7, True)):
        before["options"]["rounds"] = now["options"]["rounds"] = rounds
        assert compare_with(before, now)[0]["has_changed"] is has_changed


def test_what_cannot_be_measured_is_named_and_left_out(data, tmp_path):
    problems = Problems()
    others = [BUNDLE, BUNDLE.with_name("quark-gluon-nano")]
    result = bench(others, tmp_path, data=data, engines=("onnxruntime",), problems=problems, **QUICK)
    assert {row["bundle"] for row in result["rows"]} == {BUNDLE.name}
    assert "no jets in it" in str(problems[0]) and len(problems) == 1 == len(result["problems"])


def test_an_engine_that_is_ended_loses_one_case_alone(data, tmp_path, monkeypatch):
    ask = Worker.ask

    def asked(worker, batch, seconds):
        if batch == 8:
            worker._process.kill()
        return ask(worker, batch, seconds)

    monkeypatch.setattr(Worker, "ask", asked)
    problems = Problems()
    result = bench([BUNDLE], tmp_path, data=data, engines=("onnxruntime",), problems=problems, **QUICK)
    assert [(row["batch"], row["calls"] >= 2) for row in result["rows"]] == [(1, True)]
    assert len(problems) == 1 and ", 8 at once: its process was ended by SIGKILL" in str(problems[0])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"engines": ("oracle",)}, "oracle: no such engine"),
        ({"batch_sizes": (0,)}, "batch size 0"),
        ({"threads": (-1,)}, "threads -1"),
        ({"rounds": 1}, "rounds 1"),
        ({"against": BUNDLE / "contract.json"}, "not what e2e bench writes"),
        ({"against": BUNDLE / "nothing.json"}, "cannot be read"),
    ],
)
def test_bad_options_are_one_line(options, why, tmp_path):
    with pytest.raises(InputError, match=why):
        bench([BUNDLE], tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
