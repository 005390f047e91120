"""Taus: how they decay, and what a cut-based selection makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from e2e.comparison.standing import stand
from e2e.comparison.table import format_table
from e2e.comparison.yardsticks import yardstick_for
from e2e.datasets import CandidateSet
from e2e.datasets.labels import complete_labels
from e2e.evaluation.classical import isolation
from e2e.evaluation.score import measure_score
from e2e.frames import Candidates, Seeds
from e2e.simulation.processes import _decay_modes
from e2e.simulation.pythia import Record
from e2e.tasks import TASKS
from e2e.tasks.task import Cone

TASK = TASKS["tau"]
CONE = Cone(inner=0.1, outer=0.3, max_dz_significance=3.0)


def record(*decays: list[int]) -> Record:
    """An event with taus, each followed by what it decays to; a pion that is nobody's comes first."""
    pdg_id, mother = [211], [0]
    for products in decays:
        tau = len(pdg_id)
        pdg_id += [15, *products]
        mother += [0] + [tau] * len(products)
    number = len(pdg_id)
    nothing = np.zeros(number)
    return Record(
        1,
        np.zeros(number, int),
        np.array(pdg_id),
        np.ones(number, int),
        np.array(mother),
        np.zeros((number, 3)),
        nothing,
        nothing,
        np.zeros((number, 3)),
        nothing,
    )


@pytest.mark.parametrize(
    ("products", "mode"),
    [
        ([16, -211], 0),
        ([16, -211, 111], 1),
        ([16, -321, 111, 111], 2),
        ([16, -211, -211, 211], 10),
        ([16, -211, -211, 211, 111], 11),
        ([16, 11, -12], np.nan),
        ([16, -211, -311], np.nan),  # a neutral kaon may show two tracks more
        ([16, -211, 223], np.nan),
        ([16, 221, -323], np.nan),
    ],
)
def test_decay_modes_are_counted_as_cms_counts(products, mode):
    modes = _decay_modes(record([16, -211, 111], products))
    assert modes[1] == 1
    np.testing.assert_equal(modes[5], mode)
    assert np.isnan(np.delete(modes, [1, 5])).all()


def test_a_tau_that_radiates_is_counted_where_it_decays():
    """Its copy is no hadron."""
    decays = record([15, 22])
    number = len(decays.pdg_id)
    pdg_id, mother = np.append(decays.pdg_id, [16, -211]), np.append(decays.mother, [2, 2])
    more = {name: np.zeros((number + 2, 3)) for name in ("momentum", "position")}
    more |= {name: np.zeros(number + 2) for name in ("energy", "mass", "decay_mode")}
    whole = Record(1, np.zeros(number + 2, int), pdg_id, np.ones(number + 2, int), mother, **more)
    modes = _decay_modes(whole)
    assert modes[2] == 0 and np.isnan(np.delete(modes, 2)).all()


def test_the_three_kinds_of_decay_are_known_of_taus_alone():
    names = [beside.output.name for beside in TASK.beside]
    truth = {"decay_mode": np.array([0, 1, 2, 10, 11, 5, np.nan]), "pt": np.arange(7.0)}
    targets = dict(zip(names, (beside.target(truth) for beside in TASK.beside), strict=True))
    np.testing.assert_equal(targets["one_prong"], [1, 0, 0, 0, 0, 0, np.nan])
    np.testing.assert_equal(targets["one_prong_pi0"], [0, 1, 1, 0, 0, 0, np.nan])
    np.testing.assert_equal(targets["three_prong"], [0, 0, 0, 1, 1, 0, np.nan])
    assert targets["particle_pt"].tolist() == list(range(7))


def candidates(tracks: list[list[tuple[int, float, float]]]) -> CandidateSet:
    """tracks: of each candidate: columns from the seed, pT, significance along the beam."""
    frame, size = TASK.frame, TASK.frame.rows * TASK.frame.columns
    pt, dz = (frame.channels.index(name) for name in ("track_pt", "track_dz_significance"))
    index, value, offsets = [], [], [0]
    for own in tracks:
        place = [frame.centre_row * frame.columns + frame.centre_column + step for step, _, _ in own]
        found = [(pt * size + p, t[1]) for p, t in zip(place, own, strict=True)]
        found += [(dz * size + p, t[2]) for p, t in zip(place, own, strict=True) if t[2]]
        index += [i for i, _ in sorted(found)]
        value += [v for _, v in sorted(found)]
        offsets.append(len(index))
    number = len(tracks)
    seeds = Seeds.from_columns(np.arange(number), [140] * number, [100] * number, [1.0] * number)
    pixels = Candidates(frame, np.array(offsets), np.array(index, np.int32), np.array(value, np.float32), seeds)
    target = np.arange(number) % 2
    known = {"target": target, "pt": np.full(number, 25.0), "eta": np.zeros(number), "truth.pdg_id": 15 * target}
    return CandidateSet(pixels, complete_labels(number, known), [])


