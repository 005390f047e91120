"""Predictions of many files by many workers: the same rows, in order, and nothing made twice."""

import json

import pyarrow.parquet as pq
import pytest

from e2e.inference.predict import predict
from e2e.problems import InputError
from e2e.scale.shards import shard_path
from e2e.simulation.simulate import simulate


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(3):
        made = simulate("electron-photon", tmp_path_factory.mktemp("made") / "sim", num_events=12, seed=number + 1)
        shard_path(made, 0).rename(folder / f"{number}.parquet")
    return folder


def rows(predictions):
    return predictions.table.drop_columns(["input"]).to_pylist()


def made(output):
    return {path.name: path.stat().st_mtime_ns for path in output.glob("part-*.parquet")}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_rows_are_those_of_one_process_in_the_same_order(untrained_bundle, files, tmp_path, workers):
    usual = predict(untrained_bundle, [files])
    done = []
    parts = predict(
        untrained_bundle, [files], tmp_path / "out", workers=workers, progress=lambda n, of: done.append((n, of))
    )
    assert rows(parts) == rows(usual) and parts.path == tmp_path / "out"
    assert [path.split("/")[-1] for path in dict.fromkeys(parts.table["input"].to_pylist())] == [
        "0.parquet",
        "1.parquet",
        "2.parquet",
    ]
    assert (parts.timing.num_events, parts.timing.num_candidates) == (36, len(usual.table)) and not parts.problems
    assert parts.summary().splitlines()[1:] == usual.summary().splitlines()[1:]
    assert done[-1] == (36, 36)
    before = made(tmp_path / "out")
    again = predict(untrained_bundle, [files], tmp_path / "out", workers=workers)
    assert made(tmp_path / "out") == before and rows(again) == rows(usual)


def test_what_is_missing_is_made_and_what_could_not_be_read_is_read_again(untrained_bundle, files, tmp_path):
    inputs, output = [tmp_path / "a.parquet", tmp_path / "broken.parquet", tmp_path / "b.parquet"], tmp_path / "out"
    whole = (files / "1.parquet").read_bytes()
    inputs[0].write_bytes((files / "0.parquet").read_bytes())
    inputs[1].write_bytes(whole[:1000])
    inputs[2].write_bytes((files / "2.parquet").read_bytes())
    first = predict(untrained_bundle, inputs, output, workers=1)
    assert first.problems.has_errors and "broken.parquet" in str(first.problems[0])
    assert pq.read_table(shard_path(output, 1)).num_rows == 0
    assert rows(first) == rows(predict(untrained_bundle, [inputs[0], inputs[2]]))
    before = made(output)
    shard_path(output, 2).unlink()
    second = predict(untrained_bundle, inputs, output, workers=1)
    after = made(output)
    assert after.keys() == before.keys() and {name for name in after if after[name] == before[name]} == {
        "part-00000.parquet"
    }
    assert rows(second) == rows(first) and [str(p) for p in second.problems] == [str(p) for p in first.problems]
    inputs[1].write_bytes(whole)
    third = predict(untrained_bundle, inputs, output, workers=1)
    assert rows(third) == rows(predict(untrained_bundle, [files])) and not third.problems


def test_another_question_to_the_same_folder_is_refused(untrained_bundle, files, tmp_path):
    predict(untrained_bundle, [files], tmp_path / "out", workers=1)
    for options, what in (({"candidates": "leading"}, "candidates"), ({"engine": "pytorch"}, "engine")):
        with pytest.raises(InputError, match=f"another plan.*{what}"):
            predict(untrained_bundle, [files], tmp_path / "out", workers=1, **options)
    with pytest.raises(InputError, match="without an output"):
        predict(untrained_bundle, [files], workers=2)
    with pytest.raises(InputError, match="exists among the inputs"):
        predict(untrained_bundle, [files], files, workers=2)
    with pytest.raises(InputError, match="no input can be read"):
        predict(untrained_bundle, [tmp_path / "absent"], tmp_path / "other", workers=2)
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["state"] == "finished"
