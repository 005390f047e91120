"""Every command and every Python block of the tutorials, and of the pages a newcomer meets first."""

import re

import pytest
from documents import ROOT, run_page, steps

from e2e.tasks import TASKS

DOCS = ROOT / "docs"
TUTORIALS = {name: DOCS / "tutorials" / f"{name}.md" for name in TASKS}
PAGES = [*TUTORIALS.values(), DOCS / "start.md", DOCS / "physics.md"]
QUICK = ("electron-photon.md", "start.md")


@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem, marks=[] if p.name in QUICK else [pytest.mark.slow]) for p in PAGES]
)
def test_page_runs_as_it_is_written(page, tmp_path):
    if left_out := run_page(page, tmp_path):
        pytest.skip(f"{len(left_out)} steps need real files, which are absent; the others ran")


@pytest.mark.parametrize("task", TASKS)
def test_tutorial_goes_the_whole_road_and_shows_nothing_that_is_not_run(task):
    text = TUTORIALS[task].read_text()
    verbs = [step.text.split()[1] for step in steps(TUTORIALS[task]) if step.language == "sh"]
    order = [verbs.index(verb) for verb in ("simulate", "train", "export", "evaluate", "predict")]
    assert order == sorted(order)
    shown = [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for line in block.split("\n")]
    assert all(line.startswith("e2e ") for line in shown if line)
    assert {step.language for step in steps(TUTORIALS[task])} == {"sh", "python"}
    assert TUTORIALS[task].name in (DOCS / "tutorials" / "index.md").read_text()
