"""The README's own commands, in its order, in an empty folder."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("e2e ")]


@contextmanager
def in_background(command: list[str], folder: Path) -> Iterator[None]:
    """From the line in which it says that it is ready, to the end of the block."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("ready")
        yield
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()


def test_the_readme_shows_the_main_verbs():
    shown = {line.split()[1] for line in commands()}
    assert shown >= {"predict", "check", "simulate", "train", "export", "evaluate"}


def test_every_command_of_the_readme_runs(tmp_path):
    (tmp_path / "zoo").symlink_to(ROOT / "zoo")
    ran = 0
    with ExitStack() as stack:
        for line in commands():
            if "../shared" in line and not SHARED.exists():
                continue
            words = [word.replace("../shared", str(SHARED)) for word in shlex.split(line.removesuffix(" &"))]
            command = [sys.executable, "-m", "e2e.cli", *words[1:]]
            if line.endswith(" &"):
                stack.enter_context(in_background(command, tmp_path))
            else:
                done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"
            ran += 1
    if ran < len(commands()):
        pytest.skip(f"{len(commands()) - ran} commands need real files, {SHARED} is absent; the other {ran} ran")
