"""From events to values: each function measures some of `QUANTITIES`; what the events do not have is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from e2e.contract import FrameSpec
from e2e.detector.geometry import position
from e2e.events.record import Events, Table
from e2e.frames import Seeds, native
from e2e.validation import quantities as q
from e2e.validation.shower_shapes import shower_shapes
from e2e.validation.values import IntArray, Values

Measured = dict[str, Values]

_TRUE_NUMBERS = {"electron": 11, "photon": 22}  # PDG


def measure_hits(events: Events) -> Measured:
    """Multiplicity, energies, times and |eta| of the hits of each subdetector."""
    found: Measured = {}
    for name in q.SUBDETECTORS:
        if (table := events.hits.get(name)) is not None:
            found |= {f"{name}-{key}": value.of(table.is_present) for key, value in _of_hits(name, table).items()}
    return found


def _of_hits(name: str, table: Table) -> Measured:
    event, num_events = table.event_index, len(table.counts)
    energy = table["energy"].astype(np.float64)
    is_high = energy > q.HIGH_HIT_GEV
    time = np.clip(table["time"], -100.0, 100.0)  # ns; what lies beyond says no more than that
    return {
        "hits": Values.of_events(table.counts),
        "energy-sum": Values.of_events(np.bincount(event, energy, minlength=num_events)),
        "hit-energy": Values.of_items(energy, event, num_events),
        "occupancy": Values.of_items(np.abs(position(table["detid"], name).eta), event, num_events),
        "time": Values.of_items(time, event, num_events),
        "time-high": Values.of_items(time[is_high], event[is_high], num_events),
    }


def measure_tracks(events: Events) -> Measured:
    if (table := events.objects.get("tracks")) is None:
        return {}
    is_good = (table["pt"] > q.TRACK_MIN_PT) & (np.abs(table["eta"]) < q.TRACK_MAX_ETA)
    good = table.select(is_good)
    event, num_events = good.event_index, len(good.counts)
    found = {
        "tracks": Values.of_events(good.counts),
        "track-pt": Values.of_items(good["pt"], event, num_events),
        "track-eta": Values.of_items(good["eta"], event, num_events),
    }
    return {name: value.of(table.is_present) for name, value in found.items()}


def measure_vertices(events: Events) -> Measured:
    table = events.objects.get("vertices")
    return {} if table is None else {"vertices": Values.of_events(table.counts).of(table.is_present)}


def measure_jets(events: Events) -> Measured:
    if (table := events.objects.get("jets")) is None:
        return {}
    return {
        f"jets-above-{pt}": Values.of_events(table.select(table["pt"] > pt).counts).of(table.is_present)
        for pt in q.JET_MIN_PT
    }


def measure_showers(events: Events) -> Measured:
    """Shapes of isolated electrons and photons in the barrel: reconstructed ones, or the true ones of a simulation."""
    found: Measured = {}
    electrons: Seeds | None = None
    for item in _TRUE_NUMBERS:
        table = _objects(events, item)
        if table is None or "EB" not in events.hits:
            continue
        seeds = _seeds(events.hits["EB"], table)
        if item == "electron":
            electrons = seeds
        elif electrons is not None:
            seeds = seeds.select(~np.isin(_crystal(seeds), _crystal(electrons)))  # CMS makes photons of electrons too
        candidates = native.build_candidates(events.hits["EB"], FrameSpec(), seeds)
        candidates = candidates.select(candidates.share_outside() < q.MAX_SHARE_OUTSIDE)
        shapes, event = shower_shapes(candidates), candidates.seeds.event_index
        is_present = table.is_present & events.hits["EB"].is_present
        for shape, value in shapes.items():
            found[f"{item}-{shape}"] = Values.of_items(value, event, len(events)).of(is_present)
    return found


def _objects(events: Events, item: str) -> Table | None:
    if (reconstructed := events.objects.get(f"{item}s")) is not None:
        return reconstructed
    if (truth := events.objects.get("truth")) is None:
        return None
    chosen = truth.select(np.abs(truth["pdg_id"]) == _TRUE_NUMBERS[item])
    charge = -np.sign(chosen["pdg_id"]) if item == "electron" else np.zeros(len(chosen))
    return Table(chosen.offsets, {**chosen.columns, "charge": charge}, chosen.presence)


def _seeds(hits: Table, table: Table) -> Seeds:
    wanted = table.select((table["pt"] > q.MIN_SHOWER_PT) & (table["pt"] < q.MAX_SHOWER_PT))
    seeds, _ = native.seeds_of_objects(hits, wanted.event_index, wanted.columns)
    return seeds


def _crystal(seeds: Seeds) -> IntArray:
    """A number for each crystal of each event."""
    return (seeds.event_index * 1000 + seeds.row) * 1000 + seeds.column


MEASURES: tuple[Callable[[Events], Measured], ...] = (
    measure_hits,
    measure_tracks,
    measure_vertices,
    measure_jets,
    measure_showers,
)
