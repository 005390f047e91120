"""The windows that networks look at, with their answers: rows of `e2e.inference.predict` joined to the events shown."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle, load_bundle
from e2e.contract import GRIDS, FrameSpec
from e2e.contract.grids import ENDCAP_ROWS
from e2e.detector.geometry import barrel_position
from e2e.detector.grids import FIRST_COLUMN_DEG, barrel_crystal, barrel_pixel, endcap_row_edges
from e2e.display.selection import Shown, identity
from e2e.events.store import write_events
from e2e.inference.predict import predict
from e2e.problems import InputError, Problems

Crop = dict[str, Any]

_SAME = ("source", "matches_electron", "eta", "phi", "pt", "seed_ieta", "seed_iphi", "share_outside")


def describe_bundles(bundles: Sequence[Path]) -> tuple[list[Bundle], list[dict[str, Any]]]:
    """The bundles, and what the page says of each. Raises InputError for one that cannot be used, or comes twice."""
    loaded = [load_bundle(path) for path in bundles]
    names = [bundle.path.name for bundle in loaded]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError("display", f"two bundles of the name {min(twice)}", "give each once")
    described = []
    for bundle in loaded:
        contract = bundle.contract
        outputs = [asdict(output) for output in contract.outputs]
        frame = contract.frame
        described.append(
            {
                "name": bundle.path.name,
                "title": contract.title,
                "task": contract.task,
                "frame": f"{frame.rows} x {frame.columns} of the {frame.grid} grid: {', '.join(frame.channels)}",
                "outputs": outputs,
                "model_sha256": contract.files["model.onnx"].sha256,
            }
        )
    return loaded, described


def find_crops(bundles: Sequence[Bundle], shown: Sequence[Shown], problems: Problems) -> list[list[Crop]]:
    """Of each event its crops, candidates as `predict` finds them; one for all bundles that cut the same window.

    A crop: what `predict` says of the candidate, `window` (see `window_of`), and `answers`: by the bundle's name and
    the output's, null where there is no finite one. A bundle without any candidate is a warning.
    """
    crops: list[dict[tuple[Any, ...], Crop]] = [{} for _ in shown]
    with tempfile.TemporaryDirectory(prefix="e2e-display-") as folder:
        store = Path(folder) / "events.parquet"
        # numbered by their places: events of two files may have the same number
        write_events(store, (_numbered(one, place) for place, one in enumerate(shown)))
        for bundle in bundles:
            answered = predict(bundle, [store])
            name, frame = bundle.path.name, bundle.contract.frame
            problems += [replace(one, where=_place_of(one.where, name, shown)) for one in answered.problems]
            rows = answered.to_json()
            if not rows:
                what = f"no candidates for bundle {name} ({bundle.contract.title}) in these events"
                problems.report("display", what, "its crops are empty", "warning")
            for row in rows:
                window = window_of(frame, row["seed_ieta"], row["seed_iphi"])
                key = (tuple(window.values()), *(row[column] for column in _SAME[:-1]))
                if not np.isfinite(row["share_outside"]):
                    row["share_outside"] = None
                crop = crops[row["event"]].setdefault(
                    key, {column: row[column] for column in _SAME} | {"window": window, "answers": {}}
                )
                crop["answers"][name] = {output: row[output] for output in bundle.contract.output_names}
    return [sorted(of_event.values(), key=lambda crop: -crop["pt"]) for of_event in crops]


def _place_of(where: str, bundle: str, shown: Sequence[Shown]) -> str:
    """Of a problem in the store of numbered events: the bundle, and the event by its own number if it names one."""
    named = re.search(r": run \d+ event (\d+)", where)
    if named is None:
        return f"bundle {bundle}"
    number = ":".join(map(str, identity(shown[int(named[1])].events)))
    return f"bundle {bundle}: {number}{where[named.end() :]}"


def _numbered(one: Shown, place: int) -> Any:
    return replace(one.events, event=np.array([place], dtype=np.uint64))


def window_of(frame: FrameSpec, seed_ieta: int, seed_iphi: int) -> dict[str, Any]:
    """Where the window around a seed lies: `eta` (low, high) as far as the grid goes, `phi` where it begins and how
    wide it is (radian), `size` in pixels, `grid`.

    The seed is numbered as in the rows of `predict`, that is as crystals of the barrel, continued into the endcaps.
    """
    grid = frame.parent
    seed = barrel_pixel(seed_ieta, seed_iphi)
    row = int(seed.row) + (ENDCAP_ROWS if frame.grid == "stitched" else 0) - frame.centre_row
    edges = row_edges(frame.grid)
    low, high = (min(max(edge, 0), grid.rows) for edge in (row, row + frame.rows))
    column = int(seed.column) - frame.centre_column
    if frame.is_whole:
        low, high, column = 0, grid.rows, 0
    first_phi = np.deg2rad(FIRST_COLUMN_DEG + column)
    return {
        "eta": (float(edges[low]), float(edges[high])),
        "phi": (float((first_phi + np.pi) % (2 * np.pi) - np.pi), float(np.deg2rad(frame.columns))),
        "size": (frame.rows, frame.columns),
        "grid": frame.grid,
    }


@cache
def row_edges(grid: str) -> NDArray[np.float64]:
    """eta between the rows of an ECAL grid, (rows + 1,): half way between crystals, the mean over their columns."""
    rows = GRIDS["barrel"].rows
    row, column = np.indices((rows, GRIDS["barrel"].columns))
    centre = barrel_position(*barrel_crystal(row, column)).eta.mean(axis=1)
    inner = (centre[1:] + centre[:-1]) / 2
    outer = endcap_row_edges()  # ascending from the barrel's end
    barrel = np.concatenate(([-outer[0]], inner, [outer[0]]))
    if grid == "barrel":
        return barrel
    return np.concatenate((-outer[:0:-1], barrel, outer[1:]))
