"""Whatever goes wrong with a server, every candidate is answered once, in order, in time."""

import itertools
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from client import NAME, check_same, remote, some

from e2e.inference.remote import Connection
from e2e.problems import InputError
from e2e.serving.server import ServerOptions, TritonServer
from e2e.serving.wire import to_wire

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": np.zeros((1, 3), np.int16)}, "seed has 3 entries"),
        ({"num_runs": np.array([[-1, 3]], np.int32)}, "negative"),
        ({"num_runs": np.array([[500, 3]], np.int32)}, "num_runs says"),
        ({"run_value": np.zeros((1, 1), np.float32)}, "run_value has 1 entries"),
        ({"run_value": np.zeros((2, 40), np.float32)}, "batch size"),
        ({"run_step": np.zeros((1, 4), np.int32)}, "data-type|datatype"),
        ({"num_runs": np.zeros((1, 300), np.int32)}, "at most 256"),
        ({"run_length": 0}, "a run without a pixel"),
        ({"run_length": 255}, "none of the frame's 1024"),
        ({"run_step": 0, "run_length": 255}, "more than the 1024 of the frame"),
        ({"run_step": 60_000}, "none of the frame's 1024"),
    ],
)
def test_a_bad_request_is_refused_and_its_neighbours_are_answered(server, bundle, change, why):
    from tritonclient.utils import InferenceServerException

    packed = some(bundle, 2)
    good = to_wire(packed, bundle.contract.frame)._asdict()
    change = {name: np.full_like(good[name], to) if isinstance(to, int) else to for name, to in change.items()}
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


def _kill_during_request(number, server, monkeypatch):
    """As it leaves: those before it are answered, but for those that are on their way beside it."""
    ask, count = Connection._ask, itertools.count(1)

    def counted(self, wire, deadline):
        if str(self._address) in (server.url, server.http_url) and next(count) == number:
            threading.Thread(target=os.killpg, args=(server.pid, signal.SIGKILL)).start()
        return ask(self, wire, deadline)

    monkeypatch.setattr(Connection, "_ask", counted)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_killed_in_the_middle(repository, bundle, scheme, monkeypatch):
    packed = some(bundle, 600)
    with TritonServer(repository, ServerOptions(port=0)) as own:
        url = own.url if scheme == "grpc" else own.http_url
        engine = remote(bundle, url, request_candidates=2, in_flight=2, deadline_s=5)
        engine.run(some(bundle, 4))  # connected
        _kill_during_request(30, own, monkeypatch)
        outputs, names = engine.run_named(packed)
        assert not own.is_running()
    assert names[0].startswith("triton") and names[-1] == "onnxruntime"
    check_same(bundle, packed, outputs)
    where = dict(engine.complaints())
    assert f"{names.count('onnxruntime')} candidates" in where["triton"] and url in where
    engine.close()


def test_servers_share_the_work_and_one_takes_over(server, repository, bundle, monkeypatch):
    packed = some(bundle, 400)
    with TritonServer(repository, ServerOptions(port=0)) as own:
        both = {f"triton {own.url}", f"triton {server.url}"}
        engine = remote(bundle, own.url, server.url, request_candidates=2, in_flight=4)
        assert set(engine.run_named(packed)[1]) == both
        _kill_during_request(30, own, monkeypatch)
        outputs, names = engine.run_named(packed)
        assert not own.is_running()
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


@contextmanager
def listening(behaviour):
    """A server of one's own making: HOST:PORT. behaviour: what is done with each connection."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_until_broken, args=(behaviour, connection), daemon=True).start()

        threading.Thread(target=listen, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("behaviour", [_says_nothing, _drips, _says_nonsense])
def test_a_server_that_is_slow_or_mad(bundle, behaviour, scheme):
    """No batch waits for longer than the deadline, the next ones not again, and each has its answers."""
    packed = some(bundle, 8)
    with listening(behaviour) as place:
        engine = remote(bundle, f"{scheme}://{place}", deadline_s=2)
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


@pytest.mark.parametrize("asks_http", [False, True])
def test_the_port_of_the_other_protocol_is_not_waited_for(server, bundle, asks_http):
    """What the libraries say of it ("Socket closed") helps nobody."""
    grpc, http = server.url.removeprefix("grpc://"), server.http_url
    url = f"http://{grpc}" if asks_http else http.removeprefix("http://")
    packed = some(bundle, 2)
    engine = remote(bundle, url, deadline_s=60.0)
    began = time.monotonic()
    outputs, names = engine.run_named(packed)
    assert time.monotonic() - began < 30
    assert set(names) == {"onnxruntime"}
    check_same(bundle, packed, outputs)
    asked, other = ("gRPC", "HTTP") if asks_http else ("HTTP", "gRPC")
    assert any(f"is the port of {asked}, that of {other} is beside it" in what for _, what in engine.complaints())
    engine.close()


def _closes(connection):
    connection.close()


def _garbles(connection):
    connection.recv(1000)
    connection.sendall(b"HTP/9 ?\r\n\r\n")
    connection.close()


def _speaks_old_http(connection):
    """As many a web server does, it answers what opens HTTP/2 in its own words."""
    is_question = connection.recv(1000).startswith(b"GET")
    connection.sendall(b"HTTP/1.1 " + (b"200 OK" if is_question else b"400 Bad Request") + b"\r\n\r\n")
    connection.close()


@pytest.mark.parametrize(
    ("behaviour", "scheme", "is_refused"),
    [(_closes, "grpc", False), (_garbles, "http", False), (_speaks_old_http, "grpc", True)],
)
def test_only_a_server_of_the_other_protocol_is_refused_for_it(bundle, behaviour, scheme, is_refused):
    """One that dies leaves a closed socket as well, and one bad answer is no other protocol."""
    with listening(behaviour) as place:
        engine = remote(bundle, f"{scheme}://{place}", deadline_s=4)
        assert set(engine.run_named(some(bundle, 2))[1]) == {"onnxruntime"}
        assert any("this is the port of HTTP" in what for _, what in engine.complaints()) == is_refused
        engine.close()
