"""How much do a bundle's answers move when the detector, the pile-up or the generator is another?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from e2e.bundles import load_bundle
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation.evaluate import check_unseen
from e2e.evaluation.quantity import check_signal, measure_response, span_of
from e2e.evaluation.variations import SEED, VARIATIONS, Variation
from e2e.files import make_folder, write_json, write_text
from e2e.inference.engine import Engine, load_engine
from e2e.markdown import markdown_table
from e2e.metrics import FloatArray, Measured, area_under_curve, bootstrap, paired_areas, plus_minus
from e2e.problems import InputError
from e2e.tasks import TASKS, Task

TABLE, JSON = "stress.md", "stress.json"
NOMINAL = "none"
_BATCH = 256


def stress(
    bundle: Path,
    data: Sequence[Path],
    output: Path = Path("stress"),
    *,
    others: Sequence[tuple[str, Path]] = (),
    engine: str = "onnxruntime",
) -> dict[str, Any]:
    """Ask a bundle again about changed candidates; writes `stress.json` and `stress.md` into `output`, returns the
    numbers.

    data: candidates that it has not seen; each of `VARIATIONS` is applied to them, so that only the change differs: who
    is a candidate, and its seed, stay as they were. others: (name, input): samples made otherwise, with more pile-up,
    say, or another seed or tune of the generator.
    Measured is, of a quantity, what `measure_response` says of the signal, and the shift of the median difference to
    the truth; of a score, the area under the curve and its shift.
    Raises InputError for data that cannot be read, are of another task, or were trained on.
    """
    loaded = load_bundle(bundle)
    task = TASKS[loaded.contract.task]
    runner = load_engine(loaded, engine)
    names = [NOMINAL, *VARIATIONS, *(name for name, _ in others)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError("stress", f"two samples are named {twice[0]!r}", "give each its own name")

    def load(inputs: Sequence[Path]) -> CandidateSet:
        candidates = load_candidates(task, inputs, frame=loaded.contract.frame)
        check_unseen(bundle, loaded.contract.training.get("data", []), candidates)
        return candidates

    nominal, samples = load(data), [(name, load([path])) for name, path in others]
    make_folder(output)
    measure = _Score(nominal) if task.output.kind == "probability" else _Quantity(task, nominal)
    ask = partial(_outputs, runner, loaded.contract.num_own)
    first = ask(nominal)
    rows = [{"variation": NOMINAL, "candidates": measure.count(nominal), **measure.of(first, nominal)}]
    for name, vary in VARIATIONS.items():
        again = ask(nominal, vary)
        found = {**measure.of(again, nominal), "shift": measure.paired_shift(first, again).to_json()}
        rows.append({"variation": name, "candidates": measure.count(nominal), **found})
    for name, sample in samples:
        found = measure.of(ask(sample), sample)
        shift = _shift(found, rows[0], measure.key)
        rows.append({"variation": name, "candidates": measure.count(sample), **found, "shift": shift})
    about = {"task": task.name, "bundle": str(bundle), "unit": task.output.unit, "data": nominal.provenance}
    result = {**about, "shift_of": measure.key, "rows": rows}
    write_json(output / JSON, result)
    write_text(output / TABLE, format_table(result))
    return result


def format_table(result: dict[str, Any]) -> str:
    """Markdown."""
    keys = [key for key in result["rows"][1] if key not in ("variation", "candidates")]
    shown = {"shift": f"shift of the {result['shift_of'].replace('_', ' ')}"}
    heads = [shown.get(key, key.replace("_", " ")) for key in keys]
    lines = []
    for row in result["rows"]:
        cells = [plus_minus(row[key]) if key in row else "" for key in keys]
        lines.append([row["variation"], f"{row['candidates']:,}", *cells])
    return markdown_table(["variation", "candidates", *heads], lines) + "\n"


def _outputs(engine: Engine, num_own: int, candidates: CandidateSet, vary: Variation | None = None) -> FloatArray:
    """(candidates, columns of the task's own output)."""
    rng, frame = np.random.default_rng(SEED), candidates.candidates.spec
    parts = [
        engine.run(packed if vary is None else vary(packed, frame, rng)) for packed, _ in candidates.batches(_BATCH)
    ]
    return np.concatenate(parts)[:, :num_own].astype(np.float64)


class _Quantity:
    """Of the signal inside the trained range: the response to it."""

    key = "median_bias"

    def __init__(self, task: Task, nominal: CandidateSet) -> None:
        self.task, self.nominal = task, nominal

    def count(self, candidates: CandidateSet) -> int:
        """Of those that are measured."""
        return int(candidates.is_measured(self.task).sum())

    def of(self, outputs: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
        return measure_response(*self._measured(outputs, candidates))

    def paired_shift(self, first: FloatArray, again: FloatArray) -> Measured:
        """On the same candidates."""
        (one, truth, _), (other, _, _) = (self._measured(outputs, self.nominal) for outputs in (first, again))
        return bootstrap(lambda a, b: float(np.median(b) - np.median(a)), one - truth, other - truth)

    def _measured(self, outputs: FloatArray, candidates: CandidateSet) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Estimates, the truth, and the outputs, of what is measured."""
        is_measured = candidates.is_measured(self.task)
        check_signal("stress", self.task, int(is_measured.sum()))
        truth, given = candidates.target[is_measured].astype(np.float64), outputs[is_measured]
        return np.clip(given[:, 0], span_of(self.task, truth)[0], None), truth, given


class _Score:
    key = "area_under_the_curve"

    def __init__(self, nominal: CandidateSet) -> None:
        self.is_signal = nominal.target > 0.5

    def count(self, candidates: CandidateSet) -> int:
        return len(candidates)

    def of(self, outputs: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
        return {self.key: area_under_curve(outputs[:, 0], candidates.target > 0.5).to_json()}

    def paired_shift(self, first: FloatArray, again: FloatArray) -> Measured:
        """On the same candidates."""
        if self.is_signal.all() or not self.is_signal.any():
            return Measured(float("nan"), float("nan"))
        one, other = (area_under_curve(outputs[:, 0], self.is_signal).value for outputs in (first, again))
        areas = paired_areas([first[:, 0], again[:, 0]], self.is_signal, repeats=200)
        return Measured(other - one, float((areas[:, 1] - areas[:, 0]).std(ddof=1)))


def _shift(found: dict[str, Any], nominal: dict[str, Any], key: str) -> dict[str, float | None]:
    """Of independent samples."""
    one, other = found[key], nominal[key]
    if None in (*one.values(), *other.values()):
        return {"value": None, "error": None}
    return Measured(one["value"] - other["value"], float(np.hypot(one["error"], other["error"]))).to_json()
