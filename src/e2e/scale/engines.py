"""Who does the work: this process, several processes of this machine, or the workers of a Dask scheduler.

An engine calls a function with whole numbers and hands back the results as they come. Function and results are pickled:
a function is one of a module, or a `functools.partial` of one, and a result is small, since files are written where the
work is done. Nothing heavy is imported here, so that a starting worker soon knows how to end.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from logging import CRITICAL, Logger, getLogger
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Protocol, TypeVar

from e2e.problems import InputError, optional_packages

MAX_DASK_TASKS = 2048  # in flight: enough for as many workers, and no load for a scheduler
CONNECT_TIMEOUT_S = 5.0

_CONTINUE = "call again: what is done is kept"

Result = TypeVar("Result")


class Engine(Protocol):
    """map: `function(number)` of each number, in the order in which they complete.

    An exception of the function comes out of the iterator. Where the caller stops early, closing the iterator ends the
    work (what a Dask worker has begun it may finish). Raises InputError for what the user can mend: a worker that died,
    a scheduler that cannot be reached.
    """

    def map(self, function: Callable[[int], Result], numbers: Iterable[int]) -> Generator[Result]: ...


def choose_engine(workers: int = 1, dask: str | None = None) -> Engine:
    """One process, `workers` processes, or the workers of the Dask scheduler at the address `dask`.

    Raises InputError for less than one worker, or for both at once.
    """
    if workers < 1:
        raise InputError("workers", f"{workers} workers", "give at least 1")
    if dask is None:
        return Serial() if workers == 1 else Processes(workers)
    if workers != 1:
        raise InputError("workers", f"both {workers} workers and a Dask scheduler", "give one of them")
    return Dask(dask)


@dataclass(frozen=True)
class Serial:
    """One after the other, here."""

    def map(self, function: Callable[[int], Result], numbers: Iterable[int]) -> Generator[Result]:
        for number in numbers:
            yield function(number)


@dataclass(frozen=True)
class Processes:
    """Processes of this machine. They end with this process, however it ends."""

    workers: int

    def map(self, function: Callable[[int], Result], numbers: Iterable[int]) -> Generator[Result]:
        context = get_context("forkserver")
        theirs, ours = context.Pipe(duplex=False)
        with theirs, ours, ProcessPoolExecutor(self.workers, context, _begin_worker, (theirs,)) as pool:
            try:
                yield from _as_completed(lambda number: pool.submit(function, number), numbers, 2 * self.workers)
            except BrokenProcessPool:
                what = "one died, perhaps killed by the system for want of memory"
                raise InputError(f"{self.workers} workers", what, f"give fewer and {_CONTINUE}") from None
            except BaseException:
                ours.close()  # or the pool would wait for work that nobody wants
                raise


def _begin_worker(lifeline: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the parent answers it
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    """End this process when the other end of `lifeline` closes: the parent gave up, or is no more."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask scheduler such as tcp://127.0.0.1:8786; waits for workers where there are none yet.

    They need this program's environment and file system. One piece at a time is made in each worker process.
    """

    address: str

    def map(self, function: Callable[[int], Result], numbers: Iterable[int]) -> Generator[Result]:
        def run(pickled: bytes, number: int) -> Result:
            """A local function travels whole, so that a worker without e2e answers that it has none."""
            return pickle.loads(pickled)(number)

        pickled = pickle.dumps(partial(_alone, function))
        with _connected(self.address) as client:
            executor = client.get_executor(pure=False)
            try:
                yield from _as_completed(partial(executor.submit, run, pickled), numbers, MAX_DASK_TASKS)
            finally:
                executor.shutdown(wait=False)  # forgets what has not begun


_ONE_AT_A_TIME = threading.Lock()  # the generators behind the work are one to a process


def _alone(function: Callable[[int], Result], number: int) -> Result:
    with _ONE_AT_A_TIME:
        return function(number)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    with optional_packages("scale"):
        from distributed import Client, Security
        from distributed.comm import connect
        from distributed.scheduler import KilledWorker

    async def knock() -> None:  # a client that finds nobody complains at length
        comm = await connect(address, timeout=CONNECT_TIMEOUT_S, **Security().get_connection_args("client"))
        await comm.close()

    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook has an event loop of its own in this one
            thread.submit(asyncio.run, asyncio.wait_for(knock(), CONNECT_TIMEOUT_S + 1)).result()
        client = Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without its certificates
        what = f"no Dask scheduler there ({str(error) or type(error).__name__})"
        remedy = "start `dask scheduler` and give its address, such as tcp://HOST:8786"
        raise InputError(address, what, remedy) from None
    with _quiet(getLogger("distributed.client")), client:
        try:
            yield client
        except KilledWorker:
            what = "workers died of the same piece of work, perhaps for want of memory"
            raise InputError(address, what, f"give workers more memory and {_CONTINUE}") from None
        except CancelledError:
            raise InputError(address, "lost the Dask scheduler", f"start it again and {_CONTINUE}") from None
        except ImportError as error:
            remedy = "start the workers in the same environment"
            raise InputError(address, f"the workers are not like this process ({error})", remedy) from None


@contextmanager
def _quiet(logger: Logger) -> Iterator[None]:
    """What goes wrong is said by an exception, in one line."""
    level = logger.level
    logger.setLevel(CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _as_completed(submit: Callable[[int], Future[Result]], numbers: Iterable[int], limit: int) -> Generator[Result]:
    """Results in the order in which they complete, with at most `limit` pieces of work in flight."""
    waiting = iter(numbers)
    running = {submit(number) for number in islice(waiting, limit)}
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        running |= {submit(number) for number in islice(waiting, len(done))}
        for future in done:
            yield future.result()
