"""What was reconstructed in one event, and its truth, with what is needed to draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.detector.helix import ECAL_ENDCAP_FRONT_Z_CM, bend_of, follow, path_to_ecal, path_to_plane
from e2e.events.record import OBJECT_COLUMNS, Events

Columns = dict[str, NDArray[Any]]
FloatArray = NDArray[np.float64]

_POINT = ("x_cm", "y_cm", "z_cm")
_POINTS_ALONE = ("tracker_hits", "vertices")
COLLECTIONS = tuple(OBJECT_COLUMNS)


def objects_of(events: Events, event: int, name: str) -> Columns | None:
    """Columns of `OBJECT_COLUMNS`, highest pT first; None where the source does not say.

    What flies (tracks, photons, electrons, truth) brings how to draw it: `bend` (radian per cm) and `path_cm`, the
    transverse path from its point, see `drawn_path`. A point that is not known is the origin.
    """
    table = events.objects.get(name)
    if table is None or not table.is_present[event]:
        return None
    rows = table.rows_of(event)
    if name in _POINTS_ALONE:
        is_known = np.all([np.isfinite(rows[axis]) for axis in _POINT], axis=0)
        return {column: values[is_known] for column, values in rows.items()}
    order = np.argsort(-rows["pt"], kind="stable")
    rows = {column: values[order] for column, values in rows.items()}
    if "x_cm" not in rows:
        return rows
    rows |= {axis: np.nan_to_num(rows[axis]) for axis in _POINT}
    bend = bend_of(rows["charge"], rows["pt"]) if "charge" in rows else np.zeros(len(order))
    return {**rows, "bend": bend, "path_cm": drawn_path(*_state(rows), bend)}


def drawn_path(
    x_cm: FloatArray, y_cm: FloatArray, z_cm: FloatArray, eta: FloatArray, phi: FloatArray, bend: FloatArray
) -> FloatArray:
    """Transverse path in cm as far as it is drawn: to the ECAL; what curls up before, half a turn of it; what begins
    outside, nothing."""
    path = path_to_ecal(x_cm, y_cm, z_cm, eta, phi, bend)
    with np.errstate(divide="ignore"):
        half_turn = np.pi / np.abs(bend)
    curled = np.fmin(half_turn, path_to_plane(z_cm, eta, ECAL_ENDCAP_FRONT_Z_CM))
    is_inside = np.hypot(x_cm, y_cm) < 129.0
    path = np.where(np.isnan(path) & is_inside & np.isfinite(curled), curled, path)
    return np.nan_to_num(path)


def polyline(columns: Columns, num_points: int) -> FloatArray:
    """Points along what `objects_of` gives, (rows, points, 3), cm; the last ones are where it ends."""
    along = np.linspace(0, 1, num_points)[:, None] * columns["path_cm"]
    return np.stack(follow(*_state(columns), columns["bend"], along), axis=-1).swapaxes(0, 1)


def _state(columns: Columns) -> tuple[FloatArray, ...]:
    return tuple(columns[name].astype(np.float64) for name in (*_POINT, "eta", "phi"))
