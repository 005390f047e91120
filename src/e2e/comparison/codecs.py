"""Bytes of a candidate against what they are worth: codecs side by side on the same unseen candidates."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from e2e import __version__
from e2e.bundles import Bundle, load_bundle
from e2e.comparison.codec_entries import LOSSLESS, CodecEntry, find_codec_entries
from e2e.comparison.codec_page import JSON, write_codecs
from e2e.compression.block import COLUMNS, decode_block, encode_block, read_head
from e2e.compression.codec import Codec
from e2e.compression.compressed_writer import BLOCK_CANDIDATES
from e2e.compression.frozen import measure_frozen
from e2e.compression.image_scores import measure_images
from e2e.datasets import CandidateSet, load_candidates
from e2e.datasets.stored import with_channels
from e2e.evaluation.evaluate import check_unseen
from e2e.files import as_read_back, make_folder, write_json
from e2e.frames.candidates import Candidates
from e2e.metrics import Measured
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS, Task

_VERSION = 1  # of what is kept of a codec; another is measured again


def compare_codecs(
    codecs: Sequence[str],
    bundles: Sequence[Path],
    test: Sequence[Path],
    output: Path = Path("codecs"),
    *,
    data: Sequence[Path] = (),
    max_candidates: int | None = None,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Rate and distortion of codecs; returns what `codecs.json` in `output` says, beside a table, a page and plots.

    codecs: `lossless`; `zfp:TOLERANCE`; `pca:COMPONENTS[:RATE]`, fitted to `data`; `RUN[:RATE]`, a run of `e2e
    pretrain` with features. Several rates or tolerances with commas between: `RUN:2,4,6`. lossless is always measured.
    bundles: of one task, trained on originals; what they make of what is read back is the score that counts
    (`measure_frozen`). test: candidates that neither has seen. max_candidates: a random so many, and so many of `data`
    at most.
    What is in `output` is not measured again, so an interrupted call goes on when repeated. A codec that cannot be used
    is named in `problems` and left out. Raises InputError for what cannot be read, and bundles of several tasks.
    """
    problems = Problems() if problems is None else problems
    opened = [load_bundle(bundle) for bundle in bundles]
    task = _task_of(opened)
    candidates = _some(task, test, max_candidates)
    for bundle in opened:
        check_unseen(bundle.path, bundle.contract.training.get("data", []), candidates)
    fitted_to = _some(task, data, max_candidates) if data else None
    names = [LOSSLESS, *(codec for codec in codecs if codec != LOSSLESS)]
    entries = find_codec_entries(names, task, fitted_to)
    make_folder(output / "codecs")
    rows = []
    for entry in entries:
        say(f"measure {entry.name}")
        try:
            rows.append(_measured(entry, opened, candidates, output / "codecs"))
        except InputError as error:
            problems.report(entry.name, str(error), "left out")
    result = {
        "task": task.name,
        "bundles": {bundle.path.name: _digest(bundle) for bundle in opened},
        "test": candidates.provenance,
        "test_candidates": len(candidates),
        "block": BLOCK_CANDIDATES,
        "codecs": rows,
        "problems": [str(problem) for problem in problems],
        "e2e": __version__,
    }
    write_codecs(result, output)
    write_json(output / JSON, result)
    return result


def _task_of(bundles: Sequence[Bundle]) -> Task:
    names = sorted({bundle.contract.task for bundle in bundles})
    if len(names) != 1:
        what = f"bundles of several tasks: {', '.join(names)}" if names else "no bundle"
        raise InputError("compare-codecs", what, "give bundles of one task")
    return TASKS[names[0]]


def _some(task: Task, inputs: Sequence[Path], count: int | None) -> CandidateSet:
    found = load_candidates(task, inputs)
    return found if count is None else found.sample(min(count, len(found)))


def _digest(bundle: Bundle) -> str:
    return bundle.contract.files["model.onnx"].sha256


def _measured(entry: CodecEntry, bundles: Sequence[Bundle], candidates: CandidateSet, kept: Path) -> dict[str, Any]:
    """From the file of an earlier call where it answers the same question."""
    check_unseen(entry.source.name, entry.source.data, candidates)
    codec = entry.codec()
    question = {
        "version": _VERSION,
        "codec": codec.to_json(),
        "bundles": {bundle.path.name: _digest(bundle) for bundle in bundles},
        "test": [candidates.provenance, len(candidates)],
    }
    asked = as_read_back(question)
    path = kept / f"{entry.name.replace(', ', '-').replace(' ', '-').replace(':', '-')}.json"
    if (known := _read(path)) is not None and known["asked"] == asked:
        return known["found"]
    found = {
        "codec": entry.name,
        "source": entry.source.name,
        "level": entry.level,
        **_measure(codec, bundles, candidates),
    }
    write_json(path, {"asked": asked, "found": found})
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return known if isinstance(known, dict) and {"asked", "found"} <= known.keys() else None
    except (OSError, ValueError):
        return None


def _measure(codec: Codec, bundles: Sequence[Bundle], candidates: CandidateSet) -> dict[str, Any]:
    pixels = with_channels(candidates.candidates.load(), codec.frame)
    sizes, found = _through(codec, CandidateSet(pixels, candidates.labels, candidates.provenance))
    frozen = {bundle.path.name: measure_frozen(bundle, candidates, found) for bundle in bundles}
    return {**sizes, "images": measure_images(pixels, found)["channels"], "frozen": frozen}


def _through(codec: Codec, candidates: CandidateSet) -> tuple[dict[str, Any], Candidates]:
    """What a file would hold: bytes of a candidate, their error that of the mean over blocks; and what comes back."""
    pixels, labels, counts, parts = [], [], [], []
    for first in range(0, len(candidates), BLOCK_CANDIDATES):
        block = encode_block(candidates.select(slice(first, first + BLOCK_CANDIDATES)), first, codec)
        head = read_head(block)
        counts.append(head.candidates)
        labels.append(head.label_bytes)
        pixels.append(len(block) - head.label_bytes)
        parts.append(decode_block(block, COLUMNS, codec, []).candidates.load())
    count = sum(counts)
    whole = np.array(pixels[: len(candidates) // BLOCK_CANDIDATES]) / BLOCK_CANDIDATES  # the last block may be short
    error = float(whole.std(ddof=1) / np.sqrt(len(whole))) if len(whole) > 1 else float("nan")
    sizes = {"bytes": Measured(sum(pixels) / count, error).to_json(), "label_bytes": round(sum(labels) / count, 2)}
    return sizes, Candidates.concatenate(parts)
