"""The page: which sections, in which order, and what is written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from e2e import __version__
from e2e.evaluation.page import Section, write_page
from e2e.evaluation.plots import save_pdf
from e2e.files import make_folder, write_json
from e2e.problems import InputError
from e2e.report import (
    curves,
    gallery,
    quantity_numbers,
    quantity_sections,
    score_numbers,
    score_sections,
    sculpting,
)
from e2e.report.evaluations import Evaluation, read_evaluations

PAGE, JSON = "index.html", "report.json"


def report(evaluations: Sequence[Path], output: Path = Path("report")) -> dict[str, Any]:
    """Write `index.html`, a page that needs nothing beside it, of one evaluation, or of several on the same candidates;
    beside it every plot as PDF, and the numbers behind them in `report.json`, which are returned.

    evaluations: folders that `e2e evaluate` wrote. No network runs but for the saliency of some examples, where the
    bundle is still where it was. The same evaluations give the same page. Raises InputError for a folder that is no
    evaluation, is damaged, or was taken on other candidates than the first.
    """
    if not evaluations:
        raise InputError("report", "no evaluation", "give a folder that `e2e evaluate` wrote")
    found = read_evaluations(evaluations)
    sections, numbers = _collect(found)
    make_folder(output)
    result = {"e2e": __version__, "task": found[0].task.name, "candidates": len(found[0].answers), **numbers}
    write_json(output / JSON, result)
    for section in sections:
        for figure in section.figures:
            if figure.file:
                save_pdf(figure.picture, output / figure.file)
    heading = f"{found[0].task.title}: {', '.join(one.name for one in found)}"
    write_page(output / PAGE, sections, f"e2e {__version__}; all numbers: {JSON}", heading)
    return result


def summary(result: dict[str, Any]) -> str:
    """One line for each evaluation."""
    lines = [f"{result['task']}: {result['candidates']} candidates"]
    return "\n".join([*lines, *(f"  {name}" for name in result["evaluations"])])


def _collect(found: Sequence[Evaluation]) -> tuple[list[Section], dict[str, Any]]:
    is_score = found[0].task.output.kind == "probability"
    numbers_of: ModuleType = score_numbers if is_score else quantity_numbers
    sections_of: ModuleType = score_sections if is_score else quantity_sections
    differences, plotted = numbers_of.compare(found), [numbers_of.measure(one) for one in found]
    sections = [sections_of.summary(found, differences), *sections_of.sections(found, plotted)]
    if is_score:
        spectra = sculpting.find_spectra(found)
        bent = [sculpting.measure(one, spectra) for one in found]
        sections.append(sculpting.section(found, bent, spectra))
        plotted = [{**each, "background": background} for each, background in zip(plotted, bent, strict=True)]
    training, histories = curves.section(found)
    galleries = [gallery.section(one) for one in found]
    sections += [training, *(section for section, _ in galleries), _provenance(found)]
    numbers = {
        "differences": differences,
        "evaluations": {one.name: one.result for one in found},
        "plots": {
            one.name: {**each, "training": histories[one.name], "examples": examples}
            for one, each, (_, examples) in zip(found, plotted, galleries, strict=True)
        },
    }
    return sections, numbers


def _provenance(found: Sequence[Evaluation]) -> Section:
    rows = [["", *(one.name for one in found)]]
    for title, key in (("bundle", "bundle"), ("engine", "engine")):
        rows.append([title, *(str(one.result[key]) for one in found)])
    for key in dict.fromkeys(key for one in found for key in one.provenance):
        rows.append([key.replace("_", " "), *(_text(one.provenance.get(key, "")) for one in found)])
    rows.append(["evaluated on", *(_text(one.result["data"]) for one in found)])
    limits = " ".join(found[0].task.limits)
    return Section("Provenance", f"What was asked, made with what, of what. {limits}", [], rows)


def _text(value: Any) -> str:
    """JSON values for people."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(map(_text, value)) if any(isinstance(part, dict) for part in value) else str(value)
    return str(value)
