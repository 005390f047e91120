"""Whatever holds candidates -> a folder of candidate stores: in pieces, by any number of workers, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from e2e import __version__
from e2e.datasets.candidate_set import CandidateSet
from e2e.datasets.candidate_store import CandidateFile, CandidateWriter, is_candidate_store
from e2e.datasets.fingerprint import with_fingerprint
from e2e.datasets.look import Input, common_layout, look, with_entries
from e2e.datasets.mended import let_mended_inputs_in
from e2e.datasets.source import Layout, Options
from e2e.files import reading
from e2e.problems import InputError, Problem, Problems
from e2e.scale.engines import choose_engine
from e2e.scale.shards import shard_path, write_shards

SHARD_ENTRIES = 5000  # events or images of the inputs; what is lost by a kill


@dataclass(frozen=True)
class Converted:
    """The folder, the candidates in it, and what was wrong with the inputs."""

    output: Path
    num_entries: int
    num_candidates: int
    problems: Problems


def convert(
    inputs: Sequence[Path],
    output: Path,
    *,
    task: str | None = None,
    channels: Sequence[str] | None = None,
    endcap_factor: float = 1.0,
    hcal_factor: float = 1.0,
    workers: int = 1,
    dask: str | None = None,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Converted:
    """Write the candidates of files and folders, of any format in `SOURCES`, into candidate stores in `output`.

    A call that was interrupted, even by a kill, goes on where it was when it is given again; so does one whose inputs
    could not be read in whole. task: key of TASKS; needed for events that do not say what they were simulated for.
    channels, endcap_factor, hcal_factor: of images, see `Options`. workers, dask: as in `simulate`; the bytes do not
    depend on them. progress: called with the events or images done, and how many there are.
    A file that cannot be read goes to `problems` and the others are converted. Raises InputError when nothing can be
    done: an unknown task, no input that can be read, inputs of different frames, or an `output` that cannot be written
    or holds something else, such as candidates of inputs that have changed.
    """
    options = Options(task, channels, endcap_factor, hcal_factor)
    engine = choose_engine(workers, dask)
    problems = Problems()
    found = look(inputs, options, problems)
    some = with_entries(found, problems)
    layout, total = common_layout(some), sum(item.entries for item in some)
    plan = {
        "verb": "convert",
        **options.to_json(),
        "task": layout.task,
        "inputs": {item.key: item.fingerprint and [item.entries, item.fingerprint] for item in found},
    }
    some = [item._replace(path=item.path.absolute()) for item in some]  # a worker may run elsewhere
    make = partial(read_shard, tuple(some), layout, options)
    write = partial(_write, layout, options.to_json())
    count = partial(_count, tuple(some))
    num_shards = -(-total // SHARD_ENTRIES)
    let_mended_inputs_in(output, plan, num_shards)
    write_shards(output, plan, num_shards, make, engine, lambda done: progress(done, total), write=write, count=count)
    files = [CandidateFile(shard_path(output, number)) for number in range(num_shards)]
    for file in files:
        problems += [Problem(**entry) for entry in file.about.more["problems"]]
    return Converted(output, total, sum(map(len, files)), problems)


class Share(NamedTuple):
    """What a shard has of an input: entries `start` to `stop`."""

    item: Input
    start: int
    stop: int

    def to_json(self) -> list[Any]:
        """All that its candidates depend on, but the options."""
        return [self.item.number, self.item.fingerprint, self.start, self.stop]


class Account(NamedTuple):
    """A share that is done with, and what was wrong with it."""

    share: Share
    problems: Problems


def shares_of(inputs: Sequence[Input], number: int) -> Iterator[Share]:
    """Those of shard `number`: `SHARD_ENTRIES` entries, counted through all inputs."""
    low, high, first = number * SHARD_ENTRIES, (number + 1) * SHARD_ENTRIES, 0
    for item in inputs:
        start, stop = max(low - first, 0), min(high - first, item.entries)
        first += item.entries
        if start < stop:
            yield Share(item, start, stop)


def read_shard(
    inputs: Sequence[Input], layout: Layout, options: Options, number: int
) -> Iterator[CandidateSet | Account]:
    """The candidates of a shard in batches; after those of each input its account."""
    for share in shares_of(inputs, number):
        item, problems = share.item, Problems()
        assert item.source is not None and item.fingerprint is not None
        with problems.collected(), reading(item.path):
            for batch in item.source.read(item.path, share.start, share.stop, layout, options, problems):
                named = batch.labels["input"] + np.uint32(item.number)
                provenance = with_fingerprint(batch.provenance, item.fingerprint)
                yield replace(batch, labels={**batch.labels, "input": named}, provenance=provenance)
        yield Account(share, problems)


def _write(layout: Layout, options: dict[str, Any], path: Path, parts: Iterable[CandidateSet | Account]) -> None:
    """more.made_of: the shares. more.unread: inputs that could not be read in whole."""
    more: dict[str, Any] = {"e2e": __version__, "options": options, "problems": [], "made_of": [], "unread": []}
    with CandidateWriter(path, layout.frame, layout.task, more) as writer:
        for part in parts:
            if isinstance(part, CandidateSet):
                writer.write(part)
                continue
            more["problems"] += [asdict(problem) for problem in part.problems]
            more["made_of"].append(part.share.to_json())
            if part.problems.has_unread:
                more["unread"].append(part.share.item.key)


def _count(inputs: Sequence[Input], path: Path) -> int | None:
    """Entries that a shard answers for. None where it is to be made (again): it is damaged or of an older version,
    is made of what an input was before, or lacks what could not be read and may be mended by now."""
    try:
        if not is_candidate_store(path):
            return None
        file = CandidateFile(path)
    except InputError:
        return None
    if not file.is_current:
        return None
    more = file.about.more
    shares = list(shares_of(inputs, int(path.stem.removeprefix("part-"))))
    if more.get("unread") or more.get("made_of") != [share.to_json() for share in shares]:
        return None
    return sum(share.stop - share.start for share in shares)
