"""Electromagnetic showers in PbWO4: where in the crystal matrix the energy goes.

Source: Grindhammer and Peters, hep-ex/0001020, homogeneous media: a gamma-function profile in depth with correlated
fluctuations of its maximum and shape, and a two-component radial profile that changes with depth. The integral of a
radial component over a rectangle has a closed form, which `shower_table` tabulates; the fluctuation that the finite
number of spots of the paper gives is put on top as a gamma distribution.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import gammainc

from e2e.simulation.particles import FloatArray

X0_CM, MOLIERE_CM, CRITICAL_GEV, LENGTH_X0 = 0.89, 2.19, 9.6e-3, 25.8
CRYSTAL_LENGTH_CM = LENGTH_X0 * X0_CM
Z_EFFECTIVE = 68.36  # of PbWO4, by weight

# Ends of the depth slices, in units of (depth of the maximum + 1 X0); the last reaches behind any crystal.
SLICE_ENDS = (0.15, 0.35, 0.55, 0.75, 1.0, 1.35, 1.9, 6.0)
PARAMETRISED_FROM_GEV = 0.2  # parametrisation limit: the logarithms below need y > 10


class Profile(NamedTuple):
    """One shower each: the gamma profile's shape and rate, the depth of its maximum (X0) and its energy (GeV)."""

    shape: FloatArray
    rate: FloatArray
    maximum_x0: FloatArray
    energy: FloatArray


def mean_profile(energy: FloatArray) -> Profile:
    """Longitudinal profile of electron showers without fluctuations."""
    log_y = _log_y(energy)
    mean_log_t, mean_log_alpha = _mean_logs(log_y)
    maximum, alpha = np.exp(mean_log_t), np.exp(mean_log_alpha)
    return Profile(alpha, (alpha - 1) / maximum, maximum, energy)


def _log_y(energy: FloatArray) -> FloatArray:
    return np.log(np.maximum(energy, PARAMETRISED_FROM_GEV) / CRITICAL_GEV)


def _mean_logs(log_y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of the maximum's depth and of the shape."""
    return np.log(log_y - 0.812), np.log(0.81 + (0.458 + 2.26 / Z_EFFECTIVE) * log_y)


def sample_profile(energy: FloatArray, rng: Generator) -> Profile:
    """Longitudinal profile of electron showers, fluctuated (eq. 12 to 16 of the paper)."""
    log_y = _log_y(energy)
    mean_log_t, mean_log_alpha = _mean_logs(log_y)
    sigma_log_t = 1 / (-1.4 + 1.26 * log_y)
    sigma_log_alpha = 1 / (-0.58 + 0.86 * log_y)
    rho = np.clip(0.705 - 0.023 * log_y, 0.0, 1.0)
    first, second = rng.normal(size=(2, len(energy)))
    plus, minus = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    maximum = np.exp(mean_log_t + sigma_log_t * (plus * first + minus * second))
    alpha = np.maximum(np.exp(mean_log_alpha + sigma_log_alpha * (plus * first - minus * second)), 1.05)
    return Profile(alpha, (alpha - 1) / maximum, maximum, energy)


class Slices(NamedTuple):
    """Depth slices of showers, (showers, slices): centre from the shower's start (X0) and share of the energy."""

    depth_x0: FloatArray
    share: FloatArray


def slice_depths(profile: Profile, start_x0: FloatArray) -> Slices:
    """Slices between the crystal's faces. What lies behind it, or before it where `start_x0` < 0, is not in them."""
    edges = np.array((0.0, *SLICE_ENDS)) * (profile.maximum_x0 + 1.0)[:, None]
    front, back = np.maximum(-start_x0, 0.0), np.maximum(LENGTH_X0 - start_x0, 0.0)
    edges = np.clip(edges, front[:, None], back[:, None])
    shape, rate = profile.shape[:, None], profile.rate[:, None]
    share = np.diff(gammainc(shape, rate * edges), axis=1)
    # centre of gravity of a slice: from the gamma distribution of shape + 1
    moment = np.diff(gammainc(shape + 1, rate * edges), axis=1) * shape / rate
    depth = np.where(share > 1e-9, moment / np.maximum(share, 1e-9), (edges[:, 1:] + edges[:, :-1]) / 2)
    return Slices(depth, share)


def contained_share(energy: FloatArray, start_x0: FloatArray) -> FloatArray:
    """Share of the mean profile that lies between the crystal's faces."""
    profile = mean_profile(energy)
    front, back = np.maximum(-start_x0, 0.0), np.maximum(LENGTH_X0 - start_x0, 0.0)
    share = np.ones(len(energy))
    leaks = np.flatnonzero(back < LENGTH_X0 / 2)
    share[leaks] = gammainc(profile.shape[leaks], profile.rate[leaks] * back[leaks])
    late = np.flatnonzero(front > 0)
    share[late] -= gammainc(profile.shape[late], profile.rate[late] * front[late])
    return np.maximum(share, 0.0)


def radial_profile(tau: FloatArray, energy: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Core radius, tail radius (cm) and core weight at depth tau (in units of the maximum's depth).

    f(r) = p 2 r C^2 / (r^2 + C^2)^2 + (1 - p) 2 r T^2 / (r^2 + T^2)^2
    """
    log_e, z = np.log(np.maximum(energy, PARAMETRISED_FROM_GEV)), Z_EFFECTIVE
    core = 0.0251 + 0.00319 * log_e + (0.1162 - 0.000381 * z) * tau
    shift = tau - 0.645
    tail = (0.659 - 0.00309 * z) * (np.exp(-2.59 * shift) + np.exp((0.3585 + 0.0421 * log_e) * shift))
    argument = (0.401 + 0.00187 * z - tau) / (1.313 - 0.0686 * log_e)
    weight = (2.632 - 0.00094 * z) * np.exp(argument - np.exp(argument))
    return core * MOLIERE_CM, np.minimum(tail, 10.0) * MOLIERE_CM, np.clip(weight, 0.0, 1.0)


def square_integral(a: FloatArray, b: FloatArray, radius: FloatArray) -> FloatArray:
    """Integral of R^2 / (pi (x^2 + y^2 + R^2)^2) over 0..a, 0..b; odd in both. (n, i), (n, j) -> (n, i, j)."""
    root_a = np.sqrt(a**2 + radius[:, None] ** 2)
    root_b = np.sqrt(b**2 + radius[:, None] ** 2)
    first = (a / root_a)[:, :, None] * np.arctan(b[:, None, :] / root_a[:, :, None])
    second = (b / root_b)[:, None, :] * np.arctan(a[:, :, None] / root_b[:, None, :])
    return (first + second) / (2 * np.pi)


def num_spots(energy: FloatArray) -> FloatArray:
    """Number of energy spots of a shower in a homogeneous medium (eq. 24): it sets the sampling fluctuation.

    In proportion to the energy below the limit of the parametrisation.
    """
    at_least = np.maximum(energy, PARAMETRISED_FROM_GEV)
    return 93 * np.log(Z_EFFECTIVE) * at_least**0.876 * (energy / at_least)


def fluctuate(shares: NDArray[Any], energy: FloatArray, rng: Generator) -> NDArray[Any]:
    """Energy per crystal (showers, crystals): gamma distributed as if the mean number of spots had fallen into it.

    The spots only place the energy of a slice, so the sum over the crystals is that of the mean.
    """
    drawn = rng.standard_gamma(shares * num_spots(energy).astype(shares.dtype)[:, None], dtype=shares.dtype)
    total = np.maximum(drawn.sum(1), 1e-12)
    return drawn * (shares.sum(1) * energy / total).astype(shares.dtype)[:, None]
