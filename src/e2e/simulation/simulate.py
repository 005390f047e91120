"""From a process, a number and a seed to a folder of event stores: the same bytes whoever does the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.random import Generator

from e2e import __version__
from e2e.contract import TRACKER_LAYERS
from e2e.events.record import Events
from e2e.problems import InputError, known_names
from e2e.scale.engines import choose_engine
from e2e.scale.plan import versions
from e2e.scale.shards import write_shards
from e2e.simulation.ecal_readout import read_out_ecal
from e2e.simulation.era import ERAS, Era
from e2e.simulation.gun import Gun
from e2e.simulation.hcal_readout import read_out_hcal
from e2e.simulation.jets import cluster_jets
from e2e.simulation.pileup import POOL_EVENTS, Pool, overlay, read_pool, write_pool
from e2e.simulation.processes import PROCESSES, Process, minimum_bias
from e2e.simulation.response import respond
from e2e.simulation.stages import Generated, Response
from e2e.simulation.tracker_hits import with_noise

CHUNKS_PER_SHARD = 5
MIN_GUN_PT_GEV, MAX_GUN_PT_GEV = 5.0, 500.0  # of guns
MAX_PILEUP = 200.0
DEFAULT_TUNE, MAX_TUNE = 14, 33  # of Pythia 8.3
TUNES_WITHOUT_PARTONS = (11, 16, 22)  # theirs are not among the parton distributions that Pythia comes with
SIMULATION_VERSION = 5  # raised whenever the same seed gives other events
SIMULATED_RUN = 1  # run number of simulated events, as in CMS, which numbers real runs from far above
POOL = ".pileup-pool.safetensors"
POOL_SEED = 0


@dataclass(frozen=True)
class Plan:
    """What decides every byte of the events. gun: None where the process has none. pool: None without pile-up. tune:
    None for the generator's own."""

    process: str
    num_events: int
    seed: int
    gun: Gun | None
    pileup: float
    pool: Path | None
    tune: int | None = None

    def describe(self) -> dict[str, Any]:
        """JSON values; not the place of the pool, whose content follows from its era."""
        described = {key: value for key, value in vars(self).items() if key not in ("gun", "pool", "tune")}
        gun = {} if self.gun is None else {"gun": asdict(self.gun)}
        tune = {} if self.tune is None else {"tune": self.tune}
        pool = {"pileup_pool_events": POOL_EVENTS} if self.pileup else {}
        return {"simulation": SIMULATION_VERSION, **described, **gun, **tune, **pool}


