"""The README's own commands and Python, in its order, in an empty folder."""

import pytest
from documents import ROOT, run_page, steps

README = ROOT / "README.md"


def test_the_readme_shows_the_main_verbs():
    shown = {step.text.split()[1] for step in steps(README) if step.language == "sh"}
    assert shown >= {"predict", "check", "simulate", "train", "export", "evaluate"}


def test_every_command_of_the_readme_runs(tmp_path):
    if left_out := run_page(README, tmp_path):
        pytest.skip(f"not all could run here, the others did: {'; '.join(left_out)}")
