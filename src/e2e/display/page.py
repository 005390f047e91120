"""The page: one HTML file that holds its style, its scripts, three.js and the events, and asks no network for anything.

Scripts are ES modules. They stand in the page as text; `start.js` makes a blob URL of each and an import map that
names them, so that the page works when it is opened as a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

_OWN = (
    "events.js",
    "geometry.js",
    "colours.js",
    "options.js",
    "frames.js",
    "boxes.js",
    "outline.js",
    "layers.js",
    "scene.js",
    "plane.js",
    "etaphi.js",
    "hover.js",
    "panel.js",
    "display.js",
)
# module -> file of `assets/`; three.js by the names that its own modules ask for
MODULES: dict[str, str] = {
    "three": "vendor/three/three.module.min.js",
    "three.core.min.js": "vendor/three/three.core.min.js",
    "OrbitControls.js": "vendor/three/OrbitControls.js",
    **{name: name for name in _OWN},
}
_RELATIVE_IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*)(["'])\./([\w.]+)\2""")

# Nothing is fetched, whatever a file of events may hold.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def make_page(payload: Mapping[str, Any], title: str) -> str:
    """The same payload gives the same bytes."""
    assets = files("e2e.display") / "assets"
    scripts = "\n".join(
        f'<script type="text/plain" data-module="{name}">\n{_script(assets, path)}\n</script>'
        for name, path in MODULES.items()
    )
    values = {
        "policy": escape(_POLICY, quote=True),
        "title": escape(title.encode("utf-8", "replace").decode()),  # a file's name may be no text
        "style": (assets / "style.css").read_text(encoding="utf-8"),
        "licence": escape((assets / "vendor/three/LICENSE").read_text(encoding="utf-8")),
        "start": _script(assets, "start.js"),
        "scripts": scripts,
        "payload": to_script_json(payload),
    }
    template = (assets / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def to_script_json(content: Any) -> str:
    """JSON that stands in a `<script>` whatever strings are in it: no `<` is left that could end or open a tag."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c")


def _script(assets: Traversable, path: str) -> str:
    """Its imports by bare name. Raises ValueError for a script that would end its own tag."""
    text = _RELATIVE_IMPORT.sub(r"\1\2\3\2", (assets / path).read_text(encoding="utf-8"))
    if re.search(r"</script|<!--", text, re.IGNORECASE):
        raise ValueError(f"{path} holds what ends a <script>")
    return text
