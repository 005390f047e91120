"""The other side of `worker.py`: a process for an engine, asked line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from e2e.bench.worker import Setting
from e2e.problems import InputError


class Worker:
    """start: seconds of loading the engine, and of its first answer."""

    def __init__(self, setting: Setting, process: subprocess.Popen[str], log: Path) -> None:
        self._name = f"{setting.bundle}, {setting.engine}, {setting.threads} threads"
        self._process, self._log = process, log
        self.start = self._tell(setting.to_line())

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Raises InputError where the process has ended."""
        return self._tell(json.dumps(question))

    def _tell(self, text: str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            print(text, file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise InputError(self._name, said[-1] if said else "ended without a word", "left out")
        return json.loads(line)


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
