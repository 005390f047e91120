"""A comparison of codecs as a table in Markdown, as plots, and as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.evaluation.page import Figure, Section, write_page
from e2e.evaluation.plots import new_axes, save_pdf
from e2e.files import write_text
from e2e.markdown import markdown_table
from e2e.metrics import plus_minus
from e2e.tasks import TASKS

JSON, TABLE, PAGE = "codecs.json", "table.md", "index.html"

Row = Mapping[str, Any]
Number = Mapping[str, float | None] | None

_OF_CHANNEL = (
    "Precision: the share of found pixels that are pixels of the original; recall: of those, the share that is found. "
    "Energy: that of a candidate, found over original, median and half of the middle 68 %. Shapes: chi-square per bin "
    "of the showers' widths, 1 where they differ by chance alone."
)
_OF_RINGS = (
    "Found over original energy between two distances: median, and half of the middle 68 %. Drawn for the largest code "
    "of each kind."
)
_WIDTH, _HEIGHT = 4.7, 3.8  # of a figure: two beside each other on a page


def write_codecs(result: Mapping[str, Any], output: Path) -> None:
    write_text(output / TABLE, format_codecs(result))
    rows, unit = result["codecs"], _unit(result)
    bundles = [
        _figure(output, f"lost-{name}", rows, _lost(name), f"lost by {name}{unit}") for name in result["bundles"]
    ]
    sections = [Section("What a frozen bundle loses", _about(result), bundles, _main_lines(result))]
    for channel, own in _by_channel(rows):
        sections.append(
            Section(channel, _OF_CHANNEL, list(_channel_figures(output, own, channel)), _lines_of(own, channel))
        )
        if any(_rings(row, channel) for row in own):
            figures = [_ring_figure(output, own, channel, key) for key in ("response", "resolution")]
            title, text = f"{channel} in rings about the seed", _OF_RINGS
            sections.append(Section(title, text, figures, _ring_lines(own, channel)))
    footer = f"e2e {result['e2e']}; {result['task']}, {result['test_candidates']:,} test candidates"
    write_page(output / PAGE, sections, footer, heading="Bytes of a candidate, and what they are worth")


def format_codecs(result: Mapping[str, Any]) -> str:
    """Markdown: what counts, then each channel and its rings."""
    tables = [_main_lines(result)]
    for channel, own in _by_channel(result["codecs"]):
        tables.append(_lines_of(own, channel))
        if any(_rings(row, channel) for row in own):
            tables.append(_ring_lines(own, channel))
    return "\n\n".join([_about(result), *(markdown_table(lines[0], lines[1:]) for lines in tables)]) + "\n"


def _by_channel(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Each with the codecs that have it."""
    for channel in dict.fromkeys(channel for row in rows for channel in row["images"]):
        yield channel, [row for row in rows if channel in row["images"]]


def _about(result: Mapping[str, Any]) -> str:
    labels = {row["label_bytes"] for row in result["codecs"]}
    beside = ", ".join(f"{number:.0f}" for number in sorted(labels))
    return (
        f"{result['task']}, {result['test_candidates']:,} test candidates in blocks of {result['block']}. Bytes are of "
        f"the pixels; the labels, lossless, have {beside} more. Errors are of the test candidates; what is lost is a "
        f"difference on the same ones."
    )


def _unit(result: Mapping[str, Any]) -> str:
    output = TASKS[result["task"]].output
    return f" [{output.unit}]" if output.kind == "quantity" else ""


def _lost(bundle: str) -> Callable[[Row], Number]:
    """What is lost of the area, or gained in error."""

    def of(row: Row) -> Number:
        found = row["frozen"][bundle]
        return found["lost"] if "lost" in found else found["gained"]

    return of


def _main_lines(result: Mapping[str, Any]) -> list[list[str]]:
    """The head first."""
    is_tagger = TASKS[result["task"]].output.kind == "probability"
    what = ("area", "area lost") if is_tagger else ("mean absolute error", f"more error{_unit(result)}")
    head = ["codec", "bytes", "of lossless"]
    head += [f"{name}, {part}" for name in result["bundles"] for part in what]
    lines, floor = [head], result["codecs"][0]["bytes"]["value"] if result["codecs"] else None
    for row in result["codecs"]:
        cells = [row["codec"], plus_minus(row["bytes"], 1), f"{row['bytes']['value'] / floor:.3f}"]
        for name in result["bundles"]:
            found = row["frozen"][name]
            cells += [plus_minus(found["auc" if is_tagger else "mean_absolute_error"]["found"])]
            cells += [plus_minus(_lost(name)(row) or {"value": None, "error": None})]
        lines.append(cells)
    return lines


