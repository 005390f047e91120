"""A file of compressed candidates -> a candidate store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e import __version__
from e2e.compression.codecs import find_codec
from e2e.compression.compressed_file import CompressedFile
from e2e.datasets.candidate_store import CandidateWriter
from e2e.files import check_output
from e2e.problems import InputError, Problems


@dataclass(frozen=True)
class Decompressed:
    """The store, the candidates in it, and what was wrong with the file."""

    output: Path
    num_candidates: int
    problems: Problems


def decompress(
    file: Path,
    output: Path,
    *,
    model: Path | None = None,
    start: int = 0,
    stop: int | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Decompressed:
    """Write candidates `start` to `stop` of `file` into the candidate store `output`, a Parquet file.

    model: the run of `e2e pretrain` that a file of feature vectors was compressed with. Lossless candidates are those
    that were compressed, to the bit. Damaged ones are left out and named in `problems`, as are those that a truncated
    file lacks. progress: called with the candidates done, and how many there are.
    Raises InputError for another file, one that this version cannot read, another model than the file's, candidates
    that it does not have, or an `output` that is the file or cannot be written.
    """
    check_output(output, [file])
    with CompressedFile(file) as compressed:
        stop = len(compressed) if stop is None else stop
        if not 0 <= start <= stop <= len(compressed):
            raise InputError(file, f"no candidates {start} to {stop}", f"it has {len(compressed)}")
        codec = find_codec(compressed, model)
        more = {"e2e": __version__, "codec": compressed.header.codec}
        count = 0
        with CandidateWriter(output, compressed.header.frame, compressed.header.task, more) as writer:
            for candidates in compressed.read(codec, start, stop):
                writer.write(candidates)
                count += len(candidates)
                progress(count, stop - start)
    return Decompressed(output, count, compressed.problems)
