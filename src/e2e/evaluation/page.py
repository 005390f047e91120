"""One self-contained HTML page: sections of text, tables and figures, light and dark, readable on a phone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from e2e.files import write_text

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1rem 0; background: white; border-radius: .5rem; padding: .5rem; display: inline-block; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .8rem; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .15rem .6rem; border-bottom: 1px solid gray; }
footer { color: gray; }
"""


class Section(NamedTuple):
    """figures: matplotlib figures, which are closed when the page is written, or paths of SVG files. table: rows of
    cells, the header first."""

    title: str
    text: str
    figures: list[Any]
    table: Sequence[Sequence[str]] = ()


def write_page(
    path: Path, sections: list[Section], footer: str, heading: str = "From hits to identity and mass"
) -> Path:
    body = "\n".join(
        f"<section><h2>{escape(section.title)}</h2><p>{escape(section.text)}</p>"
        + _to_table(section.table)
        + "".join(f"<figure>{_to_svg(figure, f's{i}f{k}')}</figure>" for k, figure in enumerate(section.figures))
        + "</section>"
        for i, section in enumerate(sections)
    )
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>e2e: {escape(heading)}</title><style>{_STYLE}</style></head>
<body><h1>{escape(heading)}</h1>
{body}
<footer>{escape(footer)}; private work, fast simulation</footer></body></html>
"""
    write_text(path, page)
    return path


def _to_table(rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(rows[0], 'th')}{''.join(line(row, 'td') for row in rows[1:])}</table>" if rows else ""


def _to_svg(figure: Any, prefix: str) -> str:
    """The figure as inline SVG, its ids made unique on the page."""
    if isinstance(figure, Path):
        text = figure.read_text(encoding="utf-8")
    else:
        from e2e.evaluation.plots import to_svg

        text = to_svg(figure)
    text = text[text.index("<svg") :]
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
