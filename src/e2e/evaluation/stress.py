"""How much do a bundle's answers move when the detector, the pile-up or the generator is another?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e.bundles import load_bundle
from e2e.datasets import CandidateSet, load_candidates
from e2e.evaluation.evaluate import check_unseen
from e2e.evaluation.variations import SEED, VARIATIONS, Variation
from e2e.files import make_folder, write_json
from e2e.inference.engine import Engine, load_engine
from e2e.metrics import FloatArray, Measured, area_under_curve, bootstrap, half_width_68
from e2e.problems import InputError
from e2e.tasks import TASKS, Task

TABLE, JSON = "stress.md", "stress.json"
_BATCH = 1024


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

    data: candidates that it has not seen; each of `VARIATIONS` is applied to them, so that only the change differs.
    others: (name, input): samples made otherwise, with more pile-up, say, or another seed or tune of the generator.
    Measured is, of a quantity, the median difference to the truth of the signal and half the width of its middle 68 %;
    of a score, the area under the curve; and the shift of each from what it is on `data`.
    Raises InputError for data that cannot be read, are of another task, or were trained on.
    """
    loaded = load_bundle(bundle)
    task = TASKS[loaded.contract.task]
    runner = load_engine(loaded, engine)
    names = [name for name, _ in others]
    if len(set(names)) < len(names) or set(names) & VARIATIONS.keys():
        raise InputError("stress", f"a name is given twice: {', '.join(names)}", "give each sample its own")
    samples = {}
    for name, inputs in (("nominal", list(data)), *((name, [path]) for name, path in others)):
        samples[name] = load_candidates(task, inputs, frame=loaded.contract.frame)
        check_unseen(bundle, loaded.contract.training.get("data", []), samples[name])
    make_folder(output)
    nominal = samples.pop("nominal")
    measure = _Score(nominal) if task.output.kind == "probability" else _Quantity(task, nominal)
    answer = _answers(runner, nominal)
    rows = [{"variation": "none", "candidates": len(nominal), **measure.of(answer, nominal)}]
    for name, vary in VARIATIONS.items():
        varied = _answers(runner, nominal, vary)
        rows.append({"variation": name, "candidates": len(nominal), **measure.shift(answer, varied)})
    for name, sample in samples.items():
        varied = _answers(runner, sample)
        rows.append({"variation": name, "candidates": len(sample), **measure.against(answer, varied, sample)})
    result = {
        "task": task.name,
        "bundle": str(bundle),
        "unit": task.output.unit,
        "data": nominal.provenance,
        "rows": rows,
    }
    write_json(output / JSON, result)
    (output / TABLE).write_text(format_table(result), encoding="utf-8")
    return result


def format_table(result: dict[str, Any]) -> str:
    """Markdown."""
    keys = [key for key in result["rows"][1] if key not in ("variation", "candidates")]
    lines = [["variation", "candidates", *(key.replace("_", " ") for key in keys)], ["---"] * (2 + len(keys))]
    for row in result["rows"]:
        lines.append([row["variation"], f"{row['candidates']:,}", *(_cell(row.get(key)) for key in keys)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(number: dict[str, float | None] | None) -> str:
    if number is None:
        return ""
    if number["value"] is None or number["error"] is None:
        return "not measurable"
    return f"{number['value']:.4f} ± {number['error']:.4f}"


def _answers(engine: Engine, candidates: CandidateSet, vary: Variation | None = None) -> FloatArray:
    """(candidates,): the bundle's first output."""
    rng, frame = np.random.default_rng(SEED), candidates.candidates.spec
    parts = [
        engine.run(packed if vary is None else vary(packed, frame, rng))[:, 0]
        for packed, _ in candidates.batches(_BATCH)
    ]
    return np.concatenate(parts).astype(np.float64)


class _Quantity:
    """Of the signal: median and width of the differences to the truth."""

    def __init__(self, task: Task, nominal: CandidateSet) -> None:
        self.task = task
        self.is_signal, self.truth = self._signal(nominal)

    def _signal(self, candidates: CandidateSet) -> tuple[Any, FloatArray]:
        is_signal = candidates.is_signal(self.task)
        if not is_signal.any():
            raise InputError("stress", f"no {self.task.signal.name} among the candidates", "give some")
        return is_signal, candidates.target[is_signal].astype(np.float64)

    def of(self, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
        is_signal, truth = self._signal(candidates)
        residual = answer[is_signal] - truth
        bias, width = bootstrap(_median, residual), bootstrap(half_width_68, residual)
        return {"median_bias": bias.to_json(), "width": width.to_json()}

    def shift(self, answer: FloatArray, varied: FloatArray) -> dict[str, Any]:
        one, other = (given[self.is_signal] - self.truth for given in (answer, varied))
        moved = bootstrap(lambda a, b: _median(b) - _median(a), one, other)
        wider = bootstrap(lambda a, b: half_width_68(b) / half_width_68(a), one, other)
        bias, width = bootstrap(_median, other), bootstrap(half_width_68, other)
        return {
            "median_bias": bias.to_json(),
            "width": width.to_json(),
            "shift_of_the_median": moved.to_json(),
            "width_over_nominal": wider.to_json(),
        }

    def against(self, answer: FloatArray, varied: FloatArray, sample: CandidateSet) -> dict[str, Any]:
        one = answer[self.is_signal] - self.truth
        is_signal, truth = self._signal(sample)
        other = varied[is_signal] - truth
        (bias, width), (b, w) = ((bootstrap(_median, r), bootstrap(half_width_68, r)) for r in (one, other))
        ratio = w.value / width.value
        error = ratio * np.hypot(w.error / w.value, width.error / width.value)
        return {
            "median_bias": b.to_json(),
            "width": w.to_json(),
            "shift_of_the_median": _difference(b, bias).to_json(),
            "width_over_nominal": Measured(ratio, float(error)).to_json(),
        }


class _Score:
    """The area under the curve."""

    def __init__(self, nominal: CandidateSet) -> None:
        self.is_signal = nominal.target > 0.5

    def of(self, answer: FloatArray, candidates: CandidateSet) -> dict[str, Any]:
        return {"area_under_the_curve": area_under_curve(answer, candidates.target > 0.5).to_json()}

    def shift(self, answer: FloatArray, varied: FloatArray) -> dict[str, Any]:
        def moved(a: FloatArray, b: FloatArray, truth: FloatArray) -> float:
            return area_under_curve(b, truth).value - area_under_curve(a, truth).value

        area, shift = area_under_curve(varied, self.is_signal), bootstrap(moved, answer, varied, self.is_signal)
        return {"area_under_the_curve": area.to_json(), "shift": shift.to_json()}

    def against(self, answer: FloatArray, varied: FloatArray, sample: CandidateSet) -> dict[str, Any]:
        area = area_under_curve(varied, sample.target > 0.5)
        moved = _difference(area, area_under_curve(answer, self.is_signal))
        return {"area_under_the_curve": area.to_json(), "shift": moved.to_json()}


def _median(values: FloatArray) -> float:
    return float(np.median(values))


def _difference(one: Measured, other: Measured) -> Measured:
    """Of independent samples."""
    return Measured(one.value - other.value, float(np.hypot(one.error, other.error)))
