"""Which events of the inputs are shown: by their places, or by run, luminosity block and event."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from e2e.events.reader import expand_inputs, find_reader, read_events
from e2e.events.record import Events
from e2e.problems import InputError, Problems

DEFAULT_EVENTS, MAX_EVENTS = 20, 200  # on one page; 20 real events are about 1.4 MB
_PLACES, _NUMBERS = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?"), re.compile(r"(\d{1,10}):(\d{1,10}):(\d{1,20})")
_REMEDY = "give places from 0 such as 3 or 0-9, or RUN:BLOCK:EVENT"


class Shown(NamedTuple):
    """One event, and the file that holds it."""

    path: Path
    events: Events


def select_events(inputs: Sequence[Path], wanted: Sequence[str], problems: Problems) -> tuple[list[Shown], int]:
    """The events wanted, in the order of the inputs, and how many there are in all; the first `DEFAULT_EVENTS` unless
    any are named.

    wanted: places from 0, counted through all inputs (`3`, `5-9`), or `RUN:BLOCK:EVENT`. An event or a file that cannot
    be read is left out and in `problems`. Raises InputError for what is not there, for more than `MAX_EVENTS`, and when
    nothing is left to show.
    """
    places, numbers = _parse(wanted)
    sizes = []
    for path in expand_inputs(inputs):
        with problems.collected():
            sizes.append((path, find_reader(path).count(path)))
    total = sum(count for _, count in sizes)
    where = ", ".join(str(path) for path in inputs)
    if beyond := [place for place in places if place >= total]:
        remedy = f"give 0 to {total - 1}" if total else "it holds no events"
        raise InputError(where, f"no event {beyond[0]}{_first_of(problems)}", remedy)
    if not wanted:
        places = set(range(min(total, DEFAULT_EVENTS)))
    shown = list(_at(sizes, places, problems))
    if numbers:
        already = {(one.path, identity(one.events)) for one in shown}
        named = _numbered(sizes, numbers, problems, where)
        shown += [one for one in named if (one.path, identity(one.events)) not in already]
    if len(shown) > MAX_EVENTS:
        raise InputError("display", f"{len(shown)} events on one page", f"choose at most {MAX_EVENTS} with --events")
    if not shown:
        raise InputError(where, f"no events to show{_first_of(problems)}", "give a file with some")
    return shown, total


def _parse(wanted: Sequence[str]) -> tuple[set[int], set[tuple[int, ...]]]:
    places: set[int] = set()
    numbers: set[tuple[int, ...]] = set()
    for text in wanted:
        if match := _NUMBERS.fullmatch(text):
            numbers.add(tuple(int(number) for number in match.groups()))
        elif match := _PLACES.fullmatch(text):
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first or last - first >= MAX_EVENTS:
                raise InputError("display", f"events {text}", f"give a range upwards, of at most {MAX_EVENTS}")
            places |= set(range(first, last + 1))
        else:
            raise InputError("display", f"events {text!r}", _REMEDY)
    return places, numbers


def _at(sizes: Sequence[tuple[Path, int]], places: set[int], problems: Problems) -> Iterator[Shown]:
    first = 0
    for path, count in sizes:
        here = sorted(place - first for place in places if first <= place < first + count)
        for _, run in groupby(enumerate(here), lambda pair: pair[1] - pair[0]):
            together = [place for _, place in run]
            with problems.collected():
                for batch in read_events(path, problems, start=together[0], stop=together[-1] + 1):
                    yield from _single(path, batch)
        first += count


def _numbered(
    sizes: Sequence[tuple[Path, int]], numbers: set[tuple[int, ...]], problems: Problems, where: str
) -> list[Shown]:
    found: list[Shown] = []
    missing, of_others = set(numbers), Problems()
    for path, _ in sizes:
        with of_others.collected():
            for batch in read_events(path, of_others):
                for one in _single(path, batch):
                    number = identity(one.events)
                    if number in numbers:
                        found.append(one)
                        missing.discard(number)
                if not missing:
                    return found
    text = ":".join(str(part) for part in min(missing))
    why = _first_of(Problems([*problems, *of_others]))
    raise InputError(where, f"no event {text}{why}", "check run, luminosity block and event")


def _first_of(problems: Problems) -> str:
    """What may be why, in brackets."""
    return f" ({problems[0].where}: {problems[0].what})" if problems else ""


def _single(path: Path, batch: Events) -> Iterator[Shown]:
    for event in range(len(batch)):
        yield Shown(path, batch.slice(event, event + 1))


def identity(events: Events) -> tuple[int, int, int]:
    """Run, luminosity block and event of the first of them."""
    return int(events.run[0]), int(events.luminosity_block[0]), int(events.event[0])
