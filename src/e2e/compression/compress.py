"""Candidates of any format -> one file of compressed candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from e2e.compression.block import MAX_BLOCK_CANDIDATES
from e2e.compression.codec import Codec
from e2e.compression.compressed_writer import BLOCK_CANDIDATES, CompressedWriter
from e2e.compression.header import Sizes
from e2e.compression.lossless import SparseZstd
from e2e.compression.zfp import Zfp
from e2e.datasets.convert import SHARD_ENTRIES, Account, read_shard
from e2e.datasets.look import common_layout, look, with_entries
from e2e.datasets.source import Layout, Options, is_same_window
from e2e.datasets.stored import with_channels
from e2e.files import check_output
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS


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
    model: Path | None = None,
    rate: float | None = None,
    tolerance: float | None = None,
    block: int = BLOCK_CANDIDATES,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Compressed:
    """Write the candidates of files and folders, of any format that `convert` takes, into the file `output`.

    Images whose channels or factors must be told are converted first: there is no `channels` here.

    Without a model or a tolerance lossless: pixels and labels come back to the bit. model: a run of `e2e pretrain` with
    features, whose vectors are then written in place of the pixels; what is read back are images like them. Labels and
    seeds stay lossless. rate: bits of a feature, 4 unless given; the vectors are rounded to what that allows.
    tolerance: images under zfp instead; what a value may be off, in units of the task's input scale.
    task: key of TASKS; for events that do not say what they were simulated for. block: candidates that are compressed
    together, and lost together where a bit flips. progress: called with the events or images done, and how many there
    are.
    A file that cannot be read goes to `problems` and the others are compressed. Raises InputError when nothing can be
    done: an unknown task, no input that can be read, inputs of different frames, a model of another frame, or an
    `output` that is among the inputs or cannot be written.
    """
    if not 1 <= block <= MAX_BLOCK_CANDIDATES:
        remedy = f"give at least 1 and at most {MAX_BLOCK_CANDIDATES}"
        raise InputError("compress", f"blocks of {block} candidates", remedy)
    check_output(output, inputs)
    options, problems = Options(task), Problems()
    some = with_entries(look(inputs, options, problems), problems)
    layout, total = common_layout(some), sum(item.entries for item in some)
    codec = _codec(layout, model, rate, tolerance)
    with CompressedWriter(output, codec, layout.task, block) as file:
        for number in range(-(-total // SHARD_ENTRIES)):
            for part in read_shard(some, layout, options, number):
                if isinstance(part, Account):
                    problems += part.problems
                else:
                    file.write(replace(part, candidates=with_channels(part.candidates.load(), codec.frame)))
            progress(min((number + 1) * SHARD_ENTRIES, total), total)
    return Compressed(output, output.stat().st_size, len(file), file.sizes, problems)


def _codec(layout: Layout, model: Path | None, rate: float | None, tolerance: float | None) -> Codec:
    """Raises InputError for what does not go together, or not with the input."""
    if rate is not None and model is None:
        raise InputError("compress", "a rate without a model", "give a model, or leave the rate out: it is lossless")
    if tolerance is not None:
        if model is not None:
            raise InputError("compress", "both a model and a tolerance", "choose one")
        return _zfp(layout, tolerance)
    if model is None:
        return SparseZstd(layout.frame)
    from e2e.compression.learned import codec_to_write

    codec = codec_to_write(model, rate)
    if not is_same_window(codec.frame, layout.frame) or not set(codec.frame.channels) <= set(layout.frame.channels):
        what = f"was trained on {Layout(codec.frame, layout.task)}; the input gives {layout}"
        raise InputError(model, what, "give a model of this frame")
    return codec


def _zfp(layout: Layout, tolerance: float) -> Zfp:
    if layout.task not in TASKS:
        what = "candidates of no known task, whose scale a tolerance needs"
        raise InputError("compress", what, "convert with --task, or compress without a tolerance")
    try:
        return Zfp(layout.frame, TASKS[layout.task].scales_of(layout.frame), tolerance)
    except ValueError as error:
        raise InputError("compress", str(error), "choose another") from None
