"""Mean absolute error, half width and coverage in bins of the true mass of a comparison, as a table of docs/results.md.

    e2e compare TASK ... -o COMPARISON
    python tools/mass_bins.py COMPARISON [MODEL...]

The networks are those named, or all; of the simple guesses the error alone. The last line is the whole range.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from e2e.metrics import plus_minus

GUESSES = ("constant", "calorimeter_mass")


def main(folder: Path, names: list[str]) -> None:
    result = json.loads((folder / "comparison.json").read_text())
    rows = {row["model"]: row for row in [*result["models"], *result["classical"]]}
    networks = [rows[name] for name in names or [row["model"] for row in result["models"]]]
    guesses = [rows[name] for name in GUESSES if name in rows]
    heads = ["true mass", "candidates", *(f"{row['model']}: error" for row in guesses)]
    heads += [f"{row['model']}: {what}" for row in networks for what in ("error", "half width", "coverage")]
    print(_line(heads), _line(["---"] * len(heads)), sep="\n")
    bins = networks[0]["by_true_value"]
    for number, own in enumerate(bins):
        cells = [f"{own['low']:g}-{own['high']:g}", f"{own['candidates']:,}"]
        cells += [f"{_error(row['by_true_value'][number])['value']:.3g}" for row in guesses]
        print(_line(cells + [cell for row in networks for cell in _cells(row["by_true_value"][number])]))
    cells = ["all", f"{sum(own['candidates'] for own in bins):,}"]
    cells += [f"{_error(row)['value']:.3g}" for row in guesses]
    print(_line(cells + [cell for row in networks for cell in _cells({**row, **row["whole_range"]})]))


def _error(measured: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = measured["mean_absolute_error"]
    return found


def _cells(measured: dict[str, Any]) -> list[str]:
    return [plus_minus(each) for each in (_error(measured), measured["resolution_68"], measured["coverage"])]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
