"""Runs of pixels with the same value: NumPy and the C++ core say the same, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.frames import native, reference
from e2e.frames.candidates import LONGEST_RUN

VALUES = np.array([0.0, -0.0, np.nan, 1.5, np.inf], np.float32)


@st.composite
def candidates(draw):
    """Pixels end to end, in clusters, some of whose values are alike."""
    counts = draw(st.lists(st.integers(0, 700), max_size=5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    breaks = rng.random(sum(counts)) < draw(st.sampled_from([0.0, 0.01, 0.5]))
    index = np.cumsum(np.where(breaks, rng.integers(-3, 200, len(breaks)), 1)) % 3000
    value = VALUES[np.cumsum(rng.random(len(breaks)) < draw(st.sampled_from([0.0, 0.2]))) % len(VALUES)]
    return np.cumsum([0, *counts]), index.astype(np.int32), value


@given(candidates())
def test_runs_are_those_of_the_reference_and_hold_every_pixel(given_):
    offsets, index, value = given_
    found, expected = (room.pixel_runs(*given_) for room in (native, reference))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))
    assert found.length.sum() == len(index) and (found.length > 0).all()
    assert np.repeat(found.value, found.length).tobytes() == value.tobytes()
    run = 0
    for candidate, number in enumerate(found.num_runs):
        own = slice(run, run := run + number)
        first = np.cumsum(found.step[own], dtype=np.int64)
        pixels = [
            begin + place for begin, length in zip(first, found.length[own], strict=True) for place in range(length)
        ]
        assert pixels == index[offsets[candidate] : offsets[candidate + 1]].tolist()


def test_as_few_runs_as_there_can_be():
    for length, parts in ((1, 1), (LONGEST_RUN, 1), (LONGEST_RUN + 1, 2), (3 * LONGEST_RUN, 3)):
        found = native.pixel_runs(np.array([0, length]), np.arange(length, dtype=np.int32), np.ones(length, np.float32))
        assert found.num_runs.tolist() == [parts]


@pytest.mark.parametrize(("index", "message"), [([-1], "pixel_index"), ([1, 2], "offsets")])
def test_what_is_no_candidate_is_refused(index, message):
    with pytest.raises(ValueError, match=message):
        native.pixel_runs(np.array([0, 1]), np.array(index, np.int32), np.ones(len(index), np.float32))
