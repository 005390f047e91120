"""What is in files of compressed candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from e2e.compression.codecs import find_codec
from e2e.compression.compressed_file import CompressedFile
from e2e.compression.header import Header, Sizes
from e2e.datasets.candidate_set import CandidateSet, Provenance, merged_provenance
from e2e.datasets.describe import SAMPLE, Description
from e2e.datasets.load import concatenate
from e2e.datasets.look import raise_first
from e2e.problems import Problems


def describe_compressed(paths: Sequence[Path]) -> Description:
    """Look at files of compressed candidates, at least one.

    What is wrong with a file, and one of another frame, task or codec than the first, goes to `problems`. Raises
    InputError where no file can be read.
    """
    problems = Problems()
    found: list[tuple[Header, Provenance]] = []
    count = num_bytes = 0
    sizes, sample = Sizes(), None
    for path in paths:
        with problems.collected(), CompressedFile(path) as file:
            if found and replace(file.header, e2e=found[0][0].e2e) != found[0][0]:
                problems.report(path, "of another frame, task or codec than the first file", "ask for it alone")
                continue
            found.append((file.header, file.provenance))
            count, num_bytes = count + file.num_candidates, num_bytes + file.num_bytes
            sizes = Sizes(*map(sum, zip(sizes, file.sizes, strict=True)))
            if sample is None:
                sample = _sample(file)
            problems += file.problems
    if not found:
        raise_first(problems)
    header = found[0][0]
    each = {name: round(size / max(count, 1), 1) for name, size in sizes._asdict().items()}
    codec: dict[str, Any] = {**header.codec, "bytes_per_candidate": each}
    return Description(
        ["compressed candidates"],
        len(found),
        {"candidates": count},
        {"candidates": num_bytes},
        {},
        header.frame,
        header.task,
        sample,
        merged_provenance(provenance for _, provenance in found),
        problems,
        codec,
    )


def _sample(file: CompressedFile) -> CandidateSet | None:
    """The first candidates; None of a codec that needs more than the file, or gives back something else."""
    if not file.header.codec.get("is_lossless"):
        return None
    parts = list(file.read(find_codec(file), 0, SAMPLE))
    return concatenate(parts) if parts else None
