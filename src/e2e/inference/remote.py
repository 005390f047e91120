"""One server, as a client sees it: which of its models is the bundle's, and questions to it. KServe 2, gRPC or HTTP."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from e2e.bundles import Contract
from e2e.bundles.bundle import ONNX
from e2e.frames import Packed
from e2e.inference.engine import RemoteOptions
from e2e.problems import InputError
from e2e.serving.repository import MAX_CANDIDATES, versions_of
from e2e.serving.server import TOKEN, TOKEN_KEY
from e2e.serving.wire import Wire, pieces, to_wire

CERTIFICATE = "E2E_TRITON_CA"  # environment: PEM file of the authority that signed a server's certificate
_SCHEMES = ("grpc", "grpcs", "http", "https")
_REFUSALS = (
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "UNIMPLEMENTED",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "400",
    "401",
    "403",
    "404",
)
# what gRPC says for want of a token, and of the model; not of one that is loading
_UNAVAILABLE_FOR_GOOD = re.compile(r"restricted|unknown model.*is not found")
_NO_GRPC = re.compile(r"Socket closed|http1\.x server")  # the first is what a server that dies leaves as well
_PROBE_S = 1.0


class RefusedError(Exception):
    """The server answered, and would answer the same again."""


class UnavailableError(Exception):
    """No answer this time: not reached, too late, failed."""


@dataclass(frozen=True)
class Address:
    scheme: str
    place: str  # host:port

    @classmethod
    def parse(cls, url: str) -> Address:
        """SCHEME://HOST:PORT; gRPC where no scheme is given. Raises InputError for anything else."""
        parts = urlsplit(url if "://" in url else f"grpc://{url}")
        try:
            is_whole = bool(parts.hostname and parts.port) and not parts.path.strip("/")
        except ValueError:  # a port that is no number
            is_whole = False
        if parts.scheme not in _SCHEMES or not is_whole:
            raise InputError("server", f"{url!r} is no address", "give HOST:PORT, grpc://HOST:PORT or http://HOST:PORT")
        return cls(parts.scheme, parts.netloc)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}"

    @property
    def is_here(self) -> bool:
        """On this machine: nothing is won by fewer bytes."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def host(self) -> str:
        return urlsplit(str(self)).hostname or ""

    @property
    def port(self) -> int | None:
        return urlsplit(str(self)).port

    @property
    def is_grpc(self) -> bool:
        return self.scheme.startswith("grpc")


class Connection:
    """To be used by one thread. Whatever goes wrong with the server is a RefusedError or an UnavailableError."""

    def __init__(self, address: Address, model: str, contract: Contract, options: RemoteOptions) -> None:
        self._address, self._model, self._contract, self._options = address, model, contract, options
        self._client: Any = None
        self._version, self._most_candidates = "", 0

    def ask(self, packed: Packed, timeout_s: float) -> NDArray[np.float32]:
        """(candidates, outputs), all of it within the time. Raises InputError for candidates that cannot travel."""
        deadline = time.monotonic() + timeout_s
        try:
            with nullcontext() if self._address.is_grpc else _gevent_deadline(timeout_s):
                self._connect(deadline)
                parts = pieces(packed, self._most_candidates)  # that it takes at once
                return np.concatenate([self._ask(to_wire(part, self._contract.frame), deadline) for part in parts])
        except (InputError, RefusedError):
            raise
        except Exception as error:  # a library of each kind, and whatever a damaged answer does to it
            self.close()
            left = max(deadline - time.monotonic(), 1e-3)
            raise _diagnose(error, self._address, min(left, _PROBE_S)) from None

    def _ask(self, wire: Wire, deadline: float) -> NDArray[np.float32]:
        inputs = [self._input(name, tensor) for name, tensor in wire._asdict().items()]
        wanted = [self._library.InferRequestedOutput(name) for name in self._contract.output_names]
        options: dict[str, Any] = {"model_version": self._version, "outputs": wanted, "headers": self._headers()}
        compresses = self._options.compresses
        if not self._address.is_here if compresses is None else compresses:
            options["compression_algorithm" if self._address.is_grpc else "request_compression_algorithm"] = "gzip"
        result = self._client.infer(self._model, inputs, **options, **self._timeout(deadline))
        columns = [result.as_numpy(name) for name in self._contract.output_names]
        shape = (1, wire.num_candidates)
        if wrong := [column for column in columns if column is None or column.shape != shape]:
            raise RefusedError(f"an answer of shape {getattr(wrong[0], 'shape', None)}, {shape} was asked for")
        return np.concatenate(columns).T

    def close(self) -> None:
        """The next question connects again, and asks again for the model: a server that came back may have another."""
        client, self._client, self._version = self._client, None, ""
        if client is not None:
            client.close()

    @property
    def _library(self) -> Any:
        if self._address.is_grpc:
            import tritonclient.grpc as library
        else:
            import tritonclient.http as library
        return library

    def _connect(self, deadline: float) -> None:
        """Unless it is connected: the model's configuration says what it serves, and how much at once."""
        if self._client is not None:
            return
        secure, authority = self._address.scheme.endswith("s"), os.environ.get(CERTIFICATE)
        if self._address.is_grpc:
            options: dict[str, Any] = {"root_certificates": authority}
        else:
            options = {"ssl_options": {"ca_certs": authority}} if secure and authority else {}
        self._client = self._library.InferenceServerClient(self._address.place, ssl=secure, **options)
        as_json = {"as_json": True} if self._address.is_grpc else {}
        timeout = self._timeout(deadline)
        answer = self._client.get_model_config(self._model, headers=self._headers(), **as_json, **timeout)
        found = answer.get("config", answer).get("parameters", {})
        parameters = {key: entry["string_value"] for key, entry in found.items()}
        self._version = self._find_version(parameters)
        self._most_candidates = int(parameters[MAX_CANDIDATES])

    def _timeout(self, deadline: float) -> dict[str, float]:
        return {"client_timeout": max(deadline - time.monotonic(), 1e-3)} if self._address.is_grpc else {}

    def _find_version(self, parameters: Mapping[str, str]) -> str:
        served = versions_of(parameters)
        digest = self._contract.files[ONNX].sha256
        for version, sha256 in served.items():
            if sha256 == digest:
                return str(version)
        raise RefusedError(
            f"its model {self._model!r} is not this bundle (versions {', '.join(map(str, served)) or 'unknown'})"
        )

    def _headers(self) -> dict[str, str]:
        if not (token := os.environ.get(TOKEN)):
            return {}
        return {f"triton-grpc-protocol-{TOKEN_KEY}" if self._address.is_grpc else TOKEN_KEY: token}

    def _input(self, name: str, tensor: NDArray[Any]) -> Any:
        given = self._library.InferInput(name, tensor.shape, np_to_triton_dtype(tensor.dtype))
        given.set_data_from_numpy(tensor)
        return given