def test_isolation_is_what_tracks_from_the_vertex_have_in_the_ring():
    tracks = [(0, 8.0, 0.0), (3, 2.0, -2.0), (10, 4.0, 1.0), (11, 50.0, 9.0), (20, 90.0, 0.0), (-3, 70.0, -5.0)]
    found = isolation(candidates([tracks, [(10, 1.0, 0.0)], [(1, 2.0, 0.0)], []]), CONE)
    assert found.tolist() == [4.0, 1.0, 0.0, 0.0]


def test_a_taggers_area_is_set_beside_that_of_the_isolation():
    rng = np.random.default_rng(2)
    noise = rng.exponential(1.0, 400)
    sample = candidates([[(0, 10.0, 0.0), (10, float(x) + 1.0 * (i % 2 == 0), 0.0)] for i, x in enumerate(noise)])
    found = measure_score(TASK, sample.target + rng.normal(0, 0.3, 400), sample)
    beside = found["isolation"]
    assert 0.5 < beside["auc"]["value"] < found["auc"]["value"]
    ahead = beside["network_ahead_by"]
    assert ahead["value"] == pytest.approx(found["auc"]["value"] - beside["auc"]["value"], abs=1e-4)
    assert 0 < ahead["error"] < 0.05
    assert "isolation" not in measure_score(TASKS["electron-photon"], rng.random(400), sample)


def test_a_contest_of_taggers_has_the_isolation_beside_it_and_bins_of_pt():
    rng = np.random.default_rng(3)
    noise = rng.exponential(1.0, 900)
    sample = candidates([[(0, 10.0, 0.0), (10, float(x) + 1.0 * (i % 2 == 0), 0.0)] for i, x in enumerate(noise)])
    sample.labels["pt"][:] = np.repeat([15.0, 30.0, 50.0], 300)
    yardstick = yardstick_for(TASK, sample)
    good, poor = (sample.target + rng.normal(0, width, 900) for width in (0.5, 3.0))
    outputs = {name: [score.astype(np.float32)[:, None]] for name, score in (("good", good), ("poor", poor))}
    found = stand(outputs, {name: [given] for name, given in yardstick.classical.items()}, yardstick)
    assert found["good"].measured.value > found["isolation"].measured.value > found["poor"].measured.value
    assert found["good"].p_value == 1.0 and found["isolation"].p_value < 0.05 and found["poor"].p_value < 0.05
    rows = {name: {"model": name, **found[name].to_json("auc")} for name in found}
    for name, given in {**outputs, "isolation": [yardstick.classical["isolation"]]}.items():
        rows[name] |= yardstick.further(given[0])
    assert [(row["low"], row["high"]) for row in rows["good"]["by_pt"]] == [(10, 20), (20, 40), (40, 60)]
    second = rows["good"]["by_pt"][1]
    threshold = np.quantile(good[300:600][sample.target[300:600] > 0.5], 0.1)
    passing = (good[300:600][sample.target[300:600] < 0.5] >= threshold).mean()
    assert 1 / second["rejection"]["90%"]["value"] == pytest.approx(passing, rel=1e-3)
    costs = {"parameters": 1, "operations": 1.0, "gpu_candidates_per_second": None, "training": {"training_seconds": 1}}
    costs["latency"] = {"median_ms": 1.0, "ratio": {"to": "good", "value": 1.0, "error": 0.0}}
    result = {
        "task": "tau",
        "test_candidates": 900,
        "yardstick": {"key": "auc", "title": "area"},
        "models": [rows["good"] | costs, rows["poor"] | costs],
        "classical": [rows["isolation"]],
    }
    table = format_table(result)
    assert f"| 20-40 | good | {second['auc']['value']:.4f} ±" in table and f"| {100 * passing:.2f} ±" in table
    assert table.count("| isolation |") == 4  # in the whole, and in each bin
