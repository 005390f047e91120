"""From the collections of one iSpy event to tables: fields by their names in `Types`, whatever the version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.events.record import OBJECT_COLUMNS
from e2e.problems import Problems

Columns = dict[str, NDArray[Any]]

_CM_PER_M = 100.0
_POINT = ("x_cm", "y_cm", "z_cm")
_NULL_DETID = 0  # CMS's own "no detector": undecodable, and so the door reports it


class Layout(NamedTuple):
    """Where an object's columns are found. stems: collections in order of preference, without `_V1`."""

    stems: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]  # column -> possible names
    point: tuple[str, ...] = ("pos",)
    flags: Mapping[str, int] = {}  # rows with another value are not what the collection's name says


_KINEMATICS = {"pt": ("pt", "et"), "eta": ("eta",), "phi": ("phi",)}
_SHOWER = {
    "energy": ("energy",),
    "max_energy_crystal": ("maxEnergyXtal",),
    "e3x3": ("e3x3",),
    "e5x5": ("e5x5",),
    "sigma_ieta_ieta": ("sigmaIetaIeta",),
}
LAYOUTS: dict[str, Layout] = {
    "tracks": Layout(("Tracks",), {**_KINEMATICS, "charge": ("charge",)}),
    "photons": Layout(("Photons",), {**_KINEMATICS, **_SHOWER}),
    "electrons": Layout(("GsfElectrons",), {**_KINEMATICS, "charge": ("charge",)}),
    "jets": Layout(("PFJets", "Jets"), _KINEMATICS),
    "taus": Layout(("PFTaus", "CaloTaus"), _KINEMATICS),
    # a fake vertex is the beam spot, put there where none was found
    "vertices": Layout(
        ("PrimaryVertices", "Vertices"),
        {"chi2": ("chi2",), "ndof": ("ndof",)},
        flags={"isValid": 1, "isFake": 0},
    ),
}


class MalformedError(ValueError):
    """The event, or a collection of it, cannot be understood."""


class Collection(NamedTuple):
    """Rows of one collection and the place of each field in them."""

    name: str
    fields: list[str]
    rows: list[Any]

    def place(self, names: Sequence[str]) -> int | None:
        return next((self.fields.index(name) for name in names if name in self.fields), None)


def find_collection(data: Mapping[str, Any], stems: Sequence[str]) -> Collection | None:
    """The first stem that the event has; of its versions the newest that holds rows.

    Raises MalformedError when the rows or the names of their fields are missing.
    """
    collections, types = (_mapping(data, key) for key in ("Collections", "Types"))
    for stem in stems:
        names = [name for name in collections if re.fullmatch(stem + r"_V\d{1,3}", name)]
        if names:
            name = max(names, key=lambda name: (bool(collections[name]), int(name.rpartition("_V")[2])))
            rows, fields = collections[name], types.get(name)
            if not isinstance(rows, list):
                raise MalformedError(f"{name} is not a list")
            is_typed = isinstance(fields, list) and all(
                isinstance(field, list) and field and isinstance(field[0], str) for field in fields
            )
            if not is_typed:
                raise MalformedError(f"no field names for {name} in Types")
            return Collection(name, [field[0] for field in fields or []], rows)
    return None


def hit_columns(data: Mapping[str, Any], subdetector: str, where: str, problems: Problems) -> Columns | None:
    """Columns of `HIT_COLUMNS` and the stored eta and phi; None where the event has no such collection."""
    found = _found(data, (f"{subdetector}RecHits",), where, problems)
    if found is None:
        return None
    missing = [name for name in ("detid", "energy") if name not in found.fields]
    if missing:
        problems.report(where, f"{found.name} has no field {missing[0]}", "collection skipped")
        return None
    values = _numbers(found, {name: (name,) for name in ("detid", "energy", "time", "eta", "phi")}, (), where, problems)
    columns: Columns = {"detid": _as_detid(values["detid"])}
    columns |= {name: _as_float32(values[name]) for name in ("energy", "time")}
    return columns | {name: values[name] for name in ("eta", "phi")}


