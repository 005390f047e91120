"""The documents point at what exists, and nothing in them waits to be filled in."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve_and_nothing_is_left_open(page):
    text = page.read_text()
    assert not re.search(r"@@|@[A-Z0-9_]+@|\bTODO\b|\bTBD\b", text)
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
