"""The calorimeter of one event as cells to draw: where each is, how wide, how much energy it holds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.detector.crystals import BARREL_CRYSTAL_ETA
from e2e.detector.detid import unpack_eb, unpack_ee, unpack_hcal
from e2e.detector.geometry import ECAL_BARREL_FRONT_RADIUS_CM, hcal_position, hcal_tower_size, position
from e2e.detector.helix import ECAL_ENDCAP_FRONT_Z_CM
from e2e.events.record import Events

Columns = dict[str, NDArray[Any]]

# Front faces of crystals. Source: CMS, JINST 3 (2008) S08004, 4.1.
EB_CRYSTAL_CM, EE_CRYSTAL_CM = 2.2, 2.862


class Surface(NamedTuple):
    """Where the boxes of a subdetector stand: on a cylinder of `radius_cm`, or on planes at +-`z_cm`. width_cm,
    eta_width, phi_width (radian): of a cell, where all have the same; else each brings its own."""

    title: str
    radius_cm: float | None = None
    z_cm: float | None = None
    width_cm: float | None = None
    eta_width: float | None = None
    phi_width: float | None = None


# Fronts of the HCAL: corners in the event-display geometry of iSpy (cms-outreach/ispy-webgl, geometry/json). Those of
# `simulation/hcal.py` are rounder, from the paper, and stay: a change would make other events of the same seed.
SURFACES: dict[str, Surface] = {
    "EB": Surface(
        "ECAL barrel",
        ECAL_BARREL_FRONT_RADIUS_CM,
        width_cm=EB_CRYSTAL_CM,
        eta_width=BARREL_CRYSTAL_ETA,
        phi_width=float(np.deg2rad(1.0)),
    ),
    "EE": Surface("ECAL endcaps", z_cm=ECAL_ENDCAP_FRONT_Z_CM, width_cm=EE_CRYSTAL_CM),
    "HB": Surface("HCAL barrel", 181.3),
    "HE": Surface("HCAL endcaps", z_cm=392.0),
    "HO": Surface("HCAL outer", 390.0),
    "HF": Surface("HCAL forward", z_cm=1115.0),
}


def cells_of(events: Events, event: int, name: str) -> Columns | None:
    """Cells with energy above zero, the highest first; None where the source does not say.

    ECAL: eta, phi, energy (GeV), time (ns), and ieta, iphi (EB) or ix, iy, side (EE). HCAL: towers, depths summed: eta,
    phi, energy, eta_width, phi_width, ieta, iphi, depths (how many were summed).
    """
    table = events.hits.get(name)
    if table is None or not table.is_present[event]:
        return None
    rows = table.rows_of(event)
    cells = _crystals(rows, name) if name in ("EB", "EE") else _towers(rows, name)
    order = np.argsort(-cells["energy"], kind="stable")[: np.count_nonzero(cells["energy"] > 0)]
    return {column: values[order] for column, values in cells.items()}


def _crystals(rows: Columns, name: str) -> Columns:
    detid = rows["detid"]
    number: Columns = unpack_eb(detid)._asdict() if name == "EB" else unpack_ee(detid)._asdict()
    return {**position(detid, name)._asdict(), "energy": rows["energy"], "time": rows["time"], **number}


def _towers(rows: Columns, name: str) -> Columns:
    ieta, iphi, depth = unpack_hcal(rows["detid"])
    number = ieta.astype(np.int64) * 100 + iphi  # iphi is below 100
    _, first, tower = np.unique(number, return_index=True, return_inverse=True)
    energy = np.bincount(tower, rows["energy"].astype(np.float64), len(first))
    ieta, iphi, depths = ieta[first], iphi[first], np.bincount(tower, minlength=len(first))
    nearest = np.full(len(first), np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(nearest, tower, depth)
    eta, phi = hcal_position(name, ieta, iphi, nearest)
    eta_width, phi_width = hcal_tower_size(name, ieta, nearest)
    widths = {"eta_width": eta_width, "phi_width": phi_width}
    return {"eta": eta, "phi": phi, "energy": energy, **widths, "ieta": ieta, "iphi": iphi, "depths": depths}
