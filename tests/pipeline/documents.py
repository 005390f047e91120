"""Run what a page of the documentation shows: its commands (```sh) and its Python, in the order of the page.

`python tests/pipeline/documents.py PAGE` does it in a fresh folder and prints what comes out, and how long it took.
"""

from __future__ import annotations

import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from e2e.problems import InputError
from e2e.serving.installation import find_server

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
REAL_FILES = SHARED / "data" / "ig"


class Step(NamedTuple):
    """text: a command, or a block of Python."""

    language: str
    text: str

    @property
    def lacks(self) -> str | None:
        """What this machine would need for it."""
        if not REAL_FILES.exists() and ("../shared" in self.text or re.search(r"\w\.ig\b", self.text)):
            return "real files"
        if not _has_server() and ("e2e serve" in self.text or "--engine triton" in self.text):
            return "a Triton server"
        return None


@cache
def _has_server() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            find_server(Path(folder))
        except InputError:
            return False
    return True


def steps(page: Path) -> list[Step]:
    """Commands that are not `e2e`'s (make, git) are left out."""
    found = []
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        if language == "python":
            found.append(Step(language, block))
        else:
            found += [Step(language, line) for line in block.splitlines() if line.startswith("e2e ")]
    return found


def run_page(page: Path, folder: Path, show: bool = False) -> list[str]:
    """In `folder`, which gets the zoo and the real files; returns what was lacking for steps that were left out.

    Raises AssertionError with the step and its last words when one fails.
    """
    (folder / "zoo").symlink_to(ROOT / "zoo")
    for file in REAL_FILES.glob("*.ig"):
        (folder / file.name).symlink_to(file)
    left_out = []
    with ExitStack() as stack:
        for step in steps(page):
            if step.lacks:
                left_out.append(f"{step.text.splitlines()[0]} ({step.lacks})")
                continue
            command, start = _command(step), time.perf_counter()
            if step.text.endswith(" &"):
                stack.enter_context(_in_background(command, folder))
                continue
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if show:
                print(f"$ {step.text}\n{done.stdout}{done.stderr}({time.perf_counter() - start:.0f} s)\n", flush=True)
            assert done.returncode == 0, f"{step.text}\n{done.stderr[-2000:]}"
    return left_out


def _command(step: Step) -> list[str]:
    text = step.text.replace("../shared", str(SHARED))
    if step.language == "python":
        return [sys.executable, "-c", text]
    return [sys.executable, "-m", "e2e.cli", *shlex.split(text.removesuffix(" &"))[1:]]


@contextmanager
def _in_background(command: list[str], folder: Path) -> Iterator[None]:
    """From the line in which it says that it is ready, to the end of the page."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("ready")
        yield
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        begun = time.perf_counter()
        run_page(Path(sys.argv[1]).resolve(), Path(place), show=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = time.perf_counter() - begun
        print(f"{seconds:.0f} s in all, {used.ru_utime + used.ru_stime:.0f} s of a core")
