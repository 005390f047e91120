"""The verb: bundles in, a running server out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from e2e.problems import InputError
from e2e.serving.repository import ServingOptions, write_repository
from e2e.serving.server import TOKEN, ServerOptions, TritonServer
from e2e.stopping import until_asked_to_stop


class Ready(NamedTuple):
    """What is served, and where it answers."""

    models: list[str]
    grpc: str
    http: str
    metrics: str

    def __str__(self) -> str:
        return f"ready: {', '.join(self.models)} at {self.grpc} and {self.http}; metrics at {self.metrics}"


def serve(
    bundles: Sequence[Path],
    *,
    repository: Path | None = None,
    port: int = 8000,
    host: str = "127.0.0.1",
    instances: int = 1,
    threads: int = 1,
    max_candidates: int = 256,
    certificate: Path | None = None,
    key: Path | None = None,
    ready: Callable[[Ready], Any] = lambda _: None,
) -> int:
    """Serve bundles until SIGINT, SIGTERM or SIGHUP, or the server ends by itself; returns 0.

    repository: a folder to keep, to which bundles are added; what is served is all that is in it. A token in the
    environment (`E2E_TRITON_TOKEN`) is asked of every request. ready: called once the server answers. Raises InputError
    for what cannot be served, and for a server that fails.
    """
    for name, value in (("instances", instances), ("threads", threads), ("max_candidates", max_candidates)):
        if value < 1:
            raise InputError("serve", f"{name} {value}", "give at least 1")
    if (certificate is None) != (key is None):
        raise InputError("serve", "a certificate without a key, or a key without one", "give both, or none")
    options = ServingOptions(instances=instances, threads=threads, max_candidates=max_candidates)
    access = ServerOptions(host, port, os.environ.get(TOKEN) or None, certificate, key)
    with until_asked_to_stop(), ExitStack() as stack:
        folder = repository or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="e2e-repository-")))
        write_repository(bundles, folder, options)
        server = stack.enter_context(TritonServer(folder, access))
        names = sorted(path.parent.name for path in folder.glob("*/config.pbtxt"))
        ready(Ready(names, server.url, server.http_url, server.metrics_url))
        if status := server.wait():
            raise InputError("serve", f"the server ended by itself ({status}): {server.last_words()}", "start it again")
    return 0
