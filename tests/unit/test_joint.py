"""What a task has beside its own output: known from the truth, fitted after the training, measured."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from e2e.bundles.columns import answer_for
from e2e.datasets import CandidateSet
from e2e.datasets.labels import complete_labels
from e2e.evaluation.beside import measure_beside
from e2e.frames.candidates import Candidates, Seeds
from e2e.metrics import FloatArray
from e2e.tasks import TASKS
from e2e.training.calibration import calibrate

TASK = TASKS["diphoton-mass"]  # a mass; beside it whether there were two photons, and the true pT
NUMBER = 1200


def candidates(**known) -> CandidateSet:
    """One pixel each: its value is the candidate's number, from 1."""
    rng = np.random.default_rng(5)
    truth = {"truth.pdg_id": rng.choice([22, 36], NUMBER), "truth.pt": rng.uniform(20, 100, NUMBER), **known}
    labels = complete_labels(NUMBER, {"target": rng.uniform(0.1, 1.5, NUMBER), **truth})
    pixels = Candidates(
        TASK.frame,
        np.arange(NUMBER + 1),
        np.zeros(NUMBER, dtype=np.int32),
        np.arange(1, NUMBER + 1, dtype=np.float32),
        Seeds.from_columns(np.arange(NUMBER), *np.ones((3, NUMBER))),
    )
    return CandidateSet(pixels, labels, [])


def test_targets_beside_follow_from_the_truth_and_are_unknown_where_it_is():
    pdg_id = np.full(NUMBER, 36.0)
    pdg_id[:10] = np.nan
    pdg_id[10:20] = 22
    found = candidates(**{"truth.pdg_id": pdg_id}).with_beside(TASK)
    assert found.targets.shape == (NUMBER, 3)
    assert np.isnan(found.targets[:10, 1]).all()
    assert found.targets[10:20, 1].tolist() == [0.0] * 10
    assert (found.targets[20:, 1] == 1).all()
    np.testing.assert_array_equal(found.targets[:, 2], found.labels["truth.pt"])  # known without a kind
    np.testing.assert_array_equal(found.select(slice(5, 30)).targets, found.targets[5:30])


class Known(nn.Module):
    """Gives each candidate its row of a table of raw numbers."""

    def __init__(self, rows: FloatArray) -> None:
        super().__init__()
        self.rows = torch.from_numpy(rows.astype(np.float32))

    def forward(self, pixel_index: torch.Tensor, pixel_value: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
        return self.rows[pixel_value[:, 0].long() - 1]


def test_each_answer_is_fitted_to_its_own_target_where_that_is_known():
    rng = np.random.default_rng(6)
    truth_pt = rng.uniform(20, 100, NUMBER)
    truth_pt[::3] = np.nan
    sample = candidates(**{"truth.pt": truth_pt}).with_beside(TASK)
    mass, is_pair, pt = sample.targets.T
    answers = [answer_for(output, "quantiles") for output in TASK.outputs]
    arm = math.log(math.expm1(0.05))  # softplus undone: 5 % of each scale, half of what is needed
    columns = [
        mass / answers[0].scale + 0.1 * rng.normal(size=NUMBER),
        *[np.full(NUMBER, arm)] * 2,
        2 * (2 * is_pair - 1) + 2 * rng.normal(size=NUMBER),  # the logit that is right: half as large again
        np.nan_to_num(pt) / answers[2].scale + 0.1 * rng.normal(size=NUMBER),
        *[np.full(NUMBER, arm)] * 2,
    ]
    found = calibrate(Known(np.stack(columns, axis=1)), answers, TASK, sample, 256, torch.device("cpu"))
    assert found["interval"]["candidates"] == int(is_pair.sum())  # the signal alone
    assert found["answer"]["stretch"] == pytest.approx(2.0, abs=0.2)
    assert found["beside"]["score"]["answer"]["kind"] == "probability"
    assert found["beside"]["particle_pt"]["interval"]["candidates"] == int(np.isfinite(truth_pt).sum())
    assert found["beside"]["particle_pt"]["answer"]["stretch"] == pytest.approx(2.0, abs=0.2)


def test_what_stands_beside_is_measured_where_its_truth_is_known():
    truth_pt = np.linspace(20, 100, NUMBER)
    truth_pt[:200] = np.nan
    sample = candidates(**{"truth.pt": truth_pt})
    answers = [answer_for(output, "quantiles") for output in TASK.outputs[1:]]
    is_pair = sample.with_beside(TASK).targets[:, 1].astype(np.float64)
    estimate = np.nan_to_num(truth_pt, nan=1e6) + 3.0
    is_wide = np.arange(NUMBER) % 4 > 0
    ends = np.where(is_wide, 4.0, 1.0)
    outputs = np.stack((is_pair, estimate, estimate - ends, estimate + ends, np.zeros(NUMBER)), axis=1)
    found = measure_beside(TASK, answers, outputs, sample)
    assert found["score"]["area_under_the_curve"]["value"] == 1
    assert found["particle_pt"]["mean_absolute_error"]["value"] == pytest.approx(3.0, abs=1e-4)
    assert found["particle_pt"]["mean_absolute_error"]["unit"] == "GeV"
    assert found["particle_pt"]["coverage"]["value"] == pytest.approx(0.75)
    assert measure_beside(TASK, [], outputs[:, :0], sample) == {}
