"""A graph network from its training to every engine."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest

from e2e.bundles import Bundle, load_bundle, verify_golden
from e2e.bundles.parity import RELATIVE_TOLERANCE, check_agreement, parity_cases
from e2e.cmssw import write_for_cmssw
from e2e.contract import GraphSpec
from e2e.frames.graph import network_inputs
from e2e.inference.engine import load_engine
from e2e.inference.predict import predict
from e2e.problems import InputError
from e2e.release import export
from e2e.serving.graph import served_graph
from e2e.serving.wire import join, to_wire
from e2e.simulation.simulate import simulate
from e2e.tasks import TASKS
from e2e.training.train import train

REACH = 11  # of the 16 pixels that the window shows
ENGINES = ["onnxruntime", "openvino", "pytorch", "torchscript"]
ENGINES += [pytest.param(name, marks=pytest.mark.slow) for name in ("compiled", "aotinductor")]


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    return simulate("electron-photon", tmp_path_factory.mktemp("graphs") / "events", num_events=150, seed=4)


@pytest.fixture(scope="module")
def bundle(events, tmp_path_factory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS["electron-photon"].network, "reach", REACH)
        options = {"model": "edge-conv-nano", "threads": 1, "progress": False}
        run = train("electron-photon-debug", [events], folder / "run", **options)
    assert json.loads((run / "run.json").read_text())["recipe"]["family"] == "graph"
    return load_bundle(export(run, folder / "edge-conv"))


def test_the_contract_says_which_neighbours_it_takes(bundle):
    contract = json.loads((bundle.path / "contract.json").read_text())
    assert contract["contract_version"] == 2
    assert contract["graph"] == {"neighbours": 8, "radius": 8, "reach": REACH}
    assert bundle.contract.graph == GraphSpec(8, 8, REACH)
    assert [tensor.name for tensor in bundle.contract.inputs] == ["pixel_index", "pixel_value", "seed", "neighbour"]
    assert bundle.contract.inputs[3].shape == ("batch", "nodes", 8)


@pytest.mark.parametrize("name", ENGINES)
def test_engines_give_the_same_answers(bundle, name):
    engine, reference = load_engine(bundle, name), load_engine(bundle)
    assert verify_golden(bundle, engine.run_whole) <= RELATIVE_TOLERANCE
    contract = bundle.contract
    for case, packed in list(parity_cases(contract.frame, contract.graph))[::7]:
        expected = reference.run_whole(packed)
        for answers in (engine.run_whole(packed), engine.run(packed)):
            check_agreement(f"{name}, {case}", answers, expected, contract.tolerance_scale)


def test_an_answer_depends_on_who_is_near(bundle):
    """Else the fourth input would be for nothing."""
    packed = next(packed for case, packed in parity_cases(bundle.contract.frame) if "batch 7, 100 pixels" in case)
    session = load_engine(bundle)._session
    inputs = network_inputs(packed, bundle.contract.frame, bundle.contract.graph)
    alone = {**inputs, "neighbour": np.full_like(inputs["neighbour"], -1)}
    assert np.abs(session.run(None, inputs)[0] - session.run(None, alone)[0]).max() > 1e-4


def test_predict_gives_every_candidate_an_answer(bundle, events, tmp_path):
    predict(bundle.path, [events], tmp_path / "rows.parquet")
    scores = pq.read_table(tmp_path / "rows.parquet")["score"].to_numpy()
    assert len(scores) > 50 and np.isfinite(scores).all()


def test_a_contract_whose_inputs_are_not_those_of_its_graph_is_refused(bundle, tmp_path):
    contract = json.loads((bundle.path / "contract.json").read_text())
    for file in bundle.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    del contract["graph"]
    (tmp_path / "contract.json").write_text(json.dumps(contract))
    with pytest.raises(InputError, match="inputs differ from those of contract version 1"):
        load_bundle(tmp_path)
    same_inputs = GraphSpec(8, 2, REACH), GraphSpec(8, 8)
    for graph in (GraphSpec(9, 8, REACH), *same_inputs):
        replace(bundle.contract, graph=graph).write(tmp_path / "contract.json")
        with pytest.raises(InputError, match=r"was exported with graph \{'neighbours': 8, 'radius': 8, 'reach': 11\}"):
            load_bundle(tmp_path)


def test_a_server_finds_the_neighbours_itself(bundle):
    """They do not travel."""
    session = onnxruntime.InferenceSession(served_graph(bundle).SerializeToString())
    cases = [packed for _, packed in parity_cases(bundle.contract.frame, bundle.contract.graph)][::9]
    merged = join([to_wire(packed, bundle.contract.frame) for packed in cases])
    found = session.run(["score"], {name: tensor[0] for name, tensor in merged._asdict().items()})[0]
    engine = load_engine(bundle)
    expected = np.concatenate([engine.run_whole(packed) for packed in cases])
    check_agreement("merged", found[:, None], expected, bundle.contract.tolerance_scale)


def test_the_plugins_are_told_its_graph(bundle, tmp_path):
    (tmp_path / "RecoE2E" / "Inference" / "plugins").mkdir(parents=True)
    text = write_for_cmssw(bundle, tmp_path).read_text()
    numbers = {"neighbours": 8, "radius": 8, "reach": REACH}
    assert ",\n    ".join(f"{name} = cms.int32({number})" for name, number in numbers.items()) in text
    assert "contractVersion = cms.uint32(2)" in text
