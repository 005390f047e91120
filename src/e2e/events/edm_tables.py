"""From the bytes and numbers of an EDM file to the tables of the record and to the events' numbers."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.detector.detid import is_subdetector
from e2e.events.record import OBJECT_COLUMNS, Table

Columns = dict[str, NDArray[Any]]
Mask = NDArray[np.bool_]

_HIGH_PURITY = 1 << 2  # of reco::TrackBase::quality_
_BITSET_HEADER, _BITSET_BYTES, _IS_HARD_PROCESS = 6, 4 + 15, 7
_PYTHIA6_HARD, _PYTHIA6_INCOMING, _INCOMING, _LAST_HARD, _PROTON = 3, 6, 21, 29, 2212  # status codes, and a PDG id
# What TStreamerElement calls a member of a basic type, as struct knows it.
_BASIC = {1: "b", 2: "h", 3: "i", 4: "q", 5: "f", 8: "d", 11: "B", 12: "H", 13: "I", 14: "Q", 16: "q", 17: "Q", 18: "?"}
_COUNT, _VERSION, _IS_COUNT = struct.Struct(">I"), struct.Struct(">H"), 0x4000_0000

_Members = Sequence[tuple[str, struct.Struct | None]]  # None: something that begins with the count of its bytes


class EventLayout(NamedTuple):
    """Members in the order in which they are stored."""

    auxiliary: _Members
    event_id: _Members


def hit_tables(name: str, table: Table) -> dict[str, Table]:
    """The table by subdetector: HBHE makes two; ids that are of neither stay with HB, where the door reports them."""
    if name != "HBHE":
        return {name: table}
    is_endcap = is_subdetector(table["detid"], "HE")
    return {"HB": table.select(~is_endcap), "HE": table.select(is_endcap)}


def hit_columns(values: Columns) -> Columns:
    """Columns of `HIT_COLUMNS` from the members of the layout: GeV and ns in the file, too."""
    unknown = np.full(len(values["detid"]), np.nan)
    columns: Columns = {"detid": values["detid"].astype(np.uint32)}
    return columns | {name: _as_float32(values.get(name, unknown)) for name in ("energy", "time")}


def object_table(name: str, counts: NDArray[np.int64], values: Columns, presence: Mask) -> Table:
    """`OBJECT_COLUMNS` of the good rows; lengths are cm and momenta GeV in the file, too. NaN: the file does not say.

    Fake vertices (the beam spot, put there where none was found) and invalid ones are left out; of the generator's
    particles only those of the hard process stay.
    """
    event_index = np.repeat(np.arange(len(counts)), counts)
    num_rows = len(event_index)
    with np.errstate(all="ignore"):  # a nan or an infinity is what the door looks for
        values = values | _derived(name, values)
        unknown = np.full(num_rows, np.nan)
        columns = {column: _as_float32(values.get(column, unknown)) for column in OBJECT_COLUMNS[name]}
    keep = np.ones(num_rows, dtype=bool)
    if name == "vertices" and {"chi2", "ndof"} <= values.keys():
        # as reco::Vertex::isFake, but for its list of tracks, which MiniAOD leaves empty
        keep = values.get("validity", keep).astype(bool) & ~((values["chi2"] == 0) & (values["ndof"] == 0))
    if name == "truth":
        keep, is_known = _hard_process(event_index, len(counts), values)
        keep &= is_known[event_index]
        presence = presence & is_known
    kept = np.bincount(event_index[keep], minlength=len(counts))
    return Table.from_counts(kept, {column: rows[keep] for column, rows in columns.items()}, presence)


def _derived(name: str, values: Columns) -> Columns:
    """What follows from the members, in float64."""
    of = {member: column.astype(np.float64) for member, column in values.items()}
    if name == "tracks":
        pt = np.hypot(of["px"], of["py"])
        derived = {"pt": pt, "eta": np.arcsinh(of["pz"] / pt), "phi": np.arctan2(of["py"], of["px"])}
        if "covariance" in of:  # lower triangle of (q/p, lambda, phi, dxy, dsz); as reco::TrackBase::dzError
            derived["d0_error_cm"] = np.sqrt(of["covariance"][:, _packed(3)])
            derived["dz_error_cm"] = np.sqrt(of["covariance"][:, _packed(4)]) * np.hypot(pt, of["pz"]) / pt
        if "quality" in values:
            derived["is_high_purity"] = ((values["quality"] & _HIGH_PURITY) != 0).astype(np.float64)
        return derived
    derived = {}
    if {"pt", "eta", "mass"} <= of.keys():
        derived["energy"] = np.hypot(of["pt"] * np.cosh(of["eta"]), of["mass"])
    if "three_charge" in of:
        derived["charge"] = of["three_charge"] / 3
    return derived


def _packed(i: int) -> int:
    """Place of the i-th diagonal element of a symmetric matrix stored as its lower triangle."""
    return i * (i + 1) // 2 + i


def _hard_process(event_index: NDArray[np.int64], num_events: int, values: Columns) -> tuple[Mask, Mask]:
    """Which particles are of the hard process and not incoming, and of which events that can be told.

    Since 2015 a flag says which are of it (`reco::GenStatusFlags`), before that the status: 21 to 29 in Pythia 8, 3 in
    Pythia 6. Pythia 8 gives the incoming 21; Pythia 6 has its own order (hep-ph/0603175, chapter 5): both beam
    protons, the partons taken out of them, the same after radiation, and then the others.
    """
    status = values["status"]
    is_pythia6 = status == _PYTHIA6_HARD
    of_event = np.bincount(event_index[is_pythia6], minlength=num_events)
    rank = np.full(len(status), -1)
    rank[is_pythia6] = np.arange(of_event.sum()) - np.repeat(np.cumsum(of_event) - of_event, of_event)
    is_beam = (rank >= 0) & (rank < 2) & (values["pdg_id"] == _PROTON)
    is_known = (of_event == 0) | (np.bincount(event_index[is_beam], minlength=num_events) == 2)

    is_hard = values.get("is_hard_process", is_pythia6 | ((status >= _INCOMING) & (status <= _LAST_HARD)))
    is_incoming = (status == _INCOMING) | (is_pythia6 & (rank < _PYTHIA6_INCOMING))
    return is_hard & ~is_incoming, is_known


def hard_process_bits(lengths: NDArray[np.int64], raw: NDArray[np.uint8], counts: NDArray[np.int64]) -> Mask | None:
    """Bit `isHardProcess` of each particle's `reco::GenStatusFlags`, a std::bitset<15>; None: not stored as expected.

    lengths: bytes of each event; raw: all bytes; counts: particles of each event. ROOT writes 6 bytes of header, then
    for each particle the number of its bits, 4 bytes, and a byte for each bit.
    """
    if not np.array_equal(np.maximum(lengths - _BITSET_HEADER, 0), counts * _BITSET_BYTES):
        return None
    within = np.arange(len(raw)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    particles = raw[within >= _BITSET_HEADER].reshape(-1, _BITSET_BYTES)
    return particles[:, _BITSET_BYTES - 15 + _IS_HARD_PROCESS] != 0


def _as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which the door reports
        return values.astype(np.float32)


# ---- run, luminosity block and event: uproot 5.7 takes the first member of edm::EventAuxiliary for its header


def event_layout(streamers: Mapping[str, Mapping[int, Any]]) -> EventLayout:
    """Of the file's own description of its classes: name -> version -> TStreamerInfo."""
    auxiliary, event_id = (max(streamers[name].items())[1] for name in ("edm::EventAuxiliary", "edm::EventID"))
    return EventLayout(_members(auxiliary), _members(event_id))


