"""Other collisions of the same and of neighbouring crossings, from a pool of simulated minimum-bias events.

The pool holds what the detector made of each collision before read-out. The number of collisions in a crossing is
Poisson distributed; they are drawn from the pool with repetition. Collisions of the crossings before and after reach
the calorimeters alone: a share of their energy, at their time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from e2e.detector.ecal_cells import NUM_ECAL_CELLS
from e2e.detector.hcal_cells import num_hcal_cells
from e2e.events.ragged import rows_of
from e2e.events.record import Table
from e2e.files import replacing, writing
from e2e.problems import InputError
from e2e.simulation.deposits import Part, add_parts
from e2e.simulation.era import Era
from e2e.simulation.stages import Deposits, Response

POOL_EVENTS = 2000

MIN_OUT_OF_TIME_GEV = 0.15  # in a cell of the pool; a third of less is at most the noise

IntArray = NDArray[np.int64]


class Pool(NamedTuple):
    """loud: the cells of `response` that matter out of time."""

    response: Response
    loud_ecal: Deposits
    loud_hcal: Deposits


def make_pool(response: Response) -> Pool:
    return Pool(response, _loud(response.ecal), _loud(response.hcal))


def overlay(response: Response, pool: Pool, mean: float, era: Era, rng: Generator) -> Response:
    """The events with `mean` other collisions each, on average, and as many in the crossings around."""
    num_events, size = len(response), len(pool.response)
    own = np.arange(num_events)
    event, chosen = _draw(num_events, size, mean, rng)
    ecal = [Part(response.ecal, own, own), Part(pool.response.ecal, event, chosen)]
    hcal = [Part(response.hcal, own, own), Part(pool.response.hcal, event, chosen)]
    for crossing, share in zip((-1, 1), era.out_of_time_share, strict=True):
        out_of_time = (*_draw(num_events, size, mean, rng), share, crossing * era.crossing_ns)
        ecal.append(Part(pool.loud_ecal, *out_of_time))
        hcal.append(Part(pool.loud_hcal, *out_of_time))
    return Response(
        add_parts(num_events, NUM_ECAL_CELLS, ecal),
        add_parts(num_events, num_hcal_cells(era), hcal),
        *(
            _append(getattr(response, name), getattr(pool.response, name), event, chosen)
            for name in ("tracks", "tracker_hits", "vertices")
        ),
    )


def _draw(num_events: int, size: int, mean: float, rng: Generator) -> tuple[IntArray, IntArray]:
    """For each collision: the event that gets it, ascending, and the one of the pool that it is."""
    event = np.repeat(np.arange(num_events), rng.poisson(mean, num_events))
    return event, rng.integers(size, size=len(event))


def _append(table: Table, pool: Table, event: IntArray, chosen: IntArray) -> Table:
    """The rows of each event, then those of its other collisions."""
    rows, owner = rows_of(pool.offsets, chosen)
    order = np.argsort(np.concatenate((table.event_index, event[owner])), kind="stable")
    columns = {
        name: np.concatenate((column, pool.columns[name][rows]))[order] for name, column in table.columns.items()
    }
    return Table.from_counts(table.counts + np.bincount(event[owner], minlength=len(table.counts)), columns)


def _loud(deposits: Deposits) -> Deposits:
    is_loud = deposits.energy > MIN_OUT_OF_TIME_GEV
    offsets = np.concatenate(([0], np.cumsum(is_loud)))[deposits.offsets]
    return Deposits(offsets, deposits.cell[is_loud], deposits.energy[is_loud], deposits.time[is_loud])


# ---- on disk


def write_pool(path: Path, response: Response, about: Mapping[str, str]) -> None:
    """about: what made the pool; checked when it is read."""
    arrays: dict[str, NDArray[Any]] = {}
    for field in fields(Response):
        part = getattr(response, field.name)
        columns = vars(part) if isinstance(part, Deposits) else {"offsets": part.offsets, **part.columns}
        arrays |= {f"{field.name}.{name}": np.ascontiguousarray(column) for name, column in columns.items()}
    with replacing(path) as hidden, writing(path):
        hidden.write_bytes(save(arrays, dict(about)))


def read_pool(path: Path, about: Mapping[str, str]) -> Pool:
    """Raises InputError where the file is damaged, or was made in another way than `about` says."""
    remedy = "delete it, and it is made again"
    try:
        with safe_open(path, "numpy") as file:
            found = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        tables = {field.name: _columns(arrays, field.name) for field in fields(Response)}
        ecal, hcal = (Deposits(**tables.pop(name)) for name in ("ecal", "hcal"))
        objects = {name: Table(columns.pop("offsets"), columns) for name, columns in tables.items()}
        pool = make_pool(Response(ecal, hcal, **objects))
    except OSError as error:
        raise InputError(
            path, f"cannot be read ({error.strerror or error})", "give a file that all workers see"
        ) from None
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(path, f"not a pile-up pool ({type(error).__name__})", remedy) from None
    differing = [key for key, value in about.items() if found.get(key) != value]
    if "era" in differing:
        what = f"a pile-up pool for era {found.get('era')}, not {about['era']}"
        raise InputError(path, what, f"give another file for era {about['era']}")
    if differing:
        what = ", ".join(f"{key} {found.get(key)}, not {about[key]}" for key in differing)
        raise InputError(path, f"a pile-up pool with {what}", remedy)
    return pool


def _columns(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
