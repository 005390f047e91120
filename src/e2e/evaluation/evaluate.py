"""Evaluate a bundle on simulated events it has not seen: numbers with errors, and the plots beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e import __version__
from e2e.bundles import Bundle, load_bundle
from e2e.bundles.contract_file import Contract
from e2e.datasets import load_candidates
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.fingerprint import is_simulated
from e2e.evaluation.answers import ANSWERS, write_answers
from e2e.evaluation.beside import measure_beside
from e2e.evaluation.examples import EXAMPLES, choose_examples, write_examples
from e2e.evaluation.plots import plot_evaluation
from e2e.evaluation.quantity import measure_quantity
from e2e.evaluation.score import measure_score
from e2e.files import make_folder, write_json, writing
from e2e.inference.engine import Engine, load_engine
from e2e.inference.names import Precision
from e2e.metrics import plus_minus
from e2e.problems import InputError
from e2e.tasks import TASKS

EVALUATION = "evaluation.json"
IDENTITY = ("task", "bundle", "engine", "data", "made_with")  # what its answers say of themselves, too


def evaluate(
    bundle: Path,
    data: Sequence[Path],
    output: Path = Path("evaluation"),
    *,
    engine: str = "onnxruntime",
    precision: Precision = "fp32",
    batch_size: int = 256,
) -> dict[str, Any]:
    """Write `evaluation.json` and plots (SVG) of a bundle's answers to the folder `output`; returns the numbers.

    Beside them `answers.parquet`, every candidate with its answer, and `examples.parquet`, a few with their pixels:
    what `e2e report` reads. A number that the data do not give (one class only, say) is null. Raises InputError for
    data of another task, or made with the seed the bundle was trained with.
    """
    loaded = load_bundle(bundle)
    runner = load_engine(loaded, engine, precision=precision)
    candidates = load_candidates(TASKS[loaded.contract.task], data, frame=loaded.contract.frame)
    check_unseen(bundle, loaded.contract.training.get("data", []), candidates)
    return evaluate_on(loaded, runner, candidates, output, batch_size)


def evaluate_on(
    loaded: Bundle, runner: Engine, candidates: CandidateSet, output: Path, batch_size: int = 256
) -> dict[str, Any]:
    """As `evaluate`, on candidates that are there and known to be unseen. runner: the bundle's."""
    task = TASKS[loaded.contract.task]
    make_folder(output)
    outputs = np.concatenate([runner.run(packed) for packed, _ in candidates.batches(batch_size)]).astype(np.float64)
    own = outputs[:, : loaded.contract.num_own]
    is_score = task.output.kind == "probability"
    measure, given = (measure_score, own[:, 0]) if is_score else (measure_quantity, own)
    result = {
        "task": task.name,
        "bundle": str(loaded.path),
        "engine": runner.label,
        "candidates": len(candidates),
        "data": candidates.provenance,
        "published": task.published,
        **measure(task, given, candidates),
        "beside": measure_beside(task, loaded.contract.model.answers[1:], outputs[:, own.shape[1] :], candidates),
        "made_with": _provenance(loaded.contract),
    }
    with writing(output / EVALUATION):  # written last: until then there is no evaluation, rather than half of two
        (output / EVALUATION).unlink(missing_ok=True)
    plot_evaluation(task, own, candidates, output)
    about = {key: result[key] for key in IDENTITY} | {"num_own": loaded.contract.num_own}
    write_answers(output / ANSWERS, task, candidates, loaded.contract.output_names, outputs, about)
    chosen = choose_examples(task, own, candidates)
    write_examples(output / EXAMPLES, task, candidates, chosen, result["made_with"]["model_sha256"])
    write_json(output / EVALUATION, result)
    return result


def _provenance(contract: Contract) -> dict[str, Any]:
    """Of the network, and of this measurement."""
    kept = ("data", "candidates", "seed", "epochs trained", "selection", "machine")
    return {
        "e2e": __version__,
        "network": contract.model.family,
        "parameters": contract.model.num_parameters,
        "model_sha256": contract.files["model.onnx"].sha256,
        "exported_with": dict(contract.provenance),
        "training": {key: contract.training[key] for key in kept if key in contract.training},
    }


def check_unseen(where: object, trained_on: Sequence[dict[str, Any]], candidates: CandidateSet) -> None:
    """Raises InputError where candidates are of events that were trained on.

    Another number of events or another gun does not make the same random stream unseen. What was not simulated is
    known by the fingerprint of its file, if it has one."""
    streams = {(entry["process"], entry["seed"]) for entry in trained_on if is_simulated(entry)}
    files = {entry["fingerprint"] for entry in trained_on if "fingerprint" in entry}
    for entry in candidates.provenance:
        if is_simulated(entry) and (entry["process"], entry["seed"]) in streams:
            what = f"was trained on process {entry['process']} with seed {entry['seed']}"
            raise InputError(where, what, "evaluate on events of another seed")
        if entry.get("fingerprint") in files:
            what = f"was trained on {entry.get('input', 'the same file')}"
            raise InputError(where, what, "evaluate on another file")


def summary(result: dict[str, Any]) -> str:
    """The main numbers in a few lines."""
    own = _lines_of_score if "auc" in result else _lines_of_quantity
    beside = [
        f"  beside it, {name}, {key.replace('_', ' ')}  {plus_minus(value)} {value.get('unit', '')}".rstrip()
        for name, found in result["beside"].items()
        for key, value in found.items()
    ]
    return "\n".join([f"{result['task']}: {result['candidates']} candidates", *own(result), *beside])


def _lines_of_score(result: dict[str, Any]) -> list[str]:
    lines = [f"  area under the curve  {plus_minus(result['auc'])}"]
    if "auc_at_published_pt" in result:
        low, high = result["published"]["pt"]
        lines.append(f"  at pT {low:.0f} to {high:.0f} GeV  {plus_minus(result['auc_at_published_pt'])}")
    lines += [f"  rejection at {key:<8} {plus_minus(value)}" for key, value in result["rejection"].items()]
    by_pt = result["by_pt"]
    return lines + [f"  AUC, pT {row['low']:.0f}-{row['high']:.0f} GeV: {plus_minus(row['auc'])}" for row in by_pt]


def _lines_of_quantity(result: dict[str, Any]) -> list[str]:
    unit, whole = result["unit"], result["whole_range"]
    lines = [f"  mean absolute error, {k:<17}{plus_minus(v)} {unit}" for k, v in result["mean_absolute_error"].items()]
    lines.append(f"  bias  {plus_minus(whole['median_bias'])} {unit}")
    lines.append(f"  resolution  {plus_minus(whole['resolution_68'])} {unit}")
    if "coverage" in whole:
        lines.append(f"  coverage of the interval  {plus_minus(whole['coverage'])}")
    for row in result["by_true_value"]:
        error, width = row["mean_absolute_error"]["network"], row["resolution_68"]
        covers = f", coverage {plus_minus(row['coverage'])}" if "coverage" in row else ""
        where = f"{row['low']:.1f}-{row['high']:.1f} {unit}"
        lines.append(f"  {where}: error {plus_minus(error)}, resolution {plus_minus(width)}{covers}")
    return lines
