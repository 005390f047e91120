"""The other side of `worker.py`: a process for an engine, asked line by line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from e2e.bench.worker import Setting
from e2e.problems import InputError

_PATIENCE = 10.0  # seconds, for a process to end that has closed its output


class Worker:
    """start: seconds of loading the engine, and of its first answer."""

    def __init__(self, setting: Setting, process: subprocess.Popen[str], log: Path) -> None:
        self._name = f"{setting.bundle}, {setting.engine}, {setting.threads} threads"
        self._process, self._log = process, log
        self.start = self._tell(setting.to_line())

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, batch: int, seconds: float) -> dict[str, Any]:
        """Calls with so many candidates for so long. Raises InputError where the process has ended."""
        return self._tell(json.dumps({"batch": batch, "seconds": seconds}), f", {batch} at once")

    def _tell(self, text: str, about: str = "") -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(text, file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise InputError(self._name + about, self._last_words(), "left out")
        return json.loads(line)

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE)
        if (status := self._process.returncode) is not None and status < 0:
            short = ", perhaps for want of memory" if -status == signal.SIGKILL else ""
            return f"its process was ended by {signal.Signals(-status).name}{short}"
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return said[-1] if said else "ended without a word"


@contextmanager
def started(setting: Setting, log: Path) -> Iterator[Worker]:
    """log: a file for what it says beside its answers."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(setting.threads)}
    command = [sys.executable, "-m", "e2e.bench.worker"]
    pipe = subprocess.PIPE
    with log.open("w") as said:
        process = subprocess.Popen(command, text=True, env=environment, stdin=pipe, stdout=pipe, stderr=said)
    try:
        yield Worker(setting, process, log)
    finally:
        process.kill()
        process.communicate()
