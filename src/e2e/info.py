"""What is in a file or folder, in words; with the average images if asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from e2e.compression.compressed_file import is_compressed
from e2e.compression.describe import describe_compressed
from e2e.datasets.describe import Description, average_images, describe
from e2e.datasets.look import raise_first
from e2e.datasets.source import Options
from e2e.evaluation.plots import average_images_figure, save
from e2e.files import replacing
from e2e.problems import InputError


def info(
    inputs: Sequence[Path],
    *,
    plot: Path | None = None,
    task: str | None = None,
    channels: Sequence[str] | None = None,
    endcap_factor: float = 1.0,
    hcal_factor: float = 1.0,
) -> Description:
    """Describe files and folders of any format that `convert` takes, or files of compressed candidates.

    plot: a picture (SVG) to write, of the average image of each kind and channel. task: for events that do not say what
    they were simulated for. The others: of images, see `convert`. Raises InputError where nothing can be understood, or
    there is nothing to draw.
    """
    if plot is not None and plot.suffix != ".svg":
        raise InputError(plot, "the picture is an SVG", "give a name ending in .svg")
    compressed = [path for path in inputs if path.is_file() and is_compressed(path)]
    if compressed and len(compressed) < len(inputs):
        raise InputError(compressed[0], "compressed candidates, beside other files", "ask for them apart")
    options = Options(task, channels, endcap_factor, hcal_factor)
    found = describe_compressed(compressed) if compressed else describe(inputs, options)
    if plot is not None:
        if found.frame is None or found.sample is None or not len(found.sample):
            raise_first(found.problems)
            remedy = "give files with some, and --task for events that do not say what to cut"
            raise InputError(plot, "no candidates to draw", remedy)
        figure = average_images_figure(found.frame, average_images(found.sample, found.task))
        with replacing(plot) as hidden:
            save(figure, hidden)
    return found


def format_info(found: Description) -> str:
    """A few lines."""
    said = found.to_json()
    lines = [f"{', '.join(said['formats'])}: {said['files']} files, {said['bytes'] / 1e6:.1f} MB"]
    for kind, count in found.counts.items():
        lines.append(f"{count} {kind}" + (f", {found.bytes[kind] / count:.0f} bytes each" if count else ""))
    if "rows_per_event" in said:
        lines.append("rows an event: " + ", ".join(f"{name} {rows:g}" for name, rows in said["rows_per_event"].items()))
    if found.frame is not None:
        frame = found.frame
        channels = ", ".join(f"{channel['name']} [{channel['unit']}]" for channel in frame.to_json()["channels"])
        lines.append(f"task {found.task}: {frame.rows} x {frame.columns} of the {frame.grid} grid: {channels}")
    if found.codec is not None:
        each = ", ".join(f"{size:g} of {name}" for name, size in found.codec["bytes_per_candidate"].items())
        lines.append(f"codec {found.codec['name']}: bytes of a candidate: {each}")
    if "sample" in said:
        lines += _sample_lines(said["sample"])
    lines += [f"made by: {entry}" for entry in said["provenance"]]
    return "\n".join(lines)


def _sample_lines(sample: dict[str, Any]) -> list[str]:
    pixels = sample["pixels_per_candidate"]
    lines = [
        f"of {sample['candidates']} candidates: "
        + ", ".join(f"{n} {kind}" for kind, n in sample["kinds"].items() if n),
        f"{pixels['mean']:.0f} occupied pixels each (at most {pixels['max']}), {sample['empty_fraction']:.2%} empty: "
        + ", ".join(f"{name} {count:g}" for name, count in sample["pixels_per_channel"].items()),
    ]
    if sample["pt"]:
        lines.append("pT {:g} to {:g} GeV, median {:g}".format(sample["pt"][0], sample["pt"][2], sample["pt"][1]))
    return lines
