"""How near reconstructed images are to the originals: where pixels are, what they add up to, how showers are shaped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e2e.contract import CHANNELS
from e2e.frames.candidates import Candidates
from e2e.metrics import FloatArray, bootstrap, half_width_68

RING_EDGES = (0.0, 2.5, 5.5, 10.5, 20.5, 40.5, np.inf)  # pixels from the seed
_SHAPE_BINS = 20  # of equally many originals
_LEAST = 20  # candidates with energy; fewer have no response


def measure_images(original: Candidates, found: Candidates) -> dict[str, Any]:
    """The same candidates in the same order, `found` being what was read back.

    Of each channel: `precision`, the share of found pixels that are pixels of the original, `recall`, the share of
    those that are found, each of all candidates together and with its error, and the mean number of pixels of both. Of
    each that holds energies: response (median of found over original) and resolution (half of the middle 68 %) of the
    sum of a candidate, in all and in rings about the seed; and `shapes`, chi-square per bin between originals and found
    of the width in eta and phi, 1 where they differ by chance alone.
    Raises ValueError for candidates of another frame or number.
    """
    if original.spec != found.spec or len(original) != len(found):
        raise ValueError(f"{len(found)} candidates of {found.spec}, not {len(original)} of {original.spec}")
    size = original.spec.rows * original.spec.columns
    channels = {}
    for number, name in enumerate(original.spec.channels):
        parts = [_Pixels(candidates, number, size) for candidates in (original, found)]
        channels[name] = _occupancy(*parts)
        if CHANNELS[name].unit == "GeV":
            channels[name] |= _energies(*parts)
    return {"candidates": len(original), "channels": channels}


class _Pixels:
    """Those of one channel of all candidates: owner, place, distance from the seed's, value; each (pixels,)."""

    def __init__(self, candidates: Candidates, channel: int, size: int) -> None:
        spec, self.count = candidates.spec, len(candidates)
        is_mine = candidates.pixel_index // size == channel
        self.owner = np.repeat(np.arange(self.count), np.diff(candidates.offsets))[is_mine]
        self.place = candidates.pixel_index[is_mine] % size
        self.value = candidates.pixel_value[is_mine].astype(np.float64)
        self.row = self.place // spec.columns - spec.centre_row
        self.column = self.place % spec.columns - spec.centre_column
        self.key = self.owner.astype(np.int64) * size + self.place

    def total(self, weight: Any = 1.0) -> FloatArray:
        """(candidates,) the sum of the values, weighted."""
        return np.bincount(self.owner, self.value * weight, minlength=self.count).astype(np.float64)

    def width(self, place: NDArray[np.int64]) -> FloatArray:
        """(candidates,) energy-weighted spread of the places, pixels; NaN without energy."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean, square = self.total(place) / self.total(), self.total(place**2) / self.total()
        return np.sqrt(np.maximum(square - mean**2, 0))


def _occupancy(original: _Pixels, found: _Pixels) -> dict[str, Any]:
    both = np.isin(found.key, original.key, assume_unique=True)
    shared = np.bincount(found.owner[both], minlength=found.count)
    pixels = {
        name: np.bincount(part.owner, minlength=part.count) for name, part in (("original", original), ("found", found))
    }
    return {
        "precision": _share(shared, pixels["found"]),
        "recall": _share(shared, pixels["original"]),
        "pixels": {name: round(counts.sum() / max(original.count, 1), 2) for name, counts in pixels.items()},
    }


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> dict[str, Any] | None:
    """Of all candidates together; the error is that of which candidates they are."""
    if not whole.sum():
        return None
    return bootstrap(lambda a, b: float(a.sum() / max(b.sum(), 1)), part, whole).to_json()


def _energies(original: _Pixels, found: _Pixels) -> dict[str, Any]:
    rings = []
    away = [np.hypot(part.row, part.column) for part in (original, found)]
    for low, high in pairwise(RING_EDGES):
        sums = [part.total((r >= low) & (r < high)) for part, r in zip((original, found), away, strict=True)]
        if (measured := _response(*sums)) is not None:
            rings.append({"from": low, "to": high if np.isfinite(high) else None, **measured})
    shapes = {}
    for name in ("row", "column"):
        widths = [part.width(getattr(part, name)) for part in (original, found)]
        shapes[{"row": "eta", "column": "phi"}[name]] = _chi_square(*widths)
    return {"energy": _response(original.total(), found.total()), "rings": rings, "shapes": shapes}


def _response(true: FloatArray, found: FloatArray) -> dict[str, Any] | None:
    """None where too few candidates have energy."""
    has_energy = true > 0
    if has_energy.sum() < _LEAST:
        return None
    ratio = found[has_energy] / true[has_energy]
    return {
        "response": bootstrap(lambda r: float(np.median(r)), ratio).to_json(),
        "resolution": bootstrap(half_width_68, ratio).to_json(),
    }


def _chi_square(one: FloatArray, other: FloatArray) -> float | None:
    """Per bin, of two samples as if they were independent, in bins of equally many of the first."""
    one, other = one[np.isfinite(one)], other[np.isfinite(other)]
    if min(len(one), len(other)) < _LEAST:
        return None
    edges = np.unique(np.quantile(one, np.linspace(0, 1, _SHAPE_BINS + 1)))[1:-1]
    counts = [np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) for part in (one, other)]
    shares = [count / len(part) for count, part in zip(counts, (one, other), strict=True)]
    variance = counts[0] / len(one) ** 2 + counts[1] / len(other) ** 2
    return round(float(((shares[0] - shares[1]) ** 2 / np.maximum(variance, 1e-12)).mean()), 3)
