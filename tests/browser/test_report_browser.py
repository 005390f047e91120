"""The report as a reader meets it: in a browser, by day, by night, on a phone and on paper."""

from pathlib import Path

import pytest

from e2e.evaluation import examples
from e2e.evaluation.evaluate import evaluate
from e2e.evaluation.page import Section, write_page
from e2e.report.report import report
from e2e.simulation.simulate import simulate

ZOO = Path(__file__).parents[2] / "zoo"
VIEWS = {
    "light": {"width": 1200, "media": "screen", "color_scheme": "light"},
    "dark": {"width": 1200, "media": "screen", "color_scheme": "dark"},
    "phone": {"width": 375, "media": "screen", "color_scheme": "light"},
    "paper": {"width": 700, "media": "print", "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def written(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    patch = pytest.MonkeyPatch()
    patch.setattr(examples, "NUM_EXAMPLES", 2)
    simulate("electron-photon", folder / "events", num_events=200, seed=41)
    evaluate(ZOO / "electron-photon-nano", [folder / "events"], folder / "evaluation")
    patch.undo()
    report([folder / "evaluation"], folder / "report")
    return folder / "report" / "index.html"


@pytest.mark.parametrize("view", VIEWS)
def test_the_page_fits_and_nothing_is_wrong_with_it(page, screenshots, written, view):
    about = VIEWS[view]
    page.set_viewport_size({"width": about["width"], "height": 900})
    page.emulate_media(media=about["media"], color_scheme=about["color_scheme"])
    page.goto(written.as_uri())
    assert page.locator("figure svg").count() > 8
    assert page.evaluate("document.documentElement.scrollWidth") <= about["width"]
    widths = page.evaluate("[...document.querySelectorAll('figure')].map(one => one.getBoundingClientRect().right)")
    assert max(widths) <= about["width"]
    page.screenshot(path=screenshots / f"report-{view}.png", full_page=True)
    turned = page.evaluate("getComputedStyle(document.querySelector('figure svg')).filter")
    assert (turned != "none") == (view == "dark")
    assert page.console_errors == []


def test_the_page_asks_for_nothing_else(page, written):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    assert asked == [written.as_uri()]


def test_an_svg_of_others_neither_runs_nor_fetches(page, tmp_path):
    """A bundle brings the picture of its training."""
    (tmp_path / "curve.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="document.title=\'owned\'">'
        '<script>document.title = "owned"</script><image href="http://example.invalid/x.png"/></svg>'
    )
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.failure))
    written = write_page(tmp_path / "index.html", [Section("Training", "", [tmp_path / "curve.svg"])], "footer")
    page.goto(written.as_uri())
    page.wait_for_load_state("networkidle")
    assert failed == ["csp"]
    assert page.title() != "owned"


def test_what_a_page_complains_of_is_heard(page, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text("<script>console.error('one'); throw new Error('two')</script>")
    page.goto(broken.as_uri())
    assert page.console_errors == ["one", "two"]
