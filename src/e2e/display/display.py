"""The verb: events in, a page to look at them out; served on this machine, as a file, or for Phoenix."""

from __future__ import annotations

import json
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.display.crops import describe_bundles, find_crops
from e2e.display.page import make_page
from e2e.display.payload import make_payload
from e2e.display.phoenix import to_phoenix
from e2e.display.selection import select_events
from e2e.display.server import serve_page
from e2e.files import check_output, replacing, writing
from e2e.problems import InputError, Problems


@dataclass(frozen=True)
class Displayed:
    """num_events: on the page, of `total` in the inputs. paths: what was written. problems: of inputs and answers."""

    num_events: int
    total: int
    paths: list[Path]
    problems: Problems

    def to_json(self) -> dict[str, Any]:
        return {"events": self.num_events, "total": self.total, "written": [str(path) for path in self.paths]}


def display(
    inputs: Sequence[Path],
    *,
    events: Sequence[str] = (),
    bundles: Sequence[Path] = (),
    output: Path | None = None,
    phoenix: Path | None = None,
    port: int = 8400,
    host: str = "127.0.0.1",
    open_browser: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Displayed:
    """Show events of files or folders (`.ig`, EDM, event stores) in the browser.

    events: places from 0 in the inputs (`3`, `0-9`) or `RUN:BLOCK:EVENT`; the first 20 unless given. bundles: whose
    crops and answers are shown, candidates as `predict` takes them. output: one HTML file, which needs nothing beside
    it. phoenix: a JSON file for Phoenix (HSF). With neither the page is served until interrupted; port 0: any that is
    free; `say` gets its address. open_browser: once the page is served or written.
    Raises InputError for what cannot be used; nothing is written then. What is wrong with one event or answer is in
    `problems` of the result.
    """
    places = [path for path in (phoenix, output) if path is not None]
    _check_places(output, phoenix, [*inputs, *bundles])
    if open_browser and places and output is None:
        raise InputError("display", "no page to open", "give a name for it with --output")
    problems = Problems()
    with ExitStack() as stack:
        hidden = {path: stack.enter_context(replacing(path)) for path in places}  # all or none, before any work
        loaded, described = describe_bundles(bundles)
        shown, total = select_events(inputs, events, problems)
        crops = find_crops(loaded, shown, problems)
        if phoenix is not None:
            text = json.dumps(to_phoenix(shown, crops), indent=2, allow_nan=False) + "\n"
            with writing(phoenix):
                hidden[phoenix].write_text(text, encoding="utf-8")
        if output is not None or phoenix is None:
            title = "e2e display: " + ", ".join(path.name for path in inputs)
            page = make_page(make_payload(shown, crops, described, total), title)
        if output is not None:
            with writing(output):
                hidden[output].write_text(page, encoding="utf-8")
    if not places:
        serve_page(page, host, port, lambda url: _ready(url, len(shown), total, open_browser, say))
    elif output is not None and open_browser:
        webbrowser.open(output.resolve().as_uri())
    return Displayed(len(shown), total, places, problems)


def _check_places(output: Path | None, phoenix: Path | None, inputs: Sequence[Path]) -> None:
    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise InputError(output, "the page is HTML", "give a name ending in .html")
    for place in (output, phoenix):
        if place is not None:
            check_output(place, inputs)
    if output is not None and phoenix is not None and output.resolve() == phoenix.resolve():
        raise InputError(output, "both the page and the file for Phoenix", "give them two names")


def _ready(url: str, count: int, total: int, open_browser: bool, say: Callable[[str], None]) -> None:
    say(f"ready: {count} of {total} events at {url}")
    if open_browser:  # a browser of the console returns when it is left, and wants the page before
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