def release_thread() -> None:
    """Give back what HTTP's library keeps for the calling thread. It opens a loop of its own in each."""
    if (gevent := sys.modules.get("gevent")) is not None:
        gevent.get_hub().destroy(destroy_loop=True)


@contextmanager
def _gevent_deadline(seconds: float) -> Iterator[None]:
    """Of HTTP, whose own timeouts are of each receive."""
    import gevent

    with gevent.Timeout(seconds, TimeoutError(f"no whole answer within {seconds:.3g} s")):
        yield


def _diagnose(error: Exception, address: Address, timeout_s: float) -> RefusedError | UnavailableError:
    """What the error means; connects to the server once more where it may be one of the other protocol, and waits
    `timeout_s` for that at most."""
    if isinstance(error, InferenceServerException):
        status = str(error.status() or "").removeprefix("StatusCode.")
        text = f"{error.message()}" + (f" ({status})" if status else "")
        if _NO_GRPC.search(text) and _is_http_server(address, timeout_s):
            return _wrong_port(text, "HTTP", "gRPC")
        is_refusal = status in _REFUSALS or _UNAVAILABLE_FOR_GOOD.search(text) is not None
        return RefusedError(text) if is_refusal else UnavailableError(text)
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if "HTTPParse" in text and _is_grpc_server(address, timeout_s):
        return _wrong_port(text, "gRPC", "HTTP")
    return UnavailableError(text)


def _wrong_port(text: str, asked: str, other: str) -> RefusedError:
    return RefusedError(f"{text}; this is the port of {asked}, that of {other} is beside it")


def _is_http_server(address: Address, timeout_s: float) -> bool:
    return b" 200 " in _first_bytes(address, b"GET /v2/health/live HTTP/1.0\r\n\r\n", timeout_s)


def _is_grpc_server(address: Address, timeout_s: float) -> bool:
    """Of HTTP/2, whose servers begin with a frame of settings: three bytes of length, and a 4."""
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    found = _first_bytes(address, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings, timeout_s)
    return found[3:4] == settings[3:4]


def _first_bytes(address: Address, question: bytes, timeout_s: float) -> bytes:
    """No byte where nothing comes back. Without TLS."""
    try:
        with socket.create_connection((address.host, address.port), timeout_s / 2) as connection:
            connection.sendall(question)
            return connection.recv(64)
    except OSError:
        return b""
