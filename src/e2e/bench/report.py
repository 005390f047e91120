"""What `bench` found: JSON, a table, a page with plots; and what has changed since another time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scipy.stats import t as student_t

from e2e.evaluation.page import Section, write_page
from e2e.evaluation.plots import new_axes
from e2e.files import reading, write_json, write_text
from e2e.markdown import markdown_table
from e2e.problems import InputError

JSON, TABLE, PAGE = "bench.json", "table.md", "index.html"
CHANCE, LEAST_CHANGE = 0.003, 0.05  # that noise alone looks like a change; of a throughput, below which none counts

_CASE = ("bundle", "engine", "threads", "batch")
_HEAD = [
    *("bundle", "engine", "threads", "batch", "p50, ms", "p95, ms", "p99, ms", "candidates/s", "share of peak"),
    *("memory, MB", "load, s", "first answer, s"),
]


def read_saved(path: Path) -> dict[str, Any]:
    """Raises InputError for what is no `bench.json`."""
    with reading(path):
        text = (path / JSON if path.is_dir() else path).read_text(encoding="utf-8")
    try:
        result = json.loads(text)
        for row in result["rows"]:
            _case(row), float(row["candidates_per_second"]["value"]), float(row["candidates_per_second"]["error"])
        int(result["options"]["rounds"])
    except (ValueError, KeyError, TypeError):
        raise InputError(path, "not what e2e bench writes", "give its bench.json, or its folder") from None
    return result


def compare_with(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each case of both: the ratio of throughputs, now over before, with its error, and whether it has changed: by
    more than noise gives with a probability of CHANCE, where errors are known from a few rounds alone (Student's t)."""
    earlier = {_case(row): row for row in before["rows"]}
    freedom = sum(run["options"]["rounds"] - 1 for run in (before, now))
    most = float(student_t.ppf(1 - CHANCE / 2, freedom)) if freedom > 0 else math.inf
    changes = []
    for row in now["rows"]:
        if (was := earlier.get(_case(row))) is None:
            continue
        old, new = was["candidates_per_second"], row["candidates_per_second"]
        ratio = new["value"] / old["value"]
        error = ratio * math.hypot(new["error"] / new["value"], old["error"] / old["value"])
        has_changed = abs(ratio - 1) > max(most * error, LEAST_CHANGE)
        found = {"ratio": ratio, "error": error, "has_changed": has_changed}
        same_model = was["model_sha256"] == row["model_sha256"]
        changes.append({**{key: row[key] for key in _CASE}, **found, "is_same_model": same_model})
    return changes


def _case(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in _CASE)


def write_report(result: dict[str, Any], output: Path) -> None:
    write_json(output / JSON, result)
    write_text(output / TABLE, format_table(result))
    sections = [
        Section("Latency", "One call with one candidate, median and 99 % quantile.", [_latency_figure(result)]),
        Section("Throughput", "Candidates per second against the size of a batch.", list(_throughput_figures(result))),
        Section("All numbers", _about(result), [], [_HEAD, *_lines(result)]),
    ]
    if result.get("changes"):
        text = (
            f"Throughput, now over before; changed: by more than {LEAST_CHANGE:.0%} and than noise explains but for "
            f"{CHANCE:.1%} of the cases."
        )
        sections.append(Section("What has changed", text, [], _change_lines(result)))
    machine = result["machine"]
    footer = f"e2e {result['versions']['e2e']}; {machine['processor']}, {machine['cores']} cores, {machine['device']}"
    write_page(output / PAGE, sections, footer, heading="How fast the bundles answer")


def format_table(result: Mapping[str, Any]) -> str:
    """Markdown, for people and for the terminal."""
    text = markdown_table(_HEAD, _lines(result))
    if result.get("changes"):
        head, *changes = _change_lines(result)
        text += "\n\n" + markdown_table(head, changes)
    return f"{_about(result)}\n\n{text}\n"


def _about(result: Mapping[str, Any]) -> str:
    peaks = [
        f"{_of_what(key)}: {peak['flop_per_second'] / 1e9:.0f} Gflop/s in a product of matrices or a convolution, "
        f"{peak['bytes_per_second'] / 1e9:.0f} GB/s in a copy"
        for key, peak in result["peak"].items()
    ]
    rounds = result["options"]["rounds"]
    best = "; ".join(peaks)
    return f"{rounds} rounds in random order; errors are of the mean of the rounds. The machine's best: {best}."


def _of_what(key: str) -> str:
    """A number of threads, or a device."""
    return key if not key.isdigit() else f"{key} thread{'s' if key != '1' else ''}"


def _lines(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for row in result["rows"]:
        rate, share = row["candidates_per_second"], row.get("share_of_peak")
        yield [
            *(str(row[key]) for key in _CASE),
            *(f"{row[key]:.3g}" for key in ("p50_ms", "p95_ms", "p99_ms")),
            f"{rate['value']:.4g} ± {rate['error']:.2g}",
            "-" if share is None else f"{share:.0%}",
            f"{row['memory_bytes'] / 1e6:,.0f}",
            *(f"{row['start'][key]:.2g}" for key in ("load_s", "first_answer_s")),
        ]


def _change_lines(result: Mapping[str, Any]) -> list[list[str]]:
    lines = [["bundle", "engine", "threads", "batch", "now over before", "changed"]]
    for change in result["changes"]:
        verdict = "yes" if change["has_changed"] else "no"
        verdict += "" if change["is_same_model"] else " (another model)"
        cells = [str(change[key]) for key in _CASE]
        lines.append([*cells, f"{change['ratio']:.3f} ± {change['error']:.3f}", verdict])
    return lines


def _latency_figure(result: Mapping[str, Any]) -> Any:
    figure, axes = new_axes()
    smallest = min(row["batch"] for row in result["rows"])
    shown = [row for row in result["rows"] if row["batch"] == smallest]
    names = [f"{row['bundle']}, {row['engine']}, {row['threads']}" for row in shown]
    places = range(len(shown))
    axes.barh(places, [row["p50_ms"] for row in shown], height=0.6)
    axes.plot([row["p99_ms"] for row in shown], places, "|k", markersize=8)
    axes.set_yticks(places, names, fontsize=6)
    axes.set(xscale="log", xlabel=f"batch {smallest} [ms]")
    return figure


def _throughput_figures(result: Mapping[str, Any]) -> Iterator[Any]:
    for bundle in dict.fromkeys(row["bundle"] for row in result["rows"]):
        own = [row for row in result["rows"] if row["bundle"] == bundle]
        figure, axes = new_axes()
        for engine, threads in dict.fromkeys((row["engine"], row["threads"]) for row in own):
            line = [row for row in own if (row["engine"], row["threads"]) == (engine, threads)]
            rates = [row["candidates_per_second"] for row in line]
            values, errors = ([rate[key] for rate in rates] for key in ("value", "error"))
            label = f"{engine}, {threads} thread{'s' if threads != 1 else ''}"
            axes.errorbar([row["batch"] for row in line], values, yerr=errors, marker="o", label=label)
        axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="candidates per second", title=bundle)
        axes.legend(fontsize=7)
        yield figure