def _members(streamer: Any) -> _Members:
    codes = {element.name: element.member("fType") for element in streamer.elements}
    return [(name, struct.Struct(">" + _BASIC[code]) if code in _BASIC else None) for name, code in codes.items()]


def event_number(raw: bytes, layout: EventLayout) -> tuple[int, int, int]:
    """(run, luminosity block, event). Raises when the bytes do not agree with the layout."""
    auxiliary, event_id = layout
    found, end, at_id = _walk(raw, 0, auxiliary)
    if end != len(raw) or at_id is None:
        raise ValueError(f"EventAuxiliary of {len(raw)} bytes is not laid out as the file says")
    found |= _walk(raw, at_id, event_id)[0]  # the block moved into edm::EventID in 2010
    return found["run_"], found["luminosityBlock_"], found["event_"]


def _walk(raw: bytes, at: int, members: _Members) -> tuple[dict[str, Any], int, int | None]:
    """(numbers by member, where they end, where the members of `id_` begin)."""
    found, at_id = {}, None
    for name, number in members:
        if number is not None:
            found[name] = number.unpack_from(raw, at)[0]
            at += number.size
            continue
        (count,) = _COUNT.unpack_from(raw, at)
        if not count & _IS_COUNT:
            raise ValueError(f"EventAuxiliary: no count of bytes before {name}")
        if name == "id_":  # version 0 is followed by a checksum
            at_id = at + 6 if _VERSION.unpack_from(raw, at + 4)[0] else at + 10
        at += _COUNT.size + (count & ~_IS_COUNT)
    return found, at, at_id
