"""Files of compressed candidates in blocks of eight, and what is read from them."""

from __future__ import annotations

from pathlib import Path

from candidate_samples import SPEC

from e2e.compression.codecs import find_codec
from e2e.compression.compressed_file import CompressedFile
from e2e.compression.compressed_writer import CompressedWriter
from e2e.compression.lossless import SparseZstd
from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet
from e2e.datasets.candidate_store import CandidateWriter

BLOCK = 8


def compressed(path: Path, *parts: CandidateSet, spec: FrameSpec = SPEC) -> Path:
    with CompressedWriter(path, SparseZstd(spec), "electron-photon", BLOCK) as file:
        for part in parts:
            file.write(part)
    return path


def read(path: Path, start: int = 0, stop: int | None = None) -> tuple[list[CandidateSet], list[str]]:
    with CompressedFile(path) as file:
        return list(file.read(find_codec(file), start, stop)), [problem.what for problem in file.problems]


def stored(path: Path, sample: CandidateSet) -> Path:
    with CandidateWriter(path, sample.candidates.spec, "electron-photon") as writer:
        writer.write(sample)
    return path
