"""One temperature that makes probabilities say what they mean. Source: Guo et al., arXiv:1706.04599."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

MAX_TEMPERATURE = 4.0  # and its inverse the least: what wants more than that cannot be mended by one number
_AT_BOUND = 1e-3  # of the logarithm


class Temperature(NamedTuple):
    """reason: why it is 1 rather than fitted; empty where it is fitted."""

    value: float
    reason: str = ""


def fit_temperature(logit: ArrayLike, is_signal: ArrayLike) -> Temperature:
    """The divisor of the logits with the least cross-entropy; 1 unless it lies inside its bounds and gains more than
    the statistical error of the gain, which is where it is two standard errors from 1. logit, is_signal: (candidates,).
    """
    x, y = np.asarray(logit, dtype=np.float64), np.asarray(is_signal, dtype=np.float64)

    def losses(temperature: float) -> NDArray[np.float64]:
        z = x / temperature
        return np.asarray(np.logaddexp(0, z) - y * z)

    limit = float(np.log(MAX_TEMPERATURE))
    found = minimize_scalar(lambda log: float(losses(np.exp(log)).mean()), bounds=(-limit, limit), method="bounded").x
    temperature = float(np.exp(found))
    if limit - abs(found) < _AT_BOUND:
        return Temperature(1.0, f"the best is at the bound, {temperature:.2f}")
    gain = losses(1.0) - losses(temperature)
    mean, error = float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))
    if not mean > error:
        return Temperature(
            1.0, f"{temperature:.3f} gains {mean:.2g} in cross-entropy, which is within its error {error:.2g}"
        )
    return Temperature(temperature)
