"""A real Triton server and its client: the same answers as here, and one for each candidate whatever goes wrong."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from e2e.bundles import load_bundle
from e2e.bundles.parity import check_agreement, parity_cases, random_candidates
from e2e.frames import Packed
from e2e.inference.engine import RemoteOptions, load_engine
from e2e.inference.remote import Address
from e2e.problems import InputError
from e2e.serving.installation import find_server
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.serve import serve
from e2e.serving.server import TOKEN, ServerOptions, TritonServer
from e2e.serving.wire import pieces, to_wire

ZOO = Path(__file__).parents[2] / "zoo"
NAME, OTHER = "diphoton-mass-nano", "quark-gluon-nano"
NOWHERE = "127.0.0.1:1"


@pytest.fixture(scope="module", autouse=True)
def _server_is_installed(tmp_path_factory):
    try:
        find_server(tmp_path_factory.mktemp("installation"))
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(ZOO / NAME)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return write_repository([ZOO / NAME, ZOO / OTHER], tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def server(repository):
    with TritonServer(repository, ServerOptions(port=0)) as running:
        yield running


def remote(bundle, *urls, **options):
    return load_engine(bundle, "triton", remote=RemoteOptions(servers=urls, **options))


def some(bundle, number, seed=1):
    return random_candidates(np.random.default_rng(seed), bundle.contract.frame, number, 60)


def check_same(bundle, packed, outputs):
    scale, sizes = bundle.contract.tolerance_scale, bundle.contract.answer_sizes
    check_agreement("served", outputs, load_engine(bundle).run(packed), scale, sizes)


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


def _ask_raw(server, tensors):
    import tritonclient.grpc as library
    from tritonclient.utils import np_to_triton_dtype

    client = library.InferenceServerClient(server.url.removeprefix("grpc://"))
    given = []
    for name, tensor in tensors.items():
        given.append(library.InferInput(name, tensor.shape, np_to_triton_dtype(tensor.dtype)))
        given[-1].set_data_from_numpy(tensor)
    try:
        return client.infer(NAME, given, client_timeout=20)
    finally:
        client.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": np.zeros((1, 3), np.int16)}, "seed has 3 entries"),
        ({"num_pixels": np.array([[-1, 3]], np.int32)}, "negative"),
        ({"num_pixels": np.array([[500, 3]], np.int32)}, "num_pixels says"),
        ({"pixel_value": np.zeros((1, 1), np.float32)}, "pixel_value has 1 entries"),
        ({"pixel_value": np.zeros((2, 40), np.float32)}, "batch size"),
        ({"pixel_step": np.zeros((1, 4), np.int32)}, "data-type|datatype"),
        ({"num_pixels": np.zeros((1, 300), np.int32)}, "at most 256"),
        ({"num_pixels": np.array([[2000, 0]], np.int32)}, "above the 1024 of the frame"),
        ({"pixel_step": None}, "the network failed"),  # an index that is none of the frame
    ],
)
def test_a_bad_request_is_refused_and_its_neighbours_are_answered(server, bundle, change, why):
    from tritonclient.utils import InferenceServerException

    packed = some(bundle, 2)
    good = to_wire(packed, bundle.contract.frame)._asdict()
    if change.get("pixel_step", 0) is None:
        change = {"pixel_step": np.full_like(good["pixel_step"], 60_000)}
    stop, wrong = threading.Event(), []

    def neighbour():
        engine = remote(bundle, server.url)
        while not stop.is_set():
            outputs, names = engine.run_named(packed)
            wrong.extend(name for name in names if not name.startswith("triton"))
            check_same(bundle, packed, outputs)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(neighbour) for _ in range(2)]
        try:
            for _ in range(5):
                with pytest.raises(InferenceServerException, match=why):
                    _ask_raw(server, {**good, **change})
        finally:
            stop.set()
        for each in running:
            each.result()
    assert not wrong and server.is_running()


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_killed_in_the_middle(repository, bundle, scheme):
    packed = some(bundle, 600)
    with TritonServer(repository, ServerOptions(port=0)) as own:
        url = own.url if scheme == "grpc" else own.http_url
        engine = remote(bundle, url, request_candidates=2, in_flight=2, deadline_s=5)
        killer = threading.Timer(0.1, lambda: os.killpg(own.pid, signal.SIGKILL))
        engine.run(some(bundle, 4))  # connected
        killer.start()
        outputs, names = engine.run_named(packed)
        killer.join()
        assert not own.is_running()
    assert names[0].startswith("triton") and names[-1] == "onnxruntime"
    check_same(bundle, packed, outputs)
    where = dict(engine.complaints())
    assert f"{names.count('onnxruntime')} candidates" in where["triton"] and url in where
    engine.close()


def test_servers_share_the_work_and_one_takes_over(server, repository, bundle):
    packed = some(bundle, 400)
    with TritonServer(repository, ServerOptions(port=0)) as own:
        both = {f"triton {own.url}", f"triton {server.url}"}
        engine = remote(bundle, own.url, server.url, request_candidates=2, in_flight=4)
        assert set(engine.run_named(packed)[1]) == both
        killer = threading.Timer(0.1, lambda: os.killpg(own.pid, signal.SIGKILL))
        killer.start()
        outputs, names = engine.run_named(packed)
        killer.join()
    assert set(names) == both and names[-1] == f"triton {server.url}"
    check_same(bundle, packed, outputs)


def test_a_server_that_comes_back_is_asked_again(repository, bundle):
    """Nobody waits for it meanwhile; what it serves is looked up anew."""
    packed = some(bundle, 12)
    with TritonServer(repository, ServerOptions(port=0)) as own:
        engine = remote(bundle, own.url, deadline_s=1)
        assert set(engine.run_named(packed)[1]) == {f"triton {own.url}"}
    assert set(engine.run_named(packed)[1]) == {"onnxruntime"}
    began = time.monotonic()
    assert set(engine.run_named(packed)[1]) == {"onnxruntime"}
    assert time.monotonic() - began < 1 + 10
    again = TritonServer(repository, ServerOptions(port=0))
    again.grpc_port = own.grpc_port
    with again:
        limit = time.monotonic() + 120
        while set(engine.run_named(packed)[1]) != {f"triton {own.url}"}:
            assert time.monotonic() < limit
            time.sleep(0.2)
    engine.close()


def test_a_server_that_never_was(bundle):
    packed = some(bundle, 20)
    engine = remote(bundle, NOWHERE, deadline_s=1)
    outputs, names = engine.run_named(packed)
    assert set(names) == {"onnxruntime"}
    check_same(bundle, packed, outputs)
    with pytest.raises(InputError, match=r"no server answered.*127\.0\.0\.1:1"):
        remote(bundle, NOWHERE, deadline_s=0.5, has_fallback=False).run(packed)


def _says_nothing(connection):
    time.sleep(60)


def _drips(connection):
    """A byte now and then: no receive ever takes long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.2)


