"""The ECAL crystals: which ones exist, and their face centres in the ideal detector.

The tables (`tables/eb.csv`, `tables/ee.csv`) are derived by `tools/derive_geometry.py` from the public event-display
geometry. Alignment moves real crystals by up to 0.004 in eta and 0.0025 in phi (seen in 2016 and 2017 files).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

COLUMNS_PER_SUPERMODULE = 20

BARREL_CRYSTAL_ETA = 0.01745  # size of a crystal in eta


class BarrelTable(NamedTuple):
    """Face centres, indexed [row, column within the supermodule]; shape (170, 20) each."""

    eta_front: FloatArray
    phi_offset_front: FloatArray
    rho_front_cm: FloatArray
    eta_back: FloatArray
    phi_offset_back: FloatArray
    rho_back_cm: FloatArray


def _read_table(name: str) -> FloatArray:
    with (files("e2e.detector") / "tables" / name).open() as file:
        return np.loadtxt(file, delimiter=",", skiprows=1)


@cache
def barrel_table() -> BarrelTable:
    rows = _read_table("eb.csv")  # sorted by ieta, then column: 3,400 rows
    return BarrelTable(*(rows[:, 2 + i].reshape(170, COLUMNS_PER_SUPERMODULE) for i in range(6)))


@cache
def endcap_table() -> FloatArray:
    """Front-face centres (x, y, z) of the +z endcap in cm, shape (101, 101, 3), indexed [ix, iy]; NaN: no crystal."""
    table = np.full((101, 101, 3), np.nan)
    for row in _read_table("ee.csv"):
        ix, iy = int(row[0]), int(row[1])
        for mirrored_x, mirrored_y in ((ix, iy), (101 - ix, iy), (ix, 101 - iy), (101 - ix, 101 - iy)):
            signs = (1 if mirrored_x > 50 else -1, 1 if mirrored_y > 50 else -1, 1)
            table[mirrored_x, mirrored_y] = row[2:] * signs
    return table


def endcap_exists(ix: ArrayLike, iy: ArrayLike) -> NDArray[np.bool_]:
    """True for the 7,324 crystals of one endcap."""
    ix, iy = np.asarray(ix), np.asarray(iy)
    is_inside = (ix >= 1) & (ix <= 100) & (iy >= 1) & (iy <= 100)
    return is_inside & np.isfinite(endcap_table()[np.where(is_inside, ix, 0), np.where(is_inside, iy, 0), 0])
