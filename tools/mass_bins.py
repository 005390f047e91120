"""Mean absolute error and resolution of several bundles in bins of the true mass, as a table of docs/results.md.

    e2e evaluate BUNDLE DATA -o EVALUATION        for each
    python tools/mass_bins.py EVALUATION...

A folder's name is the name of its columns; the simple guesses are those of the first. The last line is the whole range.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from e2e.metrics import plus_minus

GUESSES = ("constant", "pt_only", "calorimeter_mass")


def main(folders: list[Path]) -> None:
    results = {folder.name: json.loads((folder / "evaluation.json").read_text()) for folder in folders}
    first = next(iter(results.values()))
    guesses = [name for name in GUESSES if name in first["mean_absolute_error"]]
    heads = [f"true mass [{first['unit']}]", "candidates", *(f"{name}: error" for name in guesses)]
    heads += [f"{name}: {what}" for name in results for what in ("error", "half width", "coverage")]
    print(_line(heads), _line(["---"] * len(heads)), sep="\n")
    for number, row in enumerate(first["by_true_value"]):
        cells = [f"{row['low']:g}-{row['high']:g}", f"{row['candidates']:,}"]
        cells += [f"{row['mean_absolute_error'][name]['value']:.3g}" for name in guesses]
        for result in results.values():
            cells += _cells(result["by_true_value"][number], result["by_true_value"][number]["mean_absolute_error"])
        print(_line(cells))
    cells = ["all", f"{first['signal_candidates']:,}"]
    cells += [f"{first['mean_absolute_error'][name]['value']:.3g}" for name in guesses]
    for result in results.values():
        cells += _cells(result["whole_range"], result["mean_absolute_error"])
    print(_line(cells))


def _cells(measured: dict[str, Any], errors: dict[str, Any]) -> list[str]:
    coverage = plus_minus(measured["coverage"]) if "coverage" in measured else ""
    return [plus_minus(errors["network"]), plus_minus(measured["resolution_68"]), coverage]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