def simulate(
    process: str,
    output: Path,
    *,
    num_events: int = 1000,
    seed: int = 1,
    pt: tuple[float, float] | None = None,
    pileup: float = 0.0,
    pool: Path | None = None,
    tune: int | None = None,
    workers: int = 1,
    dask: str | None = None,
    progress: Callable[[int], Any] = lambda done: None,
) -> Path:
    """Write `num_events` simulated events of `process` into the folder `output`; returns `output`.

    A call that was interrupted, even by a kill, goes on where it was when it is given again.
    process: a key of PROCESSES. pt: range of a gun, GeV; 20 to 100 unless given. pileup: mean number of other
    collisions in the crossing. pool: file of simulated minimum-bias events to take them from, made where there is none;
    in `output` unless given. tune: of Pythia's for proton collisions, by its number (`Tune:pp`), not of the pool; 14,
    Monash 2013, unless given. workers: processes of this machine; dask: instead of them, address of a Dask scheduler.
    progress: called with the number of events done.
    Raises InputError for an unknown process (naming the nearest), a number below 1, an impossible pT range, or an
    `output` that cannot be written or holds other events.
    """
    plan = _plan(process, num_events, seed, pt, pileup, pool, tune)
    engine = choose_engine(workers, dask)
    if pileup:
        plan = replace(plan, pool=(pool or output / POOL).resolve())
    num_shards = -(-num_events // (CHUNKS_PER_SHARD * PROCESSES[process].chunk_events))
    make = partial(simulate_shard, plan)
    return write_shards(output, plan.describe(), num_shards, make, engine, progress, partial(_prepare, plan))


def _prepare(plan: Plan) -> None:
    if plan.pool is not None:
        prepare_pool(plan.pool, PROCESSES[plan.process].era)


def _plan(
    process: str,
    num_events: int,
    seed: int,
    pt: tuple[float, float] | None,
    pileup: float,
    pool: Path | None,
    tune: int | None,
) -> Plan:
    if process not in PROCESSES:
        raise InputError("simulate", f"unknown process {process!r}", known_names(process, PROCESSES))
    if num_events < 1 or seed < 0:
        what = f"{num_events} events, seed {seed}"
        raise InputError("simulate", what, "events must be at least 1, the seed at least 0")
    if not 0 <= pileup <= MAX_PILEUP:
        raise InputError("simulate", f"pile-up {pileup}", f"give a mean number of collisions in 0 to {MAX_PILEUP:.0f}")
    if pool is not None and not pileup:
        raise InputError("simulate", f"a pool ({pool}) without pile-up", "give the mean pile-up too, or leave it out")
    if tune is not None and not PROCESSES[process].collides:
        raise InputError("simulate", f"a tune for {process}", "it makes no collisions: leave it out")
    if tune is not None and (not 1 <= tune <= MAX_TUNE or tune in TUNES_WITHOUT_PARTONS):
        without = ", ".join(map(str, TUNES_WITHOUT_PARTONS))
        remedy = f"give the number of one of Pythia's, 1 to {MAX_TUNE}, but {without}, which need LHAPDF"
        raise InputError("simulate", f"tune {tune}", remedy)
    if pt is not None and not PROCESSES[process].is_gun:
        raise InputError("simulate", f"a pT range for {process}", "only guns have one: leave it out")
    if pt is not None and not MIN_GUN_PT_GEV <= pt[0] <= pt[1] <= MAX_GUN_PT_GEV:
        raise InputError(
            "simulate", f"pT range {pt}", f"give two numbers in {MIN_GUN_PT_GEV} to {MAX_GUN_PT_GEV} GeV, ascending"
        )
    gun = (Gun(pt=(float(pt[0]), float(pt[1]))) if pt else Gun()) if PROCESSES[process].is_gun else None
    return Plan(process, num_events, seed, gun, float(pileup), None, None if tune == DEFAULT_TUNE else tune)


def simulate_shard(plan: Plan, shard: int) -> Iterator[Events]:
    chunk_events = PROCESSES[plan.process].chunk_events
    for chunk in range(shard * CHUNKS_PER_SHARD, (shard + 1) * CHUNKS_PER_SHARD):
        if chunk * chunk_events < plan.num_events:
            yield simulate_chunk(plan, chunk)


def simulate_chunk(plan: Plan, chunk: int) -> Events:
    """The events from `chunk` x `chunk_events` of the process onwards; depends on nothing but its arguments."""
    process = PROCESSES[plan.process]
    rng = _generator(plan.seed, process.name, chunk)
    more = () if plan.tune is None else (f"Tune:pp = {plan.tune}",)
    generated = process.generate(rng, process.chunk_events, plan.gun, more)
    response = respond(generated, process.era, rng)
    if plan.pool is not None:
        response = overlay(response, _pool(plan.pool, process.era.name), plan.pileup, process.era, rng)
    events = read_out(generated, response, process, rng)
    first = chunk * process.chunk_events
    events = replace(
        events,
        luminosity_block=np.full(len(events), chunk + 1, dtype=np.uint32),
        event=np.arange(len(events), dtype=np.uint64) + np.uint64(first + 1),
        provenance=_provenance(plan),
    )
    return events.slice(0, min(len(events), plan.num_events - first))


def _provenance(plan: Plan) -> dict[str, Any]:
    """Without the number of events: fewer are the first of more, to the byte."""
    described = {key: value for key, value in plan.describe().items() if key != "num_events"}
    return {"e2e": __version__, **described, "era": PROCESSES[plan.process].era.name}


def read_out(generated: Generated, response: Response, process: Process, rng: Generator) -> Events:
    """Rec hits, tracks, jets: an event as a file of CMS would have it, and its truth."""
    count = len(generated)
    objects = {"truth": generated.truth, "tracks": response.tracks, "vertices": response.vertices}
    if process.tracker_layers:
        layers = [TRACKER_LAYERS[name] for name in process.tracker_layers]
        objects["tracker_hits"] = with_noise(response.tracker_hits, layers, process.era, rng)
    events = Events(
        run=np.full(count, SIMULATED_RUN, dtype=np.uint32),
        luminosity_block=np.zeros(count, dtype=np.uint32),
        event=np.zeros(count, dtype=np.uint64),
        hits={**read_out_ecal(response.ecal, rng), **read_out_hcal(response.hcal, process.era, rng)},
        objects=objects,
    )
    if process.jet_radius is None:
        return events
    return replace(events, objects={**objects, "jets": cluster_jets(events, process.jet_radius)})


def _generator(seed: int, name: str, chunk: int) -> Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(name.encode()), chunk])))


# ---- the pool of pile-up


def prepare_pool(path: Path, era: Era) -> None:
    """Make the pool file of an era unless it is there. Raises InputError where another one is, or no place for it."""
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(path, "no place for a pile-up pool", "give a file, new or not, in a folder that exists")
    if path.exists():
        _pool(path, era.name)
        return
    rng = _generator(POOL_SEED, f"pool {era.name}", 0)
    write_pool(path, respond(minimum_bias(era, rng, POOL_EVENTS), era, rng), _about_pool(era))


def _about_pool(era: Era) -> dict[str, str]:
    about = {"era": era.name, "simulation": str(SIMULATION_VERSION), "events": str(POOL_EVENTS)}
    return about | {name: str(version) for name, version in versions().items()}


@cache
def _pool(path: Path, era: str) -> Pool:
    return read_pool(path, _about_pool(ERAS[era]))
