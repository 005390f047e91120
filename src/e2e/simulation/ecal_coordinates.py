"""From points in the ECAL to crystal coordinates: continuous rows and columns whose whole numbers are crystal centres.

Crystals run on straight lines from the front to the back face; those of the barrel point 3 degrees off the origin,
those of an endcap to a point 130 cm behind it. Looked up on fine regular grids made from the tables of the detector.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from e2e.detector.crystals import COLUMNS_PER_SUPERMODULE, barrel_table, endcap_table
from e2e.detector.ecal_cells import EB, EE_MINUS, EE_PLUS
from e2e.simulation.shower import CRYSTAL_LENGTH_CM

FloatArray = NDArray[np.float64]

ENDCAP_ENTRY_CM = 300.0  # |z| beyond this lies in the endcap, the barrel ends at 270
BARREL_PITCH_CM, ENDCAP_PITCH_CM = (2.2, 2.6), (2.91, 3.06)  # of a crystal's front and back, neighbour to neighbour

_NUM_DEPTHS = 12
_FOCUS_CM, _MAP_PLANE_CM = 130.0, 318.0  # endcap: where crystals point, and the plane that positions are carried to


class _Grid(NamedTuple):
    """A function of x at start + k * step; (depths, points) values."""

    start: float
    step: float
    values: FloatArray

    def __call__(self, x: FloatArray, layer: ArrayLike) -> FloatArray:
        at = np.clip((x - self.start) * (1 / self.step), 0, self.values.shape[1] - 1.000001)
        below = at.astype(np.int64)
        flat = below + np.asarray(layer) * self.values.shape[1]
        low = self.values.ravel()[flat]
        return low + (at - below) * (self.values.ravel()[flat + 1] - low)


@cache
def _barrel_grids() -> tuple[_Grid, _Grid]:
    """Row against eta, and column within a supermodule against phi in it (degrees), at several depths."""
    table = barrel_table()
    fraction = np.linspace(0.0, 1.0, _NUM_DEPTHS)[:, None, None]
    rho = table.rho_front_cm + fraction * (table.rho_back_cm - table.rho_front_cm)
    z_front, z_back = (
        r * np.sinh(e) for r, e in ((table.rho_front_cm, table.eta_front), (table.rho_back_cm, table.eta_back))
    )
    eta = np.arcsinh((z_front + fraction * (z_back - z_front)) / rho).mean(2)
    offset = table.phi_offset_front + fraction * (table.phi_offset_back - table.phi_offset_front)
    centres = np.arange(COLUMNS_PER_SUPERMODULE) + 0.5 + np.rad2deg(offset.mean(1))
    around = np.concatenate((centres[:, -1:] - 20, centres, centres[:, :1] + 20), axis=1)
    eta_grid = np.linspace(-1.75, 1.75, 3501)
    phi_grid = np.linspace(0.0, COLUMNS_PER_SUPERMODULE, 401)
    beyond = np.clip(np.abs(eta_grid) - eta[:, -1:], 0.0, None) * np.sign(eta_grid) / 0.0174
    rows = np.stack([np.interp(eta_grid, line, np.arange(170.0)) for line in eta]) + beyond
    columns = np.stack([np.interp(phi_grid, line, np.arange(-1.0, COLUMNS_PER_SUPERMODULE + 1)) for line in around])
    return _Grid(-1.75, 0.001, rows), _Grid(0.0, 0.05, columns)


@cache
def _endcap_grids() -> tuple[_Grid, _Grid]:
    """ix - 1 against x carried along the crystals to the plane, and iy - 1 against y."""
    x, y, z = np.moveaxis(endcap_table()[1:, 1:], -1, 0)
    scale = (_MAP_PLANE_CM + _FOCUS_CM) / (z + _FOCUS_CM)
    return _endcap_line(np.nanmean(x * scale, axis=1)), _endcap_line(np.nanmean(y * scale, axis=0))


def _endcap_line(centre: FloatArray) -> _Grid:
    grid = np.linspace(-190.0, 190.0, 3801)
    beyond = np.clip(np.abs(grid) - centre[-1], 0.0, None) * np.sign(grid) / ENDCAP_PITCH_CM[0]
    return _Grid(-190.0, 0.1, (np.interp(grid, centre, np.arange(100.0)) + beyond)[None])


def region_of(point: FloatArray) -> NDArray[np.int64]:
    """EB, EE_MINUS or EE_PLUS, from points (n, 3) on the face of the ECAL."""
    z = point[:, 2]
    return np.where(np.abs(z) < ENDCAP_ENTRY_CM, EB, np.where(z > 0, EE_PLUS, EE_MINUS))


def pitch_cm(is_barrel: NDArray[np.bool_], depth_cm: FloatArray) -> FloatArray:
    """Width of a crystal at a depth."""
    (front, back), (endcap_front, endcap_back) = BARREL_PITCH_CM, ENDCAP_PITCH_CM
    fraction = np.clip(depth_cm / CRYSTAL_LENGTH_CM, 0.0, 1.0)
    return np.where(
        is_barrel, front + (back - front) * fraction, endcap_front + (endcap_back - endcap_front) * fraction
    )


def crystal_coordinates(
    is_barrel: NDArray[np.bool_], point: FloatArray, depth_cm: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(row, column) of points (n, 3) in cm at a depth below the front face.

    Rows go on past the ends; columns of the barrel are not wrapped. Endcap: row ix - 1, column iy - 1.
    """
    if is_barrel.all():
        return barrel_coordinates(point, depth_cm)
    row, column = np.empty(len(point)), np.empty(len(point))
    row[is_barrel], column[is_barrel] = barrel_coordinates(point[is_barrel], depth_cm[is_barrel])
    row[~is_barrel], column[~is_barrel] = endcap_coordinates(point[~is_barrel])
    return row, column


def barrel_coordinates(point: FloatArray, depth_cm: FloatArray) -> tuple[FloatArray, FloatArray]:
    row_grid, column_grid = _barrel_grids()
    x, y, z = point.T
    layer = np.rint(np.clip(depth_cm * ((_NUM_DEPTHS - 1) / CRYSTAL_LENGTH_CM), 0, _NUM_DEPTHS - 1)).astype(np.int64)
    row = row_grid(np.arcsinh(z / np.hypot(x, y)), layer)
    phi = np.rad2deg(np.arctan2(y, x)) + 10.0
    supermodule = np.floor(phi * (1 / COLUMNS_PER_SUPERMODULE)) * COLUMNS_PER_SUPERMODULE
    return row, column_grid(phi - supermodule, layer) + supermodule


def endcap_coordinates(point: FloatArray) -> tuple[FloatArray, FloatArray]:
    x, y, z = point.T
    scale = (_MAP_PLANE_CM + _FOCUS_CM) / (np.abs(z) + _FOCUS_CM)
    row_grid, column_grid = _endcap_grids()
    return row_grid(x * scale, 0), column_grid(y * scale, 0)
