"""The same answers through a Triton server (SONIC) and through PyTorch, and the same under sanitizers."""

from pathlib import Path

import harness
import numpy as np
import pytest
import torch
from harness import BUNDLES, JETS, labels_of_record, read_events, records_of

from e2e.bundles import load_bundle
from e2e.bundles.parity import check_agreement
from e2e.problems import InputError
from e2e.serving.installation import find_server
from e2e.serving.repository import write_repository
from e2e.serving.server import ServerOptions, TritonServer
from e2e.simulation.simulate import simulate

ZOO = Path(__file__).parents[2] / "zoo"
LABEL = "e2eQuarkGluonNano"


@pytest.fixture(scope="module")
def events(tmp_path_factory, pool_for):
    options = {"num_events": 12, "seed": 12, "pileup": 10.0, "pool": pool_for("quark-gluon")}
    return read_events([simulate("quark-gluon", tmp_path_factory.mktemp("events") / "jets", **options)])


def run(area, folder, events, *arguments, **options):
    with area.configuration() as (cms, taggers, bundle_of):
        process, module = cms.Process("E2E"), bundle_of(JETS)
        if options.get("engine") == "torch":
            options["torchScript"] = module.torchScript
        if options.get("engine") == "sonic":
            options["Client"] = taggers.sonicClient(module.bundle)
        labels = taggers.addTagger(process, module.bundle, "jets", source=labels_of_record(), **options)
        return area.run(cms.text(process, labels), records_of(events), folder, *arguments)


def check_like_onnx(area, folder, events, done, made):
    assert done.returncode == 0, done.stderr
    expected = run(area, folder, events)[1]
    answers, others = (np.concatenate([one[f"{LABEL}:score"] for one in each]) for each in (made, expected))
    assert np.isfinite(answers).sum() > 5 and (np.isnan(answers) == np.isnan(others)).all()
    contract = load_bundle(ZOO / JETS).contract
    answers, others = (values[np.isfinite(values)][:, None] for values in (answers, others))
    check_agreement("engines of CMSSW", answers, others, contract.tolerance_scale, contract.answer_sizes)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    try:
        find_server(tmp_path_factory.mktemp("installation"))
    except InputError as error:
        pytest.skip(str(error))
    repository = write_repository([ZOO / JETS], tmp_path_factory.mktemp("repository"))
    with TritonServer(repository, ServerOptions(port=0)) as running:
        yield running


def test_sonic_gives_the_same_answers(area, tmp_path, events, server, monkeypatch):
    monkeypatch.setenv("E2E_TEST_TRITON", server.http_url.removeprefix("http://"))
    check_like_onnx(area, tmp_path, events, *run(area, tmp_path, events, "--streams", "4", engine="sonic"))


def test_a_server_that_is_not_there_is_no_wrong_number(area, tmp_path, events, monkeypatch):
    monkeypatch.setenv("E2E_TEST_TRITON", "127.0.0.1:1")
    done, made = run(area, tmp_path, events, engine="sonic")
    assert done.returncode == harness.EXCEPTION and not made
    assert done.stderr.startswith("TritonFailure: ") and "127.0.0.1:1" in done.stderr


@pytest.mark.slow
def test_torchscript_gives_the_same_answers(tmp_path, events):
    program = harness.build(harness.ROOT / "build" / "cmssw-torch", f"-DTORCH={Path(torch.__file__).parent}")
    area = harness.Area.make(tmp_path / "area", program, [ZOO / JETS])
    check_like_onnx(area, tmp_path, events, *run(area, tmp_path, events, "--streams", "2", engine="torch"))
    script = area.src / "RecoE2E/Inference/data/quark_gluon_nano/model.pt"
    script.write_bytes(script.read_bytes()[:1000])
    done, _ = run(area, tmp_path, events, engine="torch")
    assert done.returncode == harness.EXCEPTION and done.stderr.startswith("E2EModel: E2E: PyTorch cannot read")


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_eight_streams_under_sanitizers(tmp_path, events, sanitizer, monkeypatch):
    """ONNX Runtime itself is not instrumented."""
    name = sanitizer.replace(",", "-")
    program = harness.build(harness.ROOT / "build" / f"cmssw-{name}", f"-DSANITIZE={sanitizer}")
    area = harness.Area.make(tmp_path / "area", program, [ZOO / bundle for bundle in BUNDLES])
    monkeypatch.setenv("TSAN_OPTIONS", "exitcode=66 ignore_noninstrumented_modules=1")
    alone = run(area, tmp_path, events)[1]
    done, made = run(area, tmp_path, events, "--streams", "8", "--shuffle", "3")
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stderr[-3000:]
    for one, other in zip(alone, made, strict=True):
        assert all(one[key].tobytes() == other[key].tobytes() for key in one)
