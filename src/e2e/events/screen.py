"""The door: hits and objects that cannot be true are reported, one line per event and collection, and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import MAX_HIT_ENERGY_GEV
from e2e.detector.detid import is_valid
from e2e.events.record import Events, Table
from e2e.problems import Problems, Severity

Mask = NDArray[np.bool_]

_DIRECTION = ("pt", "eta", "phi")  # without these an object points nowhere


class Fault(NamedTuple):
    """Rows of a table that share a fault; `describe` says it of one row, `remedy` what becomes of the row."""

    rows: Mask
    describe: Callable[[int], str]
    remedy: str = "dropped"
    severity: Severity = "error"
    is_dropped: bool = True


def screen_events(events: Events, path: Path, problems: Problems, keep_bad_hits: bool = False) -> Events:
    """Report what is wrong with the events of `path` and leave it out; with `keep_bad_hits` hits are only reported.

    Left out: events without any rec hit; hits with an unknown DetId, a non-finite or absurd energy, or of a channel
    seen before in the event (the first good one wins); objects without a direction. A non-finite time becomes 0.
    """
    events = _with_hits(events, path, problems)
    hits, objects = dict(events.hits), dict(events.objects)
    for name, table in events.hits.items():
        faults = _hit_faults(name, table)
        if keep_bad_hits:
            faults = [fault._replace(remedy="kept for the check") for fault in faults]
        else:
            timed = np.where(np.isfinite(table["time"]), table["time"], np.float32(0))
            drop = np.any([fault.rows for fault in faults if fault.is_dropped], axis=0)
            hits[name] = replace(table, columns={**table.columns, "time": timed}).select(~drop)
        for fault in faults:
            _report(fault, table, events, path, problems)
    for name, table in events.objects.items():
        if name != "truth" and all(column in table.columns for column in _DIRECTION):
            fault = _no_direction(name, table)
            objects[name] = table.select(~fault.rows)
            _report(fault, table, events, path, problems)
    return replace(events, hits=hits, objects=objects)


def repeats(detid: NDArray[np.uint32], event_index: NDArray[np.int64]) -> tuple[Mask, NDArray[np.int64]]:
    """Which rows name a channel that their event has named before, and the row that named it first."""
    channel = event_index.astype(np.uint64) << np.uint64(32) | detid
    _, first, which = np.unique(channel, return_index=True, return_inverse=True)
    first_row = first[which]
    return first_row != np.arange(len(detid)), first_row


def _hit_faults(name: str, table: Table) -> list[Fault]:
    detid, energy, time = table["detid"], table["energy"], table["time"]
    is_known, is_finite = is_valid(detid, name), np.isfinite(energy)
    is_absurd = is_known & is_finite & (np.abs(energy) > MAX_HIT_ENERGY_GEV)

    good = np.flatnonzero(is_known & is_finite & ~is_absurd)
    is_repeat, first = repeats(detid[good], table.event_index[good])
    bits = energy[good].view(np.uint32)
    is_copy, is_conflict = (np.zeros(len(detid), dtype=bool) for _ in range(2))
    is_copy[good] = is_repeat & (bits == bits[first])
    is_conflict[good] = is_repeat & (bits != bits[first])

    return [
        Fault(~is_known, lambda i: f"unknown DetId {detid[i]} in {name}"),
        Fault(is_known & ~is_finite, lambda i: f"energy {energy[i]} in {name} hit {detid[i]}"),
        Fault(is_absurd, lambda i: f"energy {energy[i]:.6g} GeV in {name} hit {detid[i]}"),
        Fault(is_conflict, lambda i: f"{name} hit {detid[i]} twice with different energies", "the first one is used"),
        Fault(is_copy, lambda i: f"{name} hit {detid[i]} twice with the same energy", "one is used", "warning"),
        Fault(~np.isfinite(time), lambda i: f"time {time[i]} in {name} hit {detid[i]}", "taken as 0", "warning", False),
    ]


def _no_direction(name: str, table: Table) -> Fault:
    is_finite = np.all([np.isfinite(table[column]) for column in _DIRECTION], axis=0)

    def describe(i: int) -> str:
        return f"{name}: pt, eta, phi = " + ", ".join(f"{table[column][i]:g}" for column in _DIRECTION)

    return Fault(~is_finite, describe)


def _report(fault: Fault, table: Table, events: Events, path: Path, problems: Problems) -> None:
    rows = np.flatnonzero(fault.rows)
    affected, first, counts = np.unique(table.event_index[rows], return_index=True, return_counts=True)
    for event, row, count in zip(affected.tolist(), rows[first].tolist(), counts.tolist(), strict=True):
        others = f" ({count - 1} more like it)" if count > 1 else ""
        problems.report(f"{path}: {events.name_of(event)}", fault.describe(row) + others, fault.remedy, fault.severity)


def _with_hits(events: Events, path: Path, problems: Problems) -> Events:
    num_hits = sum((table.counts for table in events.hits.values()), np.zeros(len(events), dtype=np.int64))
    if np.all(num_hits > 0):
        return events
    for event in np.flatnonzero(num_hits == 0).tolist():
        problems.report(f"{path}: {events.name_of(event)}", "no rec hits in any collection", "event skipped")
    kept = [events.slice(event, event + 1) for event in np.flatnonzero(num_hits > 0).tolist()]
    return Events.concatenate(kept) if kept else events.slice(0, 0)
