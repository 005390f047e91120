"""What runs until somebody asks it to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _AskedToStop(BaseException):
    """So that nothing on the way takes it for an error."""


@contextmanager
def until_asked_to_stop() -> Iterator[None]:
    """Leave the block at SIGINT, SIGTERM or SIGHUP, also where a shell has told its children to ignore them."""

    def stop(number: int, frame: FrameType | None) -> None:
        for again in before:  # once is enough: what is open is being closed
            signal.signal(again, signal.SIG_IGN)
        raise _AskedToStop

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except _AskedToStop:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
