"""How far it is, on a terminal; silent elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO


@contextmanager
def progress_bar(total: int, unit: str = "events", stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """A function to be called with how many of `total` are done; the first call says what was done before.

    Shows number, rate and time left on `stream`, standard error unless given, when it is a terminal.
    """
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda done: None
        return
    from tqdm import tqdm

    with ExitStack() as stack:
        bar: tqdm | None = None

        def show(done: int) -> None:
            nonlocal bar
            if bar is None:
                width = shutil.get_terminal_size().columns  # 80 on a terminal that does not know its own
                bar = stack.enter_context(
                    tqdm(total=total, initial=done, unit=f" {unit}", file=stream, smoothing=0, ncols=width)
                )
            bar.update(done - bar.n)

        yield show


@contextmanager
def progress_from_start(unit: str) -> Iterator[Callable[[int, int], None]]:
    """The same for work that learns how much it is when it begins: to be called with what is done, and of how much."""
    with ExitStack() as stack:
        bars: list[Callable[[int], None]] = []

        def show(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress_bar(total, unit)))
            bars[0](done)

        yield show
