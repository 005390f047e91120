"""Candidates of any format -> one file of compressed candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.compression.codec import Codec
from e2e.compression.compressed_file import BLOCK_CANDIDATES, Compressing, Sizes
from e2e.compression.lossless import SparseZstd
from e2e.datasets.convert import SHARD_ENTRIES, Account, read_shard
from e2e.datasets.look import common_layout, look, with_entries
from e2e.datasets.source import Options
from e2e.problems import InputError, Problems


@dataclass(frozen=True)
class Compressed:
    """The file, its bytes, the candidates in it, and what was wrong with the inputs. sizes: of the blocks."""

    output: Path
    num_bytes: int
    num_candidates: int
    sizes: Sizes
    problems: Problems

    def summary(self) -> str:
        """One line."""
        number = max(self.num_candidates, 1)
        each = f"{self.sizes.pixels / number:.0f} of pixels and {self.sizes.labels / number:.0f} of labels"
        return f"{self.num_candidates} candidates in {self.output}: {self.num_bytes / number:.0f} bytes each, {each}"


def compress(
    inputs: Sequence[Path],
    output: Path,
    *,
    task: str | None = None,
    block: int = BLOCK_CANDIDATES,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Compressed:
    """Write the candidates of files and folders, of any format that `convert` takes, into the file `output`.

    Lossless: pixels and labels come back to the bit. task: key of TASKS; for events that do not say what they were
    simulated for. block: candidates that are compressed together, and lost together where a bit flips. progress: called
    with the events or images done, and how many there are.
    A file that cannot be read goes to `problems` and the others are compressed. Raises InputError when nothing can be
    done: an unknown task, no input that can be read, inputs of different frames, or an `output` that cannot be written.
    """
    if block < 1:
        raise InputError("compress", f"blocks of {block} candidates", "give at least 1")
    options, problems = Options(task), Problems()
    some = with_entries(look(inputs, options, problems), problems)
    layout, total = common_layout(some), sum(item.entries for item in some)
    codec: Codec = SparseZstd(layout.frame)
    with Compressing(output, codec, layout.task, block) as file:
        for number in range(-(-total // SHARD_ENTRIES)):
            for part in read_shard(some, layout, options, number):
                if isinstance(part, Account):
                    problems += part.problems
                else:
                    file.write(part)
            progress(min((number + 1) * SHARD_ENTRIES, total), total)
    return Compressed(output, output.stat().st_size, len(file), file.sizes, problems)
