"""Candidates of random pixels and labels, and how to compare two sets to the bit."""

from __future__ import annotations

import numpy as np
from event_samples import assert_same_bits

from e2e.contract import FrameSpec
from e2e.datasets import CandidateSet
from e2e.datasets.labels import LABEL_COLUMNS, complete_labels
from e2e.frames import Candidates, Seeds

SPEC = FrameSpec(channels=("ecal_energy", "ecal_time"))


def random_candidates(count: int, seed: int, spec: FrameSpec = SPEC, max_pixels: int = 12) -> CandidateSet:
    """Every bit pattern may occur among the values and labels but 0; some candidates are empty. Events are numbered."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(0, max_pixels + 1, count)
    index = [np.sort(generator.choice(spec.num_pixels, length, replace=False)) for length in lengths]
    value = np.frombuffer(generator.bytes(4 * lengths.sum()), dtype=np.float32).copy()
    value[value == 0] = 1
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    seeds = Seeds.from_columns(
        np.arange(count), generator.integers(0, 170, count), generator.integers(0, 360, count), generator.random(count)
    )
    labels = {
        name: np.frombuffer(generator.bytes(count * np.dtype(kind).itemsize), dtype=kind)
        for name, kind in LABEL_COLUMNS.items()
    }
    labels = {**labels, "event": np.arange(count, dtype=np.uint64), "target": (np.arange(count) % 2).astype(np.float32)}
    pixels = Candidates(spec, offsets, np.concatenate([[], *index]).astype(np.int32), value, seeds)
    return CandidateSet(pixels, complete_labels(count, labels), [{"sample": seed}])


def assert_same_candidates(one: CandidateSet, other: CandidateSet) -> None:
    """Same frame, pixels, seeds and labels, to the bit."""
    assert one.labels.keys() == other.labels.keys()
    for name, column in one.labels.items():
        assert_same_bits(column, other.labels[name])
    assert_same_pixels(one.candidates.load(), other.candidates.load())


def assert_same_pixels(one: Candidates, other: Candidates) -> None:
    assert one.spec == other.spec
    assert one.offsets.tolist() == other.offsets.tolist()
    assert_same_bits(one.pixel_index, other.pixel_index)
    assert_same_bits(one.pixel_value, other.pixel_value)
    for name in ("row", "column", "energy"):
        assert_same_bits(getattr(one.seeds, name), getattr(other.seeds, name))