def _says_nonsense(connection):
    connection.recv(1000)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    connection.close()


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("behaviour", [_says_nothing, _drips, _says_nonsense])
def test_a_server_that_is_slow_or_mad(bundle, behaviour, scheme):
    """No batch waits for longer than the deadline, the next ones not again, and each has its answers."""
    packed = some(bundle, 8)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)

        def listen():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=_until_broken, args=(behaviour, connection), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        engine = remote(bundle, f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", deadline_s=2)
        for longest in (2, 1):
            began = time.monotonic()
            outputs, names = engine.run_named(packed)
            assert time.monotonic() - began < longest + 4  # a busy machine has the rest
            assert set(names) == {"onnxruntime"}
            check_same(bundle, packed, outputs)
        engine.close()


def _until_broken(behaviour, connection):
    with suppress(OSError), connection:
        behaviour(connection)


def test_a_healthy_server_is_preferred_to_a_slow_one(server, bundle):
    packed = some(bundle, 3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        engine = remote(bundle, f"127.0.0.1:{silent.getsockname()[1]}", server.url, deadline_s=4)
        engine.run(packed)
        began = time.monotonic()
        for _ in range(20):
            assert set(engine.run_named(packed)[1]) == {f"triton {server.url}"}
        assert time.monotonic() - began < 2  # what one attempt at the slow one would take


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
    assert "unknown model" in dict(nobody.complaints())[own.url].lower()


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


def test_a_token_is_asked_for(repository, bundle, monkeypatch):
    packed = some(bundle, 3)
    with TritonServer(repository, ServerOptions(port=0, token="open-sesame")) as own:
        for url in (own.url, own.http_url):
            for token in ("open-sesame", "wrong", None):
                monkeypatch.setenv(TOKEN, token) if token else monkeypatch.delenv(TOKEN, raising=False)
                engine = remote(bundle, url)
                expected = f"triton {url}" if token == "open-sesame" else "onnxruntime"
                assert set(engine.run_named(packed)[1]) == {expected}
                assert (token == "open-sesame") == (not engine.complaints())
                assert not engine._servers[0].failures  # refused, not tried again


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_is_asked_for(repository, bundle, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    with TritonServer(repository, ServerOptions(port=0, certificate=certificate, key=key)) as own:
        assert own.url.startswith("grpcs://")
        monkeypatch.setenv("E2E_TRITON_CA", str(certificate))
        assert set(remote(bundle, own.url).run_named(some(bundle, 3))[1]) == {f"triton {own.url}"}
        monkeypatch.delenv("E2E_TRITON_CA")
        assert set(remote(bundle, own.url, deadline_s=2).run_named(some(bundle, 3))[1]) == {"onnxruntime"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_verb_serves_until_it_is_asked_to_stop(bundle, number):
    with _serving() as (process, url):
        assert set(remote(bundle, url).run_named(some(bundle, 3))[1]) == {f"triton {url}"}
        process.send_signal(number)
        assert process.wait(60) == 0
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=2):
        pass


def test_a_server_that_dies_is_said_in_one_line():
    with _serving() as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.killpg(int(children[0]), signal.SIGKILL)
        assert process.wait(60) == 1
        said = process.stderr.read()
    assert said.startswith("error: serve: the server ended by itself") and said.count("\n") == 1


@contextmanager
def _serving():
    """The verb in a process of its own, ready, and the address that it says."""
    arguments = [sys.executable, "-m", "e2e.cli", "serve", str(ZOO / NAME), "--port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith(f"ready: {NAME} at grpc://127.0.0.1:")
        yield process, line.split(" at ")[1].split()[0]
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"port": 70_000}, "port 70000"),
        ({"threads": 0}, "threads 0"),
        ({"certificate": Path("a.pem")}, "certificate without a key"),
    ],
)
def test_what_cannot_be_served_is_one_line(options, why):
    with pytest.raises(InputError, match=why):
        serve([ZOO / NAME], **options)


def test_a_port_that_is_taken_is_one_line(repository):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1 cannot be had"):
            TritonServer(repository, ServerOptions(port=port))


def test_no_server_on_this_machine_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("E2E_TRITON", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"no Triton server.*pip install"):
        find_server(tmp_path)


def test_two_bundles_of_one_name_are_one_line(tmp_path):
    with pytest.raises(InputError, match=f"two bundles named {NAME}"):
        write_repository([ZOO / NAME, ZOO / NAME], tmp_path)


def test_other_answers_under_a_known_name_are_refused(tmp_path):
    write_repository([ZOO / NAME], tmp_path / "repository")
    for number, other in enumerate((OTHER, "ditau-mass")):  # other answers; the same from other inputs
        shutil.copytree(ZOO / other, tmp_path / str(number) / NAME)
        with pytest.raises(InputError, match="a model with other inputs or answers"):
            write_repository([tmp_path / str(number) / NAME], tmp_path / "repository")


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