def _lines_of(rows: Sequence[Row], channel: str) -> list[list[str]]:
    head = [channel, "bytes", "precision", "recall", "pixels"]
    head += ["energy, response", "resolution", "shape eta", "shape phi"]
    lines = [head]
    for row in rows:
        found = row["images"][channel]
        energy, shapes = found.get("energy") or {}, found.get("shapes") or {}
        lines.append(
            [
                *(row["codec"], f"{row['bytes']['value']:.1f}"),
                *(_cell(found[key], 3) for key in ("precision", "recall")),
                f"{found['pixels']['found']:.1f}",
                *(_cell(energy.get(key), 3) for key in ("response", "resolution")),
                *("-" if shapes.get(key) is None else f"{shapes[key]:.1f}" for key in ("eta", "phi")),
            ]
        )
    return lines


def _cell(number: Number, digits: int) -> str:
    return "-" if number is None else plus_minus(number, digits)


def _rings(row: Row, channel: str) -> list[dict[str, Any]]:
    return row["images"][channel].get("rings") or []


def _name_of(ring: Mapping[str, Any]) -> str:
    return f"{ring['from']:g} to {ring['to']:g}" if ring["to"] is not None else f"from {ring['from']:g}"


def _ring_lines(rows: Sequence[Row], channel: str) -> list[list[str]]:
    """Response and resolution."""
    names = list(dict.fromkeys(_name_of(ring) for row in rows for ring in _rings(row, channel)))
    lines = [[f"{channel}, pixels from the seed", *names]]
    for row in rows:
        known = {
            _name_of(ring): f"{_cell(ring['response'], 2)}, {_cell(ring['resolution'], 2)}"
            for ring in _rings(row, channel)
        }
        lines.append([row["codec"], *(known.get(name, "-") for name in names)])
    return lines


def _channel_figures(output: Path, rows: Sequence[Row], channel: str) -> Iterator[Figure]:
    shown: dict[str, Callable[[Row], Number]] = {
        "precision": lambda row: row["images"][channel]["precision"],
        "recall": lambda row: row["images"][channel]["recall"],
    }
    if any(row["images"][channel].get("energy") for row in rows):
        shown["resolution of the energy"] = lambda row: (row["images"][channel].get("energy") or {}).get("resolution")
        shown["chi-square of the shape in eta"] = lambda row: _shape(row, channel, "eta")
        shown["chi-square of the shape in phi"] = lambda row: _shape(row, channel, "phi")
    for title, of in shown.items():
        yield _figure(output, f"{channel}-{title.replace(' of the', '').replace(' ', '-')}", rows, of, title)


def _shape(row: Row, channel: str, axis: str) -> Number:
    value = (row["images"][channel].get("shapes") or {}).get(axis)
    return None if value is None else {"value": value, "error": 0.0}


def _lines_through(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The rates of one source, in order."""
    for source in dict.fromkeys(row["source"] for row in rows):
        own = [row for row in rows if row["source"] == source]
        yield source, sorted(own, key=lambda row: row["bytes"]["value"])


def _figure(output: Path, name: str, rows: Sequence[Row], of: Callable[[Row], Number], title: str) -> Figure:
    """A score against the bytes of a candidate, a line for each source."""
    figure, axes = new_axes(width=_WIDTH, height=_HEIGHT)
    for source, own in _lines_through(rows):
        points = [(row["bytes"]["value"], number) for row in own if (number := of(row)) and number["value"] is not None]
        if points:
            values, errors = ([number[key] or 0.0 for _, number in points] for key in ("value", "error"))
            axes.errorbar([size for size, _ in points], values, yerr=errors, marker="o", markersize=4, label=source)
    axes.set(xscale="log", xlabel="bytes of a candidate's pixels", ylabel=title)
    axes.legend(fontsize=7)
    save_pdf(figure, output / f"{name}.pdf")
    return Figure(figure, f"{title[:1].upper()}{title[1:]}.", f"{name}.pdf")


def _ring_figure(output: Path, rows: Sequence[Row], channel: str, key: str) -> Figure:
    figure, axes = new_axes(width=_WIDTH, height=_HEIGHT)
    for source, own in _lines_through(rows):
        rings = [ring for ring in _rings(own[-1], channel) if ring[key]["value"] is not None]
        values, errors = ([ring[key][part] or 0.0 for ring in rings] for part in ("value", "error"))
        axes.errorbar([_name_of(ring) for ring in rings], values, errors, marker="o", markersize=3, label=source)
    axes.tick_params(axis="x", labelsize=7)
    axes.set(xlabel="pixels from the seed", ylabel=f"{channel}, {key} of the energy")
    axes.legend(fontsize=7)
    name = f"{channel}-rings-{key}"
    save_pdf(figure, output / f"{name}.pdf")
    return Figure(figure, f"{key.capitalize()} of the energy in rings.", f"{name}.pdf")
