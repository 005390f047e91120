"""The documentation builds without a warning, whole in itself, and its links hold in the site as they do on GitHub."""

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from e2e.cli import VERBS
from e2e.contract import CHANNELS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from site_hooks import follow_links  # noqa: E402

PAGES = {"results.md", "engines.md", "cmssw.md", "zoo/index.md", "zoo/top.md", "howto/aod.md", "index.md"} | {
    "reference/index.md",
    "reference/models.md",
    "images/response.svg",
    "decisions/index.md",
}


class Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        heard = Warnings()
        logging.getLogger("mkdocs").addHandler(heard)
        folder = tmp_path_factory.mktemp("site")
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=False)
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        logging.getLogger("mkdocs").removeHandler(heard)
        assert heard.lines == []
        yield folder


def test_nothing_is_fetched_from_elsewhere(site):
    """Fonts, scripts, styles and pictures lie in the site; links for readers may lead out of it."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//[^"]*"', text), page
        assert not re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|preload)"[^>]+href="(?:https?:)?//', text), page


def test_the_command_line_and_the_glossary_are_made_from_the_code(site):
    commands = (site / "command-line.html").read_text(encoding="utf-8")
    for verb in VERBS:
        assert f'id="{verb}"' in commands
    for option in ("-n, --num-events N", "--batch-size N", "--no-fallback", "--pt LOW HIGH"):
        assert f"<code>{option}</code>" in commands
    assert "e2e predict BUNDLE INPUT..." in commands and "<code>openvino</code>" in commands
    glossary = (site / "glossary.html").read_text(encoding="utf-8")
    for name in (*CHANNELS, "candidates", "outputs"):
        assert f"<code>{name}</code>" in glossary
    assert "<!-- " not in glossary.partition("<article")[2].partition("</article>")[0]


def test_the_reference_has_every_package_and_module(site):
    for module in (ROOT / "src" / "e2e").rglob("*.py"):
        parts = module.relative_to(ROOT / "src").with_suffix("").parts
        if parts[-1] in ("__init__", "__main__"):
            continue
        page = site / "reference" / (f"{parts[1]}.html" if len(parts) > 2 else "index.html")
        assert f'id="{".".join(parts)}"' in page.read_text(encoding="utf-8"), module


def test_lists_are_lists_and_tables_are_tables(site):
    """Where Markdown of GitHub and of the site differ, a list or a table becomes lines of a paragraph."""
    for page in site.rglob("*.html"):
        article = page.read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
        prose = re.sub(r"<(pre|code)\b.*?</\1>", "", article, flags=re.DOTALL)
        assert not re.search(r"<p>[^<]*(?:<(?!/p>)[^<]*)*\n(?:- |\| )", prose), page


@pytest.mark.parametrize(
    ("page", "link", "followed"),
    [
        ("engines.md", "[a](../cmssw/README.md)", "[a](cmssw.md)"),
        ("cmssw.md", "[a](../docs/results.md#in-cmssw)", "[a](results.md#in-cmssw)"),
        ("zoo/index.md", "[a](../../zoo/top/README.md)", "[a](top.md)"),
        ("howto/aod.md", "[a](../../README.md)", "[a](../index.md)"),
        ("index.md", "[a](../zoo)", "[a](zoo/index.md)"),
        ("index.md", "[a](decisions)", "[a](decisions/index.md)"),
        ("index.md", "[a](../src/e2e)", "[a](reference/index.md)"),
        ("index.md", "[a](../src/e2e/models/views.py)", "[a](reference/models.md#e2e.models.views)"),
        ("howto/aod.md", "[a](../../src/e2e/info.py)", "[a](../reference/index.md#e2e.info)"),
        ("index.md", "[a](../src/e2e/display/assets/page.html)", "a"),
        ("index.md", "[the Makefile](../Makefile)", "the Makefile"),
        ("index.md", "![a](images/response.svg)", "![a](images/response.svg)"),
        ("index.md", "[a](https://cern.ch) [b](#here)", "[a](https://cern.ch) [b](#here)"),
        ("index.md", "[a](gone.md)", "[a](gone.md)"),
        ("index.md", "```\n[a](../zoo)\n```\n", "```\n[a](../zoo)\n```\n"),
    ],
)
def test_a_link_leads_to_the_same_in_the_site(page, link, followed):
    assert follow_links(link, page, PAGES) == followed


def test_with_an_address_of_the_repository_other_files_are_linked_there():
    link = follow_links("[the Makefile](../Makefile)", "index.md", PAGES, "https://example.org/e2e/")
    assert link == "[the Makefile](https://example.org/e2e/blob/HEAD/Makefile)"
