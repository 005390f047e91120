"""Which candidates of an event a task learns from, and which true particle labels each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from e2e.contract import SEED_MIN_ENERGY_GEV, FrameSpec
from e2e.detector.geometry import position, wrap_phi
from e2e.events.record import Events
from e2e.frames import Seeds, native
from e2e.frames.jet_seeds import jet_seeds, whole_seeds

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class Found(NamedTuple):
    """One entry per candidate. truth_row: of the truth table. pt, eta, phi: as measured where the candidate was."""

    seeds: Seeds
    truth_row: IntArray
    pt: FloatArray
    eta: FloatArray
    phi: FloatArray


class Selection(Protocol):
    """needs: the tables, beside the truth, that the events must have."""

    @property
    def needs(self) -> tuple[str, ...]: ...

    def find(self, events: Events, frame: FrameSpec) -> Found: ...


def _of_truth(events: Events, seeds: Seeds) -> Found:
    """Candidates of events that hold one true particle each."""
    truth = events.objects["truth"]
    row = truth.offsets[seeds.event_index]
    return Found(seeds, row, *(truth[name][row] for name in ("pt", "eta", "phi")))


@dataclass(frozen=True)
class LeadingCrystal:
    """The highest barrel crystal of each event, at least 1 GeV; the event's one true particle labels it."""

    needs: tuple[str, ...] = ("EB",)

    def find(self, events: Events, frame: FrameSpec) -> Found:
        return _of_truth(events, native.leading_seeds(events.hits["EB"], SEED_MIN_ENERGY_GEV))


@dataclass(frozen=True)
class WholeBarrel:
    """All of the barrel, of events in which a crystal of it has a transverse energy of `min_et` (GeV) and more; the
    event's one truth row labels it."""

    min_et: float
    needs: tuple[str, ...] = ("EB",)

    def find(self, events: Events, frame: FrameSpec) -> Found:
        hits = events.hits["EB"]
        et = hits["energy"] / np.cosh(position(hits["detid"], "EB").eta)
        is_taken = np.isin(np.arange(len(events)), hits.event_index[et >= self.min_et])
        return _of_truth(events, whole_seeds(events, frame).select(is_taken))


@dataclass(frozen=True)
class MatchedJets:
    """Jets in a range of measured pT (GeV) and |eta| with a true particle within `max_distance` in (eta, phi).

    A jet takes the nearest true particle, a true particle the nearest jet that took it; the rest are left out, and so
    are jets whose window leaves the grid.
    """

    pt: tuple[float, float]
    max_abs_eta: float
    max_distance: float
    needs: tuple[str, ...] = ("EB", "HB", "jets")

    def find(self, events: Events, frame: FrameSpec) -> Found:
        jets = events.objects["jets"]
        seeds, jet = jet_seeds(events, frame)
        pt, eta, phi = (jets[name][jet] for name in ("pt", "eta", "phi"))
        truth_row = _match(events, self.max_distance)[jet]
        is_good = (truth_row >= 0) & (pt >= self.pt[0]) & (pt < self.pt[1]) & (np.abs(eta) < self.max_abs_eta)
        return Found(seeds.select(is_good), truth_row[is_good], pt[is_good], eta[is_good], phi[is_good])


def _match(events: Events, max_distance: float) -> IntArray:
    """Row of the truth table that labels each jet, -1: none."""
    jets, truth = events.objects["jets"], events.objects["truth"]
    best, row_of = np.full(len(jets), np.inf), np.full(len(jets), -1)
    event = jets.event_index
    for k in range(int(truth.counts.max(initial=0))):
        row = truth.offsets[event] + k
        has = np.flatnonzero(k < truth.counts[event])
        distance = _distance(jets.columns, has, truth.columns, row[has])
        is_nearer = distance < best[has]
        best[has[is_nearer]], row_of[has[is_nearer]] = distance[is_nearer], row[has[is_nearer]]
    order = np.lexsort((best, row_of))
    is_first = np.concatenate(([True], row_of[order][1:] != row_of[order][:-1]))[: len(order)]
    chosen = np.full(len(jets), -1)
    chosen[order[is_first]] = row_of[order[is_first]]
    return np.where(best < max_distance, chosen, -1)


def _distance(one: Any, rows: IntArray, other: Any, other_rows: IntArray) -> NDArray[np.float64]:
    return np.hypot(one["eta"][rows] - other["eta"][other_rows], wrap_phi(one["phi"][rows] - other["phi"][other_rows]))
