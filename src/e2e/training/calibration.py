"""One temperature that makes probabilities say what they mean. Source: Guo et al., arXiv:1706.04599."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit
from torch import nn

from e2e.datasets import CandidateSet
from e2e.metrics import calibration_error

MAX_TEMPERATURE = 20.0  # and its inverse the least


def calibrate(network: nn.Module, candidates: CandidateSet, batch_size: int, device: torch.device) -> dict[str, Any]:
    """The temperature that suits the candidates best, and their calibration error before and after.

    The error after is that of the candidates the temperature was fitted to: one number for all of them, so little
    flattery.
    """
    logit, is_signal = _answers(network, candidates, batch_size, device)
    temperature = fit_temperature(logit, is_signal)
    before, after = (calibration_error(expit(logit / t), is_signal) for t in (1.0, temperature))
    return {"temperature": temperature, "expected_calibration_error": {"before": before, "after": after}}


def fit_temperature(logit: ArrayLike, is_signal: ArrayLike) -> float:
    """The divisor of the logits with the least cross-entropy. logit, is_signal: (candidates,)."""
    x, y = np.asarray(logit, dtype=np.float64), np.asarray(is_signal, dtype=np.float64)

    def cross_entropy(log_temperature: float) -> float:
        z = x / np.exp(log_temperature)
        return float((np.logaddexp(0, z) - y * z).mean())

    limit = float(np.log(MAX_TEMPERATURE))
    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-limit, limit), method="bounded").x))


@torch.no_grad()
def _answers(
    network: nn.Module, candidates: CandidateSet, batch_size: int, device: torch.device
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    network = network.to(device).eval()
    logits, targets = [], []
    for packed, target in candidates.batches(batch_size):
        answer = network(*(torch.from_numpy(array).to(device) for array in packed))
        logits.append(answer[:, 0].double().cpu().numpy())
        targets.append(target > 0.5)
    return np.concatenate(logits), np.concatenate(targets)
