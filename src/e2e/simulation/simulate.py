"""From a process, a number and a seed to an event store: the same bytes whatever the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from e2e import __version__
from e2e.events.record import Events, Table
from e2e.events.store import write_events
from e2e.problems import InputError
from e2e.simulation import ecal
from e2e.simulation import pileup as soft
from e2e.simulation.gun import PROCESSES, Gun, Primaries
from e2e.simulation.particles import Particles, direction_angles
from e2e.simulation.transport import transport

CHUNK_EVENTS = 500  # events that share one random stream; part of what a seed means, so never a tuning knob
MIN_PT_GEV, MAX_PT_GEV = 5.0, 500.0  # where the parametrisations hold
MAX_PILEUP = 200.0
SIMULATION_VERSION = 2  # raised whenever the same seed gives other events
SIMULATED_RUN = 1  # run number of simulated events, as in CMS


def simulate(
    process: str,
    output: Path,
    *,
    num_events: int = 1000,
    seed: int = 1,
    gun: Gun = Gun(),  # noqa: B008 - frozen
    pileup: float = 0.0,
    workers: int = 1,
    progress: Callable[[int], Any] = lambda done: None,
) -> Path:
    """Write `num_events` simulated events of `process` to the event store `output`.

    process: a key of PROCESSES. pileup: mean number of other collisions in the crossing. progress: called with the
    number of events done. Returns `output`.
    Raises InputError for an unknown process (naming the nearest), a number below 1 or an impossible pT range.
    """
    if process not in PROCESSES:
        near = get_close_matches(process, PROCESSES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError("simulate", f"unknown process {process!r}", f"{hint}known: {', '.join(PROCESSES)}")
    if num_events < 1 or workers < 1 or seed < 0:
        what = f"{num_events} events, {workers} workers, seed {seed}"
        raise InputError("simulate", what, "events and workers must be at least 1, the seed at least 0")
    if not 0 <= pileup <= MAX_PILEUP:
        raise InputError("simulate", f"pile-up {pileup}", f"give a mean number of collisions in 0 to {MAX_PILEUP:.0f}")
    if not MIN_PT_GEV <= gun.pt[0] <= gun.pt[1] <= MAX_PT_GEV:
        raise InputError(
            "simulate", f"pT range {gun.pt}", f"give two numbers in {MIN_PT_GEV} to {MAX_PT_GEV} GeV, ascending"
        )

    def reported(chunks: Iterator[Events]) -> Iterator[Events]:
        done = 0
        for chunk in chunks:
            yield chunk
            done += len(chunk)
            progress(done)

    run = partial(simulate_chunk, process, num_events, seed, gun, pileup=pileup)
    chunks = range(-(-num_events // CHUNK_EVENTS))
    if workers == 1:
        write_events(output, reported(map(run, chunks)))
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
            write_events(output, reported(pool.map(run, chunks)))
    return output


def simulate_chunk(process: str, num_events: int, seed: int, gun: Gun, chunk: int, *, pileup: float = 0.0) -> Events:
    """Events `chunk` x CHUNK_EVENTS onwards; depends on nothing but its arguments."""
    first = chunk * CHUNK_EVENTS
    count = min(CHUNK_EVENTS, num_events - first)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(process.encode()), chunk])))
    primaries = PROCESSES[process](rng, CHUNK_EVENTS, gun)
    particles = primaries.particles
    if pileup:
        particles = Particles.concatenate([particles, soft.photons(rng, pileup, primaries.momentum)])
    arrived = transport(particles, rng)
    if pileup:
        arrived = Particles.concatenate([arrived, soft.pion_deposits(rng, pileup, primaries.momentum)])
    patches = ecal.deposit(arrived, primaries.momentum, primaries.vertex_cm, CHUNK_EVENTS, rng)
    hits = ecal.read_out(patches, rng)
    columns = {"detid": hits.detid, "energy": hits.energy, "time": hits.time}
    number = np.arange(CHUNK_EVENTS, dtype=np.uint64) + np.uint64(first + 1)
    events = Events(
        run=np.full(CHUNK_EVENTS, SIMULATED_RUN, dtype=np.uint32),
        luminosity_block=np.full(CHUNK_EVENTS, chunk + 1, dtype=np.uint32),
        event=number,
        hits={"EB": Table.from_counts(hits.counts, columns)},
        objects={"truth": _truth(primaries)},
        provenance={
            "e2e": __version__,
            "simulation": SIMULATION_VERSION,
            "process": process,
            "seed": seed,
            "num_events": num_events,
            "gun": asdict(gun),
            "pileup": pileup,
        },
    )
    return events.slice(0, count)


def _truth(primaries: Primaries) -> Table:
    pt, eta, phi = direction_angles(primaries.momentum)
    columns = {
        "pdg_id": primaries.pdg_id,
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "energy": np.hypot(np.sqrt((primaries.momentum**2).sum(1)), primaries.mass),
        "mass": primaries.mass,
        **dict(zip(("x_cm", "y_cm", "z_cm"), primaries.vertex_cm.T, strict=True)),
    }
    as_float = {name: np.asarray(column, dtype=np.float32) for name, column in columns.items()}
    return Table.from_counts(np.ones(len(pt), dtype=np.int64), as_float)
