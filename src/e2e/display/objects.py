"""What was reconstructed in one event, and its truth, with what is needed to draw it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM
from e2e.detector.helix import ECAL_ENDCAP_FRONT_Z_CM, bend_of, follow, path_to_ecal, path_to_plane
from e2e.display.cells import Columns
from e2e.events.record import OBJECT_COLUMNS, Events

FloatArray = NDArray[np.float64]

POINT = ("x_cm", "y_cm", "z_cm")
_POINTS_ALONE = ("tracker_hits", "vertices")
_ALONG_THE_BEAM_ETA = 10.0  # beyond there is no detector
COLLECTIONS = tuple(OBJECT_COLUMNS)


class State(NamedTuple):
    """A point and the direction there, as `e2e.detector.helix` takes them; (rows,) each."""

    x_cm: FloatArray
    y_cm: FloatArray
    z_cm: FloatArray
    eta: FloatArray
    phi: FloatArray


def objects_of(events: Events, event: int, name: str) -> Columns | None:
    """Columns of `OBJECT_COLUMNS`, highest pT first; None where the source does not say.

    What flies (tracks, photons, electrons, truth) brings how to draw it: `bend` (radian per cm) and `path_cm`, the
    transverse path from its point, see `drawn_path`; 0 both where there is none. A point that is not known is the
    origin. Left out: what lies along the beam or has no direction, and points without a place.
    """
    table = events.objects.get(name)
    if table is None or not table.is_present[event]:
        return None
    rows = table.rows_of(event)
    if name in _POINTS_ALONE:
        is_drawn = np.all([np.isfinite(rows[axis]) for axis in POINT], axis=0)
        return {column: values[is_drawn] for column, values in rows.items()}
    is_drawn = np.isfinite(rows["pt"]) & np.isfinite(rows["phi"]) & (np.abs(rows["eta"]) < _ALONG_THE_BEAM_ETA)
    order = np.flatnonzero(is_drawn)[np.argsort(-rows["pt"][is_drawn], kind="stable")]
    rows = {column: values[order] for column, values in rows.items()}
    if "x_cm" not in rows:
        return rows
    rows |= {axis: np.nan_to_num(rows[axis]) for axis in POINT}
    bend = bend_of(rows["charge"], rows["pt"]) if "charge" in rows else np.zeros(len(order))
    path = drawn_path(_state(rows), bend)
    return {**rows, "bend": np.where(path > 0, bend, 0.0), "path_cm": path}


def drawn_path(state: State, bend: FloatArray) -> FloatArray:
    """Transverse path in cm as far as it is drawn: to the ECAL; what curls up before, half a turn of it; what begins
    outside, nothing."""
    path = path_to_ecal(*state, bend)
    with np.errstate(divide="ignore"):
        half_turn = np.pi / np.abs(bend)
    curled = np.fmin(half_turn, path_to_plane(state.z_cm, state.eta, ECAL_ENDCAP_FRONT_Z_CM))
    path = np.where(np.isnan(path) & np.isfinite(curled), curled, path)
    is_inside = np.hypot(state.x_cm, state.y_cm) < ECAL_BARREL_FRONT_RADIUS_CM
    is_inside &= np.abs(state.z_cm) < ECAL_ENDCAP_FRONT_Z_CM
    return np.where(is_inside, np.nan_to_num(path), 0.0)


def polyline(columns: Columns, num_points: int) -> FloatArray:
    """Points along what `objects_of` gives, (rows, points, 3), cm; the last ones are where it ends."""
    along = np.linspace(0, 1, num_points)[:, None] * columns["path_cm"]
    return np.stack(follow(*_state(columns), columns["bend"], along), axis=-1).swapaxes(0, 1)


def _state(columns: Columns) -> State:
    return State(*(columns[name].astype(np.float64) for name in State._fields))
