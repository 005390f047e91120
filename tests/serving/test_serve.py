"""The verb `serve`: starts, stops, listens to whom it should, and says in one line what it cannot do."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from client import NAME, OTHER, ZOO, remote, some

from e2e.problems import InputError
from e2e.serving.installation import find_server
from e2e.serving.repository import write_repository
from e2e.serving.serve import serve
from e2e.serving.server import TOKEN, ServerOptions, TritonServer


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
