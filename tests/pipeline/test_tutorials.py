"""Every command and every Python block of the tutorials, and of the pages a newcomer meets first."""

import ast
import re
import shlex
from importlib import import_module

import pytest
from documents import ROOT, run_page, steps

from e2e.cli.parser import make_parser
from e2e.tasks import TASKS
from e2e.training.recipes import RECIPES

DOCS = ROOT / "docs"
TUTORIALS = {name: DOCS / "tutorials" / f"{name}.md" for name in TASKS}
PAGES = [*TUTORIALS.values(), DOCS / "start.md", DOCS / "physics.md"]
QUICK = ("start.md", "physics.md")  # the whole road, training and all, is in the README's test


@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem, marks=[] if p.name in QUICK else [pytest.mark.slow]) for p in PAGES]
)
def test_page_runs_as_it_is_written(page, tmp_path):
    if left_out := run_page(page, tmp_path):
        pytest.skip(f"not all could run here, the others did: {'; '.join(left_out)}")


@pytest.mark.parametrize("task", TASKS)
def test_tutorial_goes_the_whole_road_and_shows_nothing_that_is_not_run(task):
    blocks = re.findall(r"^```sh\n(.*?)^```", TUTORIALS[task].read_text(), re.DOTALL | re.MULTILINE)
    assert all(line.startswith("e2e ") for block in blocks for line in block.splitlines())
    verbs = [step.text.split()[1] for step in steps(TUTORIALS[task]) if step.language == "sh"]
    order = [verbs.index(verb) for verb in ("simulate", "train", "export", "evaluate", "predict")]
    assert order == sorted(order)
    assert {step.language for step in steps(TUTORIALS[task])} == {"sh", "python"}
    assert TUTORIALS[task].name in (DOCS / "tutorials" / "index.md").read_text()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_commands_and_names_are_known(page):
    """What the slow tests run, looked at: no option, recipe or function that is gone."""
    for step in steps(page):
        if step.language == "sh" and step.text != "e2e --version":
            options = vars(make_parser().parse_args(shlex.split(step.text.removesuffix(" &"))[1:]))
            assert options.get("recipe", "top") in RECIPES
        if step.language == "python":
            for node in ast.walk(ast.parse(step.text)):
                if isinstance(node, ast.ImportFrom):
                    assert all(hasattr(import_module(str(node.module)), alias.name) for alias in node.names)