def object_columns(data: Mapping[str, Any], name: str, where: str, problems: Problems) -> Columns | None:
    """Columns of `OBJECT_COLUMNS`, NaN where iSpy has no such field; None where the event has no such collection."""
    layout = LAYOUTS[name]
    found = _found(data, layout.stems, where, problems)
    if found is None:
        return None
    flags = {flag: (flag,) for flag in layout.flags if flag in found.fields}
    values = _numbers(found, {**layout.fields, **flags}, layout.point, where, problems)
    is_good = np.ones(len(values["x_cm"]), dtype=bool)
    for flag in flags:
        is_good &= values[flag] == layout.flags[flag]
    unknown = np.full(len(is_good), np.nan)
    return {column: _as_float32(values.get(column, unknown)[is_good]) for column in OBJECT_COLUMNS[name]}


def event_number(data: Mapping[str, Any], member: str) -> tuple[int, int, int]:
    """(run, luminosity block, event); from the member's name where the event does not say, block 0 then.

    Raises MalformedError when neither says, and when the event has no Collections or Types at all.
    """
    for key in ("Collections", "Types"):
        _mapping(data, key)
    try:
        found = find_collection(data, ("Event",))
    except MalformedError:
        found = None
    row = found.rows[0] if found and found.rows else None
    if found and isinstance(row, list) and len(row) == len(found.fields):
        # old files hold an event number above 2^31 as a negative 32-bit integer
        stored = {name: value for name, value in zip(found.fields, row, strict=True) if type(value) is int}
        run, block = stored.get("run", -1), stored.get("ls", 0)
        event = stored.get("event", -(2**32))
        event += 2**32 if -(2**31) <= event < 0 else 0
        if 0 <= run < 2**32 and 0 <= block < 2**32 and 0 <= event < 2**64:
            return run, block, event
    match = re.fullmatch(r"Events/Run_(\d{1,9})/Event_(\d{1,18})", member)
    if match is None:
        raise MalformedError("neither Event_V* nor the member's name gives run and event")
    return int(match[1]), 0, int(match[2])


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, dict):
        raise MalformedError(f"no {key}")
    return value


def _found(data: Mapping[str, Any], stems: Sequence[str], where: str, problems: Problems) -> Collection | None:
    try:
        return find_collection(data, stems)
    except MalformedError as error:
        problems.report(where, str(error), "collection skipped")
        return None


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**64)


def _numbers(
    found: Collection, wanted: Mapping[str, Sequence[str]], point: Sequence[str], where: str, problems: Problems
) -> dict[str, NDArray[np.float64]]:
    """Columns of the well-formed rows, NaN where the collection has no such field; the rest is reported once."""
    places = {column: found.place(names) for column, names in wanted.items()}
    numeric = [place for place in places.values() if place is not None]
    at = found.place(point)

    def is_well_formed(row: Any) -> bool:
        if type(row) is not list or len(row) != len(found.fields) or not all(_is_number(row[i]) for i in numeric):
            return False
        return at is None or (type(row[at]) is list and len(row[at]) == 3 and all(map(_is_number, row[at])))

    rows = [row for row in found.rows if is_well_formed(row)]
    if len(rows) < len(found.rows):
        bad = next(i for i, row in enumerate(found.rows) if not is_well_formed(row))
        others = len(found.rows) - len(rows) - 1
        what = f"{found.name}: malformed row {bad}" + (f" ({others} more like it)" if others else "")
        problems.report(where, what, "dropped")
    nothing = np.full(len(rows), np.nan)
    columns = {
        column: nothing if place is None else np.array([row[place] for row in rows], dtype=np.float64)
        for column, place in places.items()
    }
    points = np.full((len(rows), 3), np.nan) if at is None else np.array([row[at] for row in rows], dtype=np.float64)
    with np.errstate(over="ignore"):
        return columns | dict(zip(_POINT, _CM_PER_M * points.reshape(-1, 3).T, strict=True))


def _as_detid(values: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Signed or unsigned 32-bit ids; anything else becomes the id of no detector."""
    is_id = (values >= -(2**31)) & (values < 2**32) & (values == np.floor(values))
    return np.where(is_id, values, _NULL_DETID).astype(np.int64).astype(np.uint32)


def _as_float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which the door reports
        return values.astype(np.float32)
