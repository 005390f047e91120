"""SONIC: candidates are asked of Triton servers, and of this machine where none answers in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames import Packed
from e2e.inference.engine import Engine, EngineOptions
from e2e.inference.onnxruntime_engine import OnnxRuntimeEngine
from e2e.inference.remote import Address, Connection, RefusedError, UnavailableError, release_thread
from e2e.problems import InputError
from e2e.serving.wire import pieces

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 60.0  # of a server that did not answer; doubled each time


@dataclass
class _Server:
    """What all threads know of a server. busy: how many are asking it. refusal: why it is asked no more."""

    address: Address
    busy: int = 0
    failures: int = 0
    rests_until: float = 0.0
    refusal: str = ""
    last_error: str = ""

    def rank(self, now: float) -> tuple[float, int, int]:
        """The least is asked."""
        return max(self.rests_until - now, 0.0), self.failures, self.busy

    def failed(self, why: str) -> None:
        self.last_error = why
        if time.monotonic() < self.rests_until:  # another thread has met the same
            return
        self.failures += 1
        pause = min(FIRST_PAUSE_S * 2 ** (self.failures - 1), LONGEST_PAUSE_S)
        self.rests_until = time.monotonic() + pause

    def answered(self) -> None:
        self.failures, self.rests_until = 0, 0.0


class TritonEngine(Engine):
    """Every candidate is answered once, in order: by the least busy of the servers that have not failed, by the others
    after a failure, and by ONNX Runtime here once `deadline_s` is over for a batch, or no server is left.

    Where no server has answered a whole batch, the next ones wait for none: a server whose rest is over is asked once.
    Raises InputError where local inference is switched off and no server answers.
    """

    name = "triton"

    def __init__(self, bundle: Bundle, asked: EngineOptions) -> None:
        super().__init__(asked)
        options = asked.remote
        if not options.servers:
            raise InputError(self.name, "no server", "give --servers HOST:PORT, one or more")
        self._bundle, self._options = bundle, options
        self._servers = [_Server(Address.parse(url)) for url in options.servers]
        self._model = bundle.path.resolve().name
        self._pool = ThreadPoolExecutor(options.in_flight, thread_name_prefix="triton")
        self._own = threading.local()  # connections: one of each thread to each server
        self._local: OnnxRuntimeEngine | None = None
        self._lock, self._local_lock = threading.Lock(), threading.Lock()
        self._num_local = 0

    def run(self, packed: Packed) -> NDArray[np.float32]:
        return self.run_named(packed)[0]

    def run_named(self, packed: Packed) -> tuple[NDArray[np.float32], list[str]]:
        deadline = time.monotonic() + self._options.deadline_s
        is_new_trouble = any(not server.failures for server in self._servers if not server.refusal)
        waits = is_new_trouble or not self._options.has_fallback
        parts = list(pieces(packed, self._options.request_candidates))
        answered = list(self._pool.map(lambda part: self._answer(part, deadline, waits), parts))
        if not answered:
            return np.empty((0, len(self._bundle.contract.outputs)), dtype=np.float32), []
        names = [name for part, (_, name) in zip(parts, answered, strict=True) for _ in part.seed]
        return np.concatenate([outputs for outputs, _ in answered]), names

    def complaints(self) -> list[tuple[str, str]]:
        """Where, and what: servers that failed or refused, and how many candidates were answered here instead."""
        found = [(str(server.address), server.refusal or server.last_error) for server in self._servers]
        lines = [(where, what) for where, what in found if what]
        if self._num_local:
            lines.append((self.name, f"{self._num_local} candidates were answered by ONNX Runtime on this machine"))
        return lines

    def close(self) -> None:
        everyone = threading.Barrier(self._options.in_flight)

        def close_own(number: int) -> None:
            everyone.wait()  # so that each thread does it for itself
            for connection in self._own.__dict__.get("connections", {}).values():
                connection.close()
            release_thread()

        list(self._pool.map(close_own, range(self._options.in_flight)))
        self._pool.shutdown()

    def _answer(self, part: Packed, deadline: float, waits: bool) -> tuple[NDArray[np.float32], str]:
        """waits: for the end of a server's rest."""
        while (left := deadline - time.monotonic()) > 0:
            with self._chosen() as server:
                if server is None:
                    break
                pause = server.rests_until - time.monotonic()
                if pause > 0:
                    if not waits:
                        break
                    time.sleep(min(pause, left))
                    continue
                try:
                    outputs = self._connection(server).ask(part, left / 2)  # the other half is for the next server
                except RefusedError as error:
                    server.refusal = str(error)
                except UnavailableError as error:
                    server.failed(str(error))
                else:
                    server.answered()
                    return outputs, f"{self.name} {server.address}"
        return self._answer_here(part)

    @contextmanager
    def _chosen(self) -> Iterator[_Server | None]:
        """The least busy that has not failed; else, of those that rest for the shortest, that which failed least."""
        now = time.monotonic()
        with self._lock:
            left = [server for server in self._servers if not server.refusal]
            if (server := min(left, key=lambda one: one.rank(now), default=None)) is not None:
                server.busy += 1
        try:
            yield server
        finally:
            if server is not None:
                with self._lock:
                    server.busy -= 1

    def _connection(self, server: _Server) -> Connection:
        known: dict[Address, Connection] = self._own.__dict__.setdefault("connections", {})
        if server.address not in known:
            contract = self._bundle.contract
            known[server.address] = Connection(server.address, self._model, contract, self._options)
        return known[server.address]

    def _answer_here(self, part: Packed) -> tuple[NDArray[np.float32], str]:
        if not self._options.has_fallback:
            said = "; ".join(f"{where}: {what}" for where, what in self.complaints()) or "no answer in time"
            raise InputError(self.name, f"no server answered ({said})", "start one, or allow local inference")
        with self._local_lock:
            if self._local is None:
                self._local = OnnxRuntimeEngine(self._bundle, EngineOptions(self.options.threads))
            self._num_local += len(part.seed)
            return self._local.run(part), self._local.name  # one at a time: its threads are all that were asked for
