"""What is fitted after a training, on the candidates it was validated with: so that the answers mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import nn

from e2e.bundles.parity import split_columns
from e2e.contract.answers import INTERVAL_KINDS, AnswerConfig
from e2e.datasets import CandidateSet
from e2e.frames.graph import network_inputs
from e2e.metrics import calibration_error
from e2e.models import graph_of
from e2e.tasks import Task
from e2e.training.intervals import fit_interval
from e2e.training.temperature import fit_temperature


def calibrate(
    network: nn.Module,
    answers: Sequence[AnswerConfig],
    task: Task,
    candidates: CandidateSet,
    batch_size: int,
    device: torch.device,
    *,
    corrects_bias: bool = False,
) -> dict[str, Any]:
    """What `run.json` says: the `answer` as it is to be read from now on, and how that was found.

    A probability: `temperature` and the calibration error before and after; without it, but with
    `temperature_not_fitted`, the reason, where none is better than 1. The error after is that of the candidates the
    temperature was fitted to: one number for all of them, so little flattery. A quantity with an interval: `interval`,
    see `fit_interval`, of the signal inside the trained range alone. `beside`: the same of each further answer by the
    name of its output, of the candidates whose target is known.
    """
    raw = raw_answers(network, candidates, batch_size, device)
    parts = split_columns(raw, [answer.num_raw for answer in answers])
    targets = candidates.targets
    is_wanted = [candidates.is_measured(task) if answers[0].kind != "probability" else np.ones(len(raw), dtype=bool)]
    is_wanted += list(np.isfinite(targets[:, 1:]).T)
    own, *beside = [
        _fit(answer, part[wanted], target[wanted], corrects_bias)
        for answer, part, target, wanted in zip(answers, parts, targets.T, is_wanted, strict=True)
    ]
    names = [output.name for output in task.outputs[1:]]
    return {**own, "beside": dict(zip(names, beside, strict=True))} if beside else own


def _fit(
    answer: AnswerConfig, raw: NDArray[np.float64], target: NDArray[np.float32], corrects_bias: bool
) -> dict[str, Any]:
    if answer.kind == "probability":
        return _with_temperature(answer, raw[:, 0], target > 0.5)
    if answer.kind not in INTERVAL_KINDS:
        return {"answer": answer.to_json()}
    fitted, found = fit_interval(answer, raw, target, corrects_bias=corrects_bias)
    return {"answer": fitted.to_json(), "interval": found}


def _with_temperature(answer: AnswerConfig, logit: NDArray[np.float64], is_signal: NDArray[np.bool_]) -> dict[str, Any]:
    fitted = fit_temperature(logit, is_signal)
    before, after = (calibration_error(expit(logit / t), is_signal) for t in (1.0, fitted.value))
    found = {"temperature_not_fitted": fitted.reason} if fitted.reason else {"temperature": fitted.value}
    return {
        "answer": replace(answer, scale=1 / fitted.value).to_json(),
        **found,
        "expected_calibration_error": {"before": before, "after": after},
    }


@torch.no_grad()
def raw_answers(
    network: nn.Module, candidates: CandidateSet, batch_size: int, device: torch.device
) -> NDArray[np.float64]:
    """(candidates, num_raw), in the order stored."""
    network = network.to(device).eval()
    inputs_of = partial(network_inputs, frame=candidates.candidates.spec, graph=graph_of(network))
    parts = [
        network(*(torch.from_numpy(array).to(device) for array in inputs_of(packed).values())).double().cpu().numpy()
        for packed, _ in candidates.batches(batch_size)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 1))
