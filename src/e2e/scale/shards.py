"""A folder of stores `part-00000.parquet`, `part-00001.parquet`, ... and the plan they follow, `plan.json`.

A shard is a pure function of the plan and its number, written by the process that made it under a hidden name and
renamed when whole. So the bytes are the same for any engine, and after a kill the same call makes what is missing. A
finished folder is an input of every verb: readers take its event stores in the order of their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import Any

from e2e.events.store import write_events
from e2e.files import make_folder, write_json
from e2e.parquet import read_footer
from e2e.problems import InputError
from e2e.scale.engines import Engine
from e2e.scale.plan import PLAN, check_same, claimed, new_plan, versions

MAX_SHARDS = 100_000  # what five digits keep in order


def count_rows(path: Path) -> int | None:
    """Rows of a Parquet file; None where there is no whole file."""
    footer = read_footer(path)
    return None if footer is None else int(footer.num_rows)


def write_shards(
    output: Path,
    plan: Mapping[str, Any],
    num_shards: int,
    make_shard: Callable[[int], Iterable[Any]],
    engine: Engine,
    progress: Callable[[int], Any] = lambda num_events: None,
    prepare: Callable[[], Any] = lambda: None,
    write: Callable[[Path, Iterable[Any]], Any] = write_events,
    count: Callable[[Path], int | None] = count_rows,
) -> Path:
    """Write shards 0 to `num_shards` - 1 into the folder `output`, or those that it lacks; returns `output`.

    plan: JSON values that say all `make_shard` depends on but the number. make_shard: batches of one shard; a function
    of a module or a `functools.partial` of one. progress: called with the number of events there are: once before
    anything is made, then after every shard. prepare: called where shards are missing, once the folder is known to be
    this plan's; makes what all of them need, in a hidden file of the folder or elsewhere. write: puts the batches of
    one shard into a file, whole or not at all; count: the events that a file answers for, None where it must be made
    again. Both are functions of a module, as `make_shard`.
    Raises InputError when the folder cannot be written, holds something else or another plan (naming what differs), and
    for what stops a shard or the engine; what was made until then stays.
    """
    if not 1 <= num_shards <= MAX_SHARDS:
        raise InputError(
            output, f"{num_shards} shards", f"at most {MAX_SHARDS}; make several folders, with other seeds"
        )
    folder = make_folder(output).resolve()  # absolute: a worker may run elsewhere
    about = new_plan(plan, num_shards)
    with claimed(folder):
        counts = _take_up(folder, about, count)
        missing = [number for number in range(num_shards) if number not in counts]
        num_events = sum(counts.values())
        if missing:
            write_json(folder / PLAN, about)
        progress(num_events)
        if missing:
            with _tidied(folder, about):
                prepare()
                write_one = partial(_write_shard, folder, about, make_shard, write, count)
                with closing(engine.map(write_one, missing)) as made:
                    for num_made in made:
                        num_events += num_made
                        progress(num_events)
        write_json(folder / PLAN, {**about, "state": "finished", "events": num_events})
    return output


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.parquet"


def _take_up(folder: Path, about: Mapping[str, Any], count: Callable[[Path], int | None]) -> dict[int, int]:
    """Events of each shard that is there already. Raises InputError when the folder is not ours to fill."""
    _remove_unfinished(folder)
    if (folder / PLAN).exists():
        check_same(folder, about)
    elif strange := sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith(".")):
        what = f"is not empty ({strange[0]}) and has no {PLAN}"
        raise InputError(folder, what, "choose another folder")
    counts = {number: count(shard_path(folder, number)) for number in range(about["shards"])}
    return {number: found for number, found in counts.items() if found is not None}


@contextmanager
def _tidied(folder: Path, about: Mapping[str, Any]) -> Iterator[None]:
    """Whatever stops the block, half a file does not stay, nor a plan of which nothing was made."""
    try:
        yield
    finally:
        _remove_unfinished(folder)
        with suppress(InputError):
            check_same(folder, about)  # else it is another's by now
            if not any(folder.glob("part-*.parquet")):
                (folder / PLAN).unlink()


def _remove_unfinished(folder: Path) -> None:
    """What `replacing` leaves behind of a killed process."""
    with suppress(OSError):
        for path in folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def _write_shard(
    folder: Path,
    about: Mapping[str, Any],
    make_shard: Callable[[int], Iterable[Any]],
    write: Callable[[Path, Iterable[Any]], Any],
    count: Callable[[Path], int | None],
    number: int,
) -> int:
    """Number of events. Runs in the worker, so it looks again at what the first process has seen."""
    path = shard_path(folder, number)

    def batches() -> Iterator[Any]:
        yield from make_shard(number)
        check_same(folder, about)  # a worker outlives the one who asked; the folder may be another's by now

    _check_worker(folder, about)
    try:
        write(path, batches())
    except InputError as error:
        if error.where != str(path):
            raise
        raise InputError(path, error.what, "make room and call again: what is done is kept") from None
    return count(path) or 0


def _check_worker(folder: Path, about: Mapping[str, Any]) -> None:
    host = gethostname()
    if not (folder / PLAN).exists():
        raise InputError(folder, f"not seen by the worker on {host}", "give a folder of a file system that all share")
    check_same(folder, about)
    for name, expected in about["versions"].items():
        if (found := versions()[name]) != expected:
            what = f"{name} {found} on {host}, but {expected} where the work was asked for"
            raise InputError("worker", what, "start the workers in the same environment")
