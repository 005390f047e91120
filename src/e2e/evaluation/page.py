"""One self-contained HTML page: sections of text, tables and figures; light and dark, for phones and for paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from e2e.files import write_text

# No script runs and nothing is fetched, whatever an SVG file of others may hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_CONTENTS_FROM = 4  # sections on: a list of them at the top

# Plots are drawn dark on white. In the dark they are turned over, the hues kept; pictures of pixels are left alone.
_STYLE = """
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  overflow-wrap: break-word; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { margin: 0; max-width: 100%; }
figure svg { display: block; max-width: 100%; height: auto; background: white; border-radius: .5rem; }
figcaption { font-size: .8rem; margin-top: .25rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentcolor 25%, transparent); }
footer { margin-top: 3rem; font-size: .8rem; opacity: .75; }
@media screen and (prefers-color-scheme: dark) {
  figure svg:not(:has(image)) { filter: invert(.93) hue-rotate(180deg); }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2 { break-after: avoid; margin-top: 1.5rem; }
  figure, tr { break-inside: avoid; }
  figure svg { border-radius: 0; max-height: 24cm; }
  .figures figure { max-width: 48%; }
  .scroll { overflow: visible; }
  table { font-size: 8pt; }
  td:not(:first-child) { overflow-wrap: anywhere; }
}
"""


class Figure(NamedTuple):
    """picture: a matplotlib figure, which is closed when the page is written, or the path of an SVG file. caption: read
    aloud as well. file: the same beside the page, for papers."""

    picture: Any
    caption: str = ""
    file: str = ""


class Section(NamedTuple):
    """figures: each a `Figure`, or a picture alone. table: rows of cells, the header first."""

    title: str
    text: str
    figures: Sequence[Any]
    table: Sequence[Sequence[str]] = ()


def write_page(
    path: Path, sections: Sequence[Section], footer: str, heading: str = "From hits to identity and mass"
) -> Path:
    """The same sections give the same bytes."""
    body = "\n".join(_to_html(section, number) for number, section in enumerate(sections))
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>e2e: {escape(heading)}</title><style>{_STYLE}</style></head>
<body><h1>{escape(heading)}</h1>
{_contents(sections)}{body}
<footer>{escape(footer)}; private work, fast simulation</footer></body></html>
"""
    write_text(path, page)
    return path


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < _CONTENTS_FROM:
        return ""
    links = (f'<li><a href="#s{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections))
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>\n'


def _to_html(section: Section, number: int) -> str:
    figures = [item if isinstance(item, Figure) else Figure(item) for item in section.figures]
    shown = "".join(_to_figure(figure, f"s{number}f{k}") for k, figure in enumerate(figures))
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    return (
        f'<section id="s{number}"><h2>{escape(section.title)}</h2>{text}{_to_table(section.table)}'
        + (f'<div class="figures">{shown}</div>' if shown else "")
        + "</section>"
    )


def _to_table(rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    if not rows:
        return ""
    body = "".join(line(row, "td") for row in rows[1:])
    return f'<div class="scroll"><table><thead>{line(rows[0], "th")}</thead><tbody>{body}</tbody></table></div>'


def _to_figure(figure: Figure, prefix: str) -> str:
    link = f' <a href="{escape(figure.file)}">{escape(Path(figure.file).suffix[1:].upper())}</a>' if figure.file else ""
    caption = f"<figcaption>{escape(figure.caption)}{link}</figcaption>" if figure.caption or link else ""
    label = f' aria-label="{escape(figure.caption)}"' if figure.caption else ""
    drawing = _to_svg(figure.picture, prefix).replace("<svg ", f'<svg role="img"{label} ', 1)
    return f"<figure>{drawing}{caption}</figure>"


def _to_svg(picture: Any, prefix: str) -> str:
    """As inline SVG, its ids made unique on the page."""
    if isinstance(picture, Path):
        text = picture.read_text(encoding="utf-8")
    else:
        from e2e.evaluation.plots import to_svg

        text = to_svg(picture)
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], count=1, flags=re.DOTALL)
    return re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
