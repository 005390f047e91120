"""Shower shapes of barrel candidates, from their images; definitions as CMS's EcalClusterTools."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.detector.crystals import BARREL_CRYSTAL_ETA
from e2e.frames.candidates import Candidates

FloatArray = NDArray[np.float64]

LOG_WEIGHT = 4.7  # w = max(0, 4.7 + ln(E / E5x5)); EcalClusterTools::localCovariances


def shower_shapes(candidates: Candidates) -> dict[str, FloatArray]:
    """e3x3 and e5x5 (GeV), e3x3_over_e5x5, max_over_e5x5 and sigma_ieta_ieta, each (candidates,).

    Crystals at or below zero energy are not in a frame, so sums over noise come out slightly higher than CMS's.
    """
    spec = candidates.spec
    images = candidates.to_dense()[:, spec.channels.index("ecal_energy")].astype(np.float64)

    def window(half: int) -> FloatArray:
        rows = slice(spec.centre_row - half, spec.centre_row + half + 1)
        columns = slice(spec.centre_column - half, spec.centre_column + half + 1)
        return images[:, rows, columns]

    e1, e3, e5 = (window(half).sum((1, 2)) for half in (0, 1, 2))
    share = np.maximum(window(2), 1e-12) / e5[:, None, None]
    weight = np.maximum(0.0, LOG_WEIGHT + np.log(share))  # (candidates, 5, 5)
    step = np.arange(-2, 3)[None, :, None]
    mean = (window(2) * step).sum((1, 2)) / e5  # energy-weighted, the spread log-weighted, as CMS does
    variance = (weight * (step - mean[:, None, None]) ** 2).sum((1, 2)) / weight.sum((1, 2))
    return {
        "e3x3": e3,
        "e5x5": e5,
        "e3x3_over_e5x5": e3 / e5,
        "max_over_e5x5": e1 / e5,
        "sigma_ieta_ieta": BARREL_CRYSTAL_ETA * np.sqrt(variance),
    }
