"""One self-contained HTML page: sections of text and figures, light and dark, readable on a phone."""

from __future__ import annotations

import io
import re
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1rem 0; background: white; border-radius: .5rem; padding: .5rem; display: inline-block; }
svg { max-width: 100%; height: auto; }
footer { color: gray; }
"""


class Section(NamedTuple):
    """figures: matplotlib figures; they are closed when the page is written."""

    title: str
    text: str
    figures: list[Any]


def write_page(path: Path, sections: list[Section], footer: str) -> Path:
    body = "\n".join(
        f"<section><h2>{escape(section.title)}</h2><p>{escape(section.text)}</p>"
        + "".join(f"<figure>{_to_svg(figure, f's{i}f{k}')}</figure>" for k, figure in enumerate(section.figures))
        + "</section>"
        for i, section in enumerate(sections)
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>e2e demo</title><style>{_STYLE}</style></head>
<body><h1>From hits to identity and mass</h1>
{body}
<footer>{escape(footer)}; private work, fast simulation</footer></body></html>
"""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def _to_svg(figure: Any, prefix: str) -> str:
    """The figure as inline SVG, its ids made unique on the page."""
    from e2e.evaluation.plots import plt

    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
