"""A real Triton server gives the answers of this machine, one for each candidate, whoever else asks."""

import shutil
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from client import NAME, OTHER, ZOO, check_same, remote, some

from e2e.bundles import load_bundle
from e2e.bundles.parity import check_agreement, parity_cases
from e2e.frames import Packed
from e2e.inference.engine import load_engine
from e2e.inference.remote import Address
from e2e.problems import InputError
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.server import ServerOptions, TritonServer
from e2e.serving.wire import pieces


@pytest.mark.parametrize(("scheme", "compresses"), [("grpc", True), ("http", True), ("http", None)])
@pytest.mark.parametrize("name", [NAME, OTHER])
def test_the_server_gives_the_answers_of_this_machine(server, name, scheme, compresses):
    bundle = load_bundle(ZOO / name)
    url = server.url if scheme == "grpc" else server.http_url
    engine = remote(bundle, url, request_candidates=5, compresses=compresses)
    for case, packed in parity_cases(bundle.contract.frame):
        if "trial 1" in case or "trial 2" in case or packed.pixel_index.size > 50_000:  # slow, and nothing new
            continue
        outputs, names = engine.run_named(packed)
        assert set(names) == {f"triton {url}"} and len(names) == len(packed.seed)
        check_same(bundle, packed, outputs)
    assert engine.complaints() == []
    engine.close()


def test_numbers_that_are_none_come_back_as_here(server, bundle):
    packed = some(bundle, 3)
    packed.pixel_value[1, 0] = np.nan
    packed.pixel_index[1, 0] = 7
    outputs = remote(bundle, server.url).run(packed)
    assert np.isnan(outputs[1]).any()
    assert (np.isfinite(outputs) == np.isfinite(load_engine(bundle).run(packed))).all()


def test_ten_thousand_requests_from_eight_clients(server, bundle):
    """Requests are merged by the server; every candidate gets its own answer, once."""
    packed = some(bundle, 1250)
    expected = load_engine(bundle).run(packed)

    def client(number):
        engine = remote(bundle, server.url, request_candidates=1)
        own = np.random.default_rng(number).permutation(len(packed.seed))
        outputs, names = engine.run_named(Packed(*(tensor[own] for tensor in packed)))
        engine.close()
        return own, outputs, names

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(client, range(8)))
    assert sum(len(names) for _, _, names in answers) == 10_000
    for own, outputs, names in answers:
        assert set(names) == {f"triton {server.url}"}
        sizes = bundle.contract.answer_sizes
        check_agreement("clients", outputs, expected[own], bundle.contract.tolerance_scale, sizes)
    with urllib.request.urlopen(server.metrics_url, timeout=10) as page:
        lines = page.read().decode().splitlines()
    counts = {line.split("{")[0]: float(line.split()[-1]) for line in lines if f'"{NAME}"' in line}
    assert counts["nv_inference_request_success"] >= 10_000
    assert counts["nv_inference_exec_count"] < counts["nv_inference_count"]  # some were run together
    assert server._log.stat().st_size < 100_000  # nothing is said of a request


def test_a_server_that_takes_few_candidates_at_once(tmp_path, bundle):
    folder = write_repository([bundle], tmp_path / "models", ServingOptions(max_candidates=3))
    packed = some(bundle, 20)
    with TritonServer(folder, ServerOptions(port=0)) as own:
        outputs, names = remote(bundle, own.url).run_named(packed)
    assert set(names) == {f"triton {own.url}"}
    check_same(bundle, packed, outputs)


def test_a_server_with_another_model_is_not_asked(tmp_path, bundle):
    shutil.copytree(ZOO / OTHER, tmp_path / NAME)
    folder = write_repository([tmp_path / NAME], tmp_path / "repository")
    with TritonServer(folder, ServerOptions(port=0)) as own:
        engine = remote(bundle, own.url)
        outputs, names = engine.run_named(packed := some(bundle, 5))
        nobody = remote(load_bundle(ZOO / OTHER), own.url)
        nobody.run(some(nobody._bundle, 2))
    assert set(names) == {"onnxruntime"} and "not this bundle" in dict(engine.complaints())[own.url]
    check_same(bundle, packed, outputs)
    assert "unknown model" in dict(nobody.complaints())[own.url] and nobody._servers[0].refusal  # not asked again


def test_versions_of_a_bundle_are_served_side_by_side(tmp_path, bundle):
    """Another bundle of that name is the next version; each client is given its own, and a known one stays."""
    shutil.copytree(ZOO / "diphoton-mass", tmp_path / NAME)
    larger, folder = load_bundle(tmp_path / NAME), tmp_path / "repository"
    for each in (bundle, larger, bundle):
        write_repository([each], folder)
    assert sorted(path.name for path in (folder / NAME).iterdir()) == ["1", "2", "config.pbtxt", "warmup"]
    packed = some(bundle, 5)
    with TritonServer(folder, ServerOptions(port=0)) as own:
        for each in (bundle, larger):
            outputs, names = remote(each, own.url).run_named(packed)
            assert set(names) == {f"triton {own.url}"}
            check_same(each, packed, outputs)


@pytest.mark.parametrize("url", ["", "localhost", "ftp://a:1", "grpc://a", "a:b", "http://a:1/path"])
def test_an_address_that_is_none_is_one_line(bundle, url):
    with pytest.raises(InputError, match=r"is no address|no server"):
        remote(bundle, *([url] if url else []))


def test_who_is_on_this_machine():
    here = ("localhost:1", "grpc://127.0.0.1:1", "http://127.1.2.3:8", "grpc://[::1]:5")
    assert all(Address.parse(url).is_here for url in here)
    assert not any(Address.parse(url).is_here for url in ("cms.cern.ch:1", "grpc://10.0.0.1:1", "128.1.1.1:2"))


def test_pieces_of_nothing_are_nothing(server, bundle):
    packed = Packed(*(tensor[:0] for tensor in some(bundle, 1)))
    assert list(pieces(packed, 4)) == []
    outputs, names = remote(bundle, server.url).run_named(packed)
    assert outputs.shape == (0, len(bundle.contract.outputs)) and names == []
