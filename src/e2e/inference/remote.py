"""One server, as a client sees it: which of its models is the bundle's, and questions to it. KServe 2, gRPC or HTTP."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from e2e.bundles import Contract
from e2e.bundles.bundle import ONNX
from e2e.inference.engine import RemoteOptions
from e2e.problems import InputError
from e2e.serving.repository import versions_of
from e2e.serving.server import TOKEN, TOKEN_KEY
from e2e.serving.wire import Wire

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
    def is_grpc(self) -> bool:
        return self.scheme.startswith("grpc")


class Connection:
    """To be used by one thread. Raises RefusedError and UnavailableError alone."""

    def __init__(self, address: Address, model: str, contract: Contract, options: RemoteOptions) -> None:
        self._address, self._model, self._contract, self._options = address, model, contract, options
        self._client: Any = None
        self._version = ""

    def ask(self, wire: Wire, timeout_s: float) -> NDArray[np.float32]:
        """(candidates, outputs)."""
        try:
            client = self._connected(timeout_s)
            inputs = [self._input(name, tensor) for name, tensor in wire._asdict().items()]
            wanted = [self._library.InferRequestedOutput(name) for name in self._contract.output_names]
            options: dict[str, Any] = {"model_version": self._version, "outputs": wanted, "headers": self._headers()}
            if self._address.is_grpc:
                options["client_timeout"] = timeout_s
            if self._options.compresses:
                options["compression_algorithm" if self._address.is_grpc else "request_compression_algorithm"] = "gzip"
            result = client.infer(self._model, inputs, **options)
            columns = [result.as_numpy(name) for name in self._contract.output_names]
        except (InferenceServerException, OSError) as error:
            self.close()
            raise _sorted_out(error) from None
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

    def _connected(self, timeout_s: float) -> Any:
        if self._client is None:
            self._client = self._connect()
            options = {"client_timeout": timeout_s, "as_json": True} if self._address.is_grpc else {}
            answer = self._client.get_model_config(self._model, headers=self._headers(), **options)
            config = answer.get("config", answer)
            self._version = self._find_version(config.get("parameters", {}))
        return self._client

    def _connect(self) -> Any:
        secure, place = self._address.scheme.endswith("s"), self._address.place
        authority = os.environ.get(CERTIFICATE)
        if self._address.is_grpc:
            return self._library.InferenceServerClient(place, ssl=secure, root_certificates=authority)
        options = {"ssl_options": {"ca_certs": authority}} if secure and authority else {}
        patience = dict.fromkeys(("connection_timeout", "network_timeout"), self._options.deadline_s / 2)
        return self._library.InferenceServerClient(place, ssl=secure, **patience, **options)

    def _find_version(self, parameters: Mapping[str, Mapping[str, str]]) -> str:
        served = versions_of({key: entry["string_value"] for key, entry in parameters.items()})
        digest = self._contract.files[ONNX].sha256
        for version, sha256 in served.items():
            if sha256 == digest:
                return str(version)
        raise RefusedError(
            f"its model {self._model!r} is not this bundle (versions {', '.join(map(str, served)) or 'unknown'})"
        )

    def _headers(self) -> dict[str, str]:
        if (token := os.environ.get(TOKEN)) is None:
            return {}
        return {f"triton-grpc-protocol-{TOKEN_KEY}" if self._address.is_grpc else TOKEN_KEY: token}

    def _input(self, name: str, tensor: NDArray[Any]) -> Any:
        given = self._library.InferInput(name, tensor.shape, np_to_triton_dtype(tensor.dtype))
        given.set_data_from_numpy(tensor)
        return given


def _sorted_out(error: Exception) -> RefusedError | UnavailableError:
    if isinstance(error, InferenceServerException):
        status = str(error.status() or "").removeprefix("StatusCode.")
        text = f"{error.message()}" + (f" ({status})" if status else "")
        return RefusedError(text) if status in _REFUSALS else UnavailableError(text)
    return UnavailableError(str(error) or type(error).__name__)
