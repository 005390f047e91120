"""Scores of reconstructed candidates: perfect ones are perfect, and each kind of damage shows in its own number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from candidate_samples import random_candidates

from e2e.compression.frozen import answers_of, measure_frozen
from e2e.compression.image_scores import measure_images
from e2e.compression.probe import Probe
from e2e.contract import FrameSpec
from e2e.frames import Candidates
from e2e.metrics import area_under_curve
from e2e.problems import InputError

SPEC = FrameSpec(channels=("ecal_energy", "ecal_time"))
PERFECT = {"value": 1.0, "error": 0.0}


def sample_of(count: int = 300):
    sample = random_candidates(count, seed=3, spec=SPEC, max_pixels=200)
    sample.candidates.pixel_value[:] = np.random.default_rng(1).exponential(2, len(sample.candidates.pixel_value)) + 0.1
    return sample


def with_pixels(candidates: Candidates, is_kept, value=None) -> Candidates:
    owner = np.repeat(np.arange(len(candidates)), np.diff(candidates.offsets))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(owner[is_kept], minlength=len(candidates)))))
    value = candidates.pixel_value if value is None else value
    return Candidates(
        SPEC, offsets, candidates.pixel_index[is_kept], value[is_kept].astype(np.float32), candidates.seeds
    )


def test_the_original_is_perfect():
    pixels = sample_of().candidates
    found = measure_images(pixels, pixels)["channels"]
    assert found["ecal_energy"]["precision"] == found["ecal_energy"]["recall"] == PERFECT
    assert found["ecal_energy"]["energy"]["response"] == {"value": 1.0, "error": 0.0}
    assert found["ecal_energy"]["energy"]["resolution"]["value"] == 0
    assert found["ecal_energy"]["shapes"] == {"eta": 0.0, "phi": 0.0}
    assert len(found["ecal_energy"]["rings"]) == 5  # none lies beyond 40 pixels
    assert "energy" not in found["ecal_time"]


def test_lost_pixels_cost_recall_and_scaled_ones_response():
    pixels = sample_of().candidates
    is_time = pixels.pixel_index >= 1024
    is_kept = np.random.default_rng(2).random(len(is_time)) < 0.8
    found = measure_images(pixels, with_pixels(pixels, is_kept))["channels"]
    assert found["ecal_energy"]["precision"] == PERFECT
    assert found["ecal_energy"]["recall"]["value"] == pytest.approx(0.8, abs=0.02)
    binomial = np.sqrt(0.8 * 0.2 / (~is_time).sum())
    assert found["ecal_energy"]["recall"]["error"] == pytest.approx(binomial, rel=0.3)
    turned = measure_images(with_pixels(pixels, is_kept), pixels)["channels"]["ecal_energy"]
    assert (turned["precision"], turned["recall"]) == (found["ecal_energy"]["recall"], PERFECT)
    row = pixels.pixel_index % 1024 // 32 - SPEC.centre_row
    column = pixels.pixel_index % 32 - SPEC.centre_column
    is_near = np.hypot(row, column) < 5.5
    scaled = with_pixels(pixels, np.ones(len(is_time), bool), np.where(is_near & ~is_time, 1.5, 1) * pixels.pixel_value)
    rings = measure_images(pixels, scaled)["channels"]["ecal_energy"]["rings"]
    assert [ring["response"]["value"] for ring in rings] == pytest.approx([1.5, 1.5, 1, 1, 1], rel=1e-4)


def test_a_wider_shower_is_another_shape():
    pixels = sample_of(2000).candidates
    row = pixels.pixel_index % 1024 // 32 - SPEC.centre_row
    narrow = with_pixels(pixels, np.ones(len(row), bool), pixels.pixel_value * np.exp(-np.abs(row) / 4))
    shapes = measure_images(pixels, narrow)["channels"]["ecal_energy"]["shapes"]
    assert shapes["eta"] > 10 > shapes["phi"]


def test_empty_candidates_have_no_score_and_others_are_refused():
    pixels = sample_of(30).candidates
    nothing = with_pixels(pixels, np.zeros(len(pixels.pixel_index), bool))
    found = measure_images(pixels, nothing)["channels"]["ecal_energy"]
    assert (found["precision"], found["recall"]) == (None, {"value": 0.0, "error": 0.0})
    assert found["energy"]["response"]["value"] == 0
    assert measure_images(nothing, pixels)["channels"]["ecal_energy"]["energy"] is None
    with pytest.raises(ValueError, match="29 candidates"):
        measure_images(pixels, pixels.select(slice(1, None)))


# ---- a frozen bundle


def test_a_frozen_tagger_loses_nothing_on_originals_and_all_on_nothing(untrained_bundle):
    sample = sample_of()
    sample.candidates.seeds.row[:], sample.candidates.seeds.column[:] = 80, 100  # a place tells nothing
    same = measure_frozen(untrained_bundle, sample, sample.candidates)
    assert same["lost"] == {"value": 0.0, "error": 0.0}
    assert same["moved"]["value"] == 0
    assert same["auc"]["original"] == same["auc"]["found"]
    answers = answers_of(untrained_bundle, sample)
    labels = {**sample.labels, "target": (answers > np.median(answers)).astype(np.float32)}
    known = replace(sample, labels=labels)
    nothing = with_pixels(sample.candidates, np.zeros(len(sample.candidates.pixel_index), bool))
    lost = measure_frozen(untrained_bundle, known, nothing)
    assert lost["auc"]["original"]["value"] == 1
    assert 0.3 < lost["lost"]["value"] < 0.7


def test_a_frozen_tagger_needs_both_kinds(untrained_bundle):
    sample = sample_of(20)
    one_kind = replace(sample, labels={**sample.labels, "target": np.ones(20, np.float32)})
    with pytest.raises(InputError, match="of one kind only"):
        measure_frozen(untrained_bundle, one_kind, sample.candidates)


# ---- probes


def test_a_linear_probe_finds_a_line_and_only_the_hidden_layer_finds_a_ring():
    generator = np.random.default_rng(0)
    vectors = (generator.normal(size=(3000, 5)) * (1, 10, 0.1, 1, 1) + 7).astype(np.float32)
    learn, ask = slice(0, 2000), slice(2000, None)
    normal = (vectors - 7) / (1, 10, 0.1, 1, 1)
    line = (normal @ (1, 1, -1, 0, 0) > 0).astype(np.float32)
    ring = (np.hypot(normal[:, 0], normal[:, 1]) > 1.2).astype(np.float32)

    def area(probe: Probe, target) -> float:
        answers = probe.answers(vectors[learn], target[learn], vectors[ask], is_tagger=True)
        return area_under_curve(answers, target[ask]).value

    assert area(Probe(), line) > 0.99
    assert area(Probe(), ring) < 0.6
    assert area(Probe(hidden=32), ring) > 0.95
    one, other = (Probe(hidden=8).answers(vectors[learn], ring[learn], vectors[ask], is_tagger=True) for _ in "ab")
    assert np.array_equal(one, other)


def test_a_probe_reads_a_quantity_in_its_unit():
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(2000, 4)).astype(np.float32)
    mass = (100 + 30 * vectors[:, 1] - 20 * vectors[:, 2]).astype(np.float32)
    answers = Probe().answers(vectors[:1500], mass[:1500], vectors[1500:], is_tagger=False)
    assert np.abs(answers - mass[1500:]).mean() < 2
    with pytest.raises(ValueError, match="give 2 or more"):
        Probe().answers(vectors[:1], mass[:1], vectors, is_tagger=False)
