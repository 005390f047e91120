"""CMS's own shower windows of barrel photons beside ours: highest crystal, 3 x 3 and 5 x 5 sums around the seed.

CMS sums negative energies too, so the image here is not zero-suppressed. It leaves out crystals by quality flags that
the files do not carry; such photons are told apart by leaving out each crystal of the window in turn. A dead trigger
tower counts as one crystal: its 25 crystals share one measurement, the trigger's, and one flag. It shows in the file as
25 equal transverse energies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from e2e.contract import GRIDS, MAX_HIT_ENERGY_GEV
from e2e.detector.detid import is_valid, unpack_eb
from e2e.detector.geometry import barrel_position, barrel_table, wrap_phi
from e2e.detector.grids import barrel_crystal, barrel_pixel
from e2e.events.record import Events

Verdict = Literal["agree", "one_crystal_excluded", "disagree"]
Image = NDArray[np.float64]  # (rows, columns), GeV

CRYSTAL_WIDTH = np.deg2rad(1.0)  # in eta and phi
TOLERANCE_GEV = 0.002
_PRINTED_DIGITS = 6  # of the numbers in an .ig file
_TOWER = 5  # crystals of a trigger tower, in eta and phi
_EQUAL = 1e-3  # relative; the 11 dead towers with energy in the public files are equal to 3e-4

# Where the seed may lie around the photon's direction, in crystals. The field spreads an electron pair in phi, never in
# eta: of the 123 barrel photons of the public files all seeds lie within 1.0 in eta and 5.9 in phi, while crystals that
# are higher and belong to something else begin at 2.5 in eta.
_SEED_ETA_CRYSTALS, _SEED_PHI_CRYSTALS = 1.6, 8.5


class PhotonResult(NamedTuple):
    """difference_gev: the largest over the three quantities, before any crystal is left out."""

    event: int
    verdict: Verdict
    difference_gev: float


def compare_photons(events: Events) -> Iterator[PhotonResult]:
    """One result for each photon that points into the barrel and has CMS's own sums in the record."""
    photons, hits = events.objects.get("photons"), events.hits.get("EB")
    if photons is None or hits is None:
        return
    for event in np.flatnonzero(hits.is_present & (photons.counts > 0)).tolist():
        image = barrel_image(hits.rows_of(event))
        rows = photons.rows_of(event)
        for i in range(len(rows["pt"])):
            photon = {name: float(column[i]) for name, column in rows.items()}
            cms = np.array([photon["max_energy_crystal"], photon["e3x3"], photon["e5x5"]])
            near = seed_region(photon)
            if np.isfinite(cms).all() and len(near):
                yield PhotonResult(event, *compare(image, near, cms))


def barrel_image(hits: dict[str, NDArray[Any]]) -> Image:
    """Energies of one event's good EB hits, negative ones included; of a channel seen twice the first."""
    is_good = is_valid(hits["detid"], "EB") & (np.abs(hits["energy"]) <= MAX_HIT_ENERGY_GEV)  # False for NaN
    image = np.zeros((GRIDS["barrel"].rows, GRIDS["barrel"].columns))
    row, column = barrel_pixel(*unpack_eb(hits["detid"][is_good]))
    image[row[::-1], column[::-1]] = hits["energy"][is_good][::-1]  # the first is written last
    return image


@cache
def crystal_points() -> NDArray[np.float64]:
    """Front-face centres in cm, shape (3, rows, columns)."""
    row, column = np.indices((GRIDS["barrel"].rows, GRIDS["barrel"].columns))
    eta, phi = barrel_position(*barrel_crystal(row, column))
    rho = barrel_table().rho_front_cm[row, column % barrel_table().rho_front_cm.shape[1]]
    return np.stack((rho * np.cos(phi), rho * np.sin(phi), rho * np.sinh(eta)))


def seed_region(photon: dict[str, float]) -> NDArray[np.int64]:
    """Flat pixels in which the photon's seed may lie, seen from its vertex; empty when it points beyond the barrel."""
    vertex = np.array([photon["x_cm"], photon["y_cm"], photon["z_cm"]])
    vertex[~np.isfinite(vertex)] = 0.0  # unknown: the centre
    x, y, z = crystal_points() - vertex[:, None, None]
    eta_distance = (np.arcsinh(z / np.hypot(x, y)) - photon["eta"]) / CRYSTAL_WIDTH
    phi_distance = wrap_phi(np.arctan2(y, x) - photon["phi"]) / CRYSTAL_WIDTH

    ahead = eta_distance[np.abs(phi_distance) < 1.0]
    if ahead.min(initial=np.inf) > 0.5 or ahead.max(initial=-np.inf) < -0.5:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero((np.abs(eta_distance) < _SEED_ETA_CRYSTALS) & (np.abs(phi_distance) < _SEED_PHI_CRYSTALS))


def compare(image: Image, near: NDArray[np.int64], cms: Image) -> tuple[Verdict, float]:
    """cms: highest crystal, 3 x 3 and 5 x 5 sums. Exact means to `TOLERANCE_GEV`, or to the last digit printed.

    Without a crystal above zero nearby the photon disagrees, by all of its energy: CMS had a seed.
    """
    if image.flat[near].max() <= 0.0:
        return "disagree", float(np.abs(cms).max())
    tolerance = np.maximum(TOLERANCE_GEV, 10.0 ** (np.floor(np.log10(np.maximum(cms, 1.0))) + 1 - _PRINTED_DIGITS))
    difference = np.abs(window_sums(image, near) - cms)
    if np.all(difference <= tolerance):
        return "agree", float(difference.max())
    for unit in _flagged_together(image, _window(*_seed(image, near), half_width=2)):
        without = image.copy()
        without[unit] = 0.0  # a hottest crystal left out moves the seed
        if np.all(np.abs(window_sums(without, near) - cms) <= tolerance):
            return "one_crystal_excluded", float(difference.max())
    return "disagree", float(difference.max())


def _flagged_together(image: Image, window: list[tuple[int, int]]) -> Iterator[tuple[Any, Any]]:
    """Pixels that one quality flag covers: each crystal whose energy can matter, each dead trigger tower."""
    for row, column in window:
        if abs(image[row, column]) > TOLERANCE_GEV:
            yield row, column
    for row, column in sorted({(r - r % _TOWER, c - c % _TOWER) for r, c in window}):
        tower = slice(row, row + _TOWER), slice(column, column + _TOWER)
        x, y, z = crystal_points()[:, *tower]
        transverse = image[tower] / np.cosh(np.arcsinh(z / np.hypot(x, y)))
        if 0.0 < transverse.max() < transverse.min() * (1 + _EQUAL):
            yield tower


def window_sums(image: Image, near: NDArray[np.int64]) -> Image:
    """Highest crystal of the region, sums of the 3 x 3 and the 5 x 5 around it; phi wraps, beyond the eta edge is 0."""
    row, column = _seed(image, near)
    sums = [sum(image[pixel] for pixel in _window(row, column, half_width)) for half_width in (1, 2)]
    return np.array([image[row, column], *sums])


def _seed(image: Image, near: NDArray[np.int64]) -> tuple[int, int]:
    row, column = divmod(int(near[np.argmax(image.flat[near])]), image.shape[1])
    return row, column


def _window(row: int, column: int, half_width: int) -> list[tuple[int, int]]:
    rows = range(max(row - half_width, 0), min(row + half_width + 1, GRIDS["barrel"].rows))
    columns = range(column - half_width, column + half_width + 1)
    return [(r, c % GRIDS["barrel"].columns) for r in rows for c in columns]
