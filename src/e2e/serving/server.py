"""A running Triton server: started, waited for, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.problems import InputError
from e2e.serving.installation import find_server

START_TIMEOUT_S, STOP_TIMEOUT_S = 120.0, 30.0
TOKEN = "E2E_TRITON_TOKEN"  # environment, of server and client: what every request must bring
TOKEN_KEY = "e2e-token"  # Triton's header is its prefix and this
RESTRICTED = "inference,metadata,model-config,model-repository,shared-memory,statistics,logging,trace"
_POLL_S = 0.1


@dataclass(frozen=True)
class ServerOptions:
    """port: of HTTP; gRPC has the next one, metrics the one after; 0: three free ones. token: what every request must
    bring. certificate, key: PEM files, for TLS of gRPC; HTTP then listens on loopback alone."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None


class TritonServer:
    """Context manager: ready inside of the block, gone after it.

    Raises InputError when there is no server, when it does not start, and when a port is taken.
    """

    def __init__(self, repository: Path, options: ServerOptions | None = None) -> None:
        self.repository, self.options = repository, options or ServerOptions()
        ports = _ports(self.options)
        self.http_port, self.grpc_port, self.metrics_port = ports
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"grpc{'s' if self.options.certificate else ''}://{self.options.host}:{self.grpc_port}"

    @property
    def http_url(self) -> str:
        return f"http://{self._http_host}:{self.http_port}"

    @property
    def metrics_url(self) -> str:
        return f"http://{self._http_host}:{self.metrics_port}/metrics"

    @property
    def _http_host(self) -> str:
        return "127.0.0.1" if self.options.certificate else self.options.host

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> TritonServer:
        with ExitStack() as stack:
            workspace = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-triton-")))
            found = find_server(workspace)
            self._log = workspace / "server.log"
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [str(found.binary), *found.arguments, *self._arguments()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **found.environment},
                    start_new_session=True,  # an interruption is for us, who stop it
                )
            stack.callback(self.stop)
            self._wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def memory_bytes(self) -> int:
        """What its processes hold; pages that they share count in each."""
        return sum(resident_bytes(pid) for pid in _session(self.pid))

    def stop(self) -> None:
        """What is being answered is answered first, for `STOP_TIMEOUT_S` at most."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float | None = None) -> int:
        """Until it ends by itself; its exit status."""
        assert self._process is not None
        return self._process.wait(timeout)

    def last_words(self) -> str:
        """Why it did not load a model, else the last line of its log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        reasons = [
            line.partition("failed to load ")[2] for line in lines if "failed to load '" in line and ": " in line
        ]
        return next(iter(reasons or [line for line in reversed(lines) if line.strip()]), "it said nothing")

    def _arguments(self) -> list[str]:
        options = self.options
        arguments = ["--model-repository", str(self.repository), "--exit-timeout-secs", str(int(STOP_TIMEOUT_S) - 5)]
        for name, port in (("http", self.http_port), ("grpc", self.grpc_port), ("metrics", self.metrics_port)):
            host = options.host if name == "grpc" else self._http_host
            arguments += [f"--{name}-port", str(port), f"--{name}-address", host]
        if options.token is not None:
            arguments += ["--grpc-restricted-protocol", f"{RESTRICTED}:{TOKEN_KEY}={options.token}"]
            arguments += ["--http-restricted-api", f"{RESTRICTED}:{TOKEN_KEY}={options.token}"]
        if options.certificate is not None:
            arguments += ["--grpc-use-ssl", "1", "--grpc-server-cert", str(options.certificate)]
            arguments += ["--grpc-server-key", str(options.key)]
        return arguments

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_TIMEOUT_S
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is no proxy's business
        while time.monotonic() < limit:
            if not self.is_running():
                raise InputError("serve", f"the server did not start: {self.last_words()}", "mend that and try again")
            try:
                with opener.open(f"{self.http_url}/v2/health/ready", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(_POLL_S)
        raise InputError("serve", f"the server is not ready after {START_TIMEOUT_S:.0f} s", "serve fewer bundles")


def resident_bytes(pid: int | str = "self", key: str = "VmRSS") -> int:
    """Of a process on Linux; 0 where it has ended. key: of `/proc/PID/status`; `VmHWM`: the most it has ever held."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), 0)


def _session(leader: int) -> Iterator[int]:
    """The processes that one started, itself included."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(after_name[3]) == leader:
            yield int(stat.parent.name)


def _ports(options: ServerOptions) -> tuple[int, int, int]:
    if options.port:
        if not 1 <= options.port <= 65533:
            raise InputError("serve", f"port {options.port}", "give a number from 1 to 65533")
        for port in (wanted := tuple(options.port + step for step in range(3))):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((options.host, port))
                except OSError as error:
                    what = f"port {port} of {options.host} cannot be had ({error.strerror})"
                    raise InputError("serve", what, "choose another --port, or 0 for any") from None
        return wanted[0], wanted[1], wanted[2]
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for probe in sockets:
            probe.bind((options.host, 0))
        first, second, third = (probe.getsockname()[1] for probe in sockets)
    return first, second, third
