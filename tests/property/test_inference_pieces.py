"""A batch answered in pieces: every candidate once, in order, none padded further than the longest beside it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.contract import PADDING_INDEX
from e2e.frames import Packed
from e2e.inference.engine import EngineOptions, LocalEngine
from e2e.inference.pieces import MOST_PADDED, in_pieces

JETS = st.lists(st.integers(0, 2 * MOST_PADDED // 3), min_size=1, max_size=12)
CROPS = st.lists(st.integers(0, 300), min_size=60, max_size=150)
LENGTHS = st.one_of(JETS, CROPS)


def packed_of(lengths, padding):
    """Every third pixel but the last is padding too; the seed says how far a candidate reaches."""
    width = max(lengths) + padding
    places, last = np.arange(width), np.array(lengths)[:, None] - 1
    is_there = (places == last) | ((places < last) & (places % 3 > 0))
    index = np.where(is_there, places, PADDING_INDEX).astype(np.float32)
    seed = np.stack((np.arange(len(lengths)), np.array(lengths)), axis=1).astype(np.float32)
    return Packed(index, is_there.astype(np.float32), seed)


@given(LENGTHS, st.integers(0, 50))
def test_answers_are_those_of_the_whole_batch_in_its_order(lengths, padding):
    shapes = []

    def answer(packed):
        shapes.append((*packed.pixel_index.shape, max(int(packed.seed[:, 1].max()), 1)))
        return np.concatenate((packed.pixel_value.sum(axis=1, keepdims=True), packed.seed), axis=1)

    whole = packed_of(lengths, padding)
    answers = in_pieces(answer, whole)
    np.testing.assert_array_equal(answers[:, 0], whole.pixel_value.sum(axis=1))
    np.testing.assert_array_equal(answers[:, 1:], whole.seed)
    assert sum(rows for rows, _, _ in shapes) == len(lengths)
    if len(shapes) > 1:
        assert all(width == longest and (rows == 1 or rows * width <= MOST_PADDED) for rows, width, longest in shapes)


@given(LENGTHS)
def test_pieces_are_as_few_as_their_order_allows(lengths):
    taken = []
    in_pieces(lambda packed: (taken.append(packed), packed.seed)[1], packed_of(lengths, 3))
    lengths = [np.maximum(piece.seed[:, 1], 1) for piece in taken]
    assert all(len(own) + 1 > MOST_PADDED / following.min() for own, following in pairwise(lengths))


def test_a_single_candidate_and_a_small_batch_go_as_they_come():
    for lengths in ([3 * MOST_PADDED], [5, 0, 9]):
        packed = packed_of(lengths, 1)
        assert in_pieces(lambda given, packed=packed: np.array([given is packed]), packed).all()


class Remembers(LocalEngine):
    name = "remembers"

    def __init__(self, options):
        super().__init__(options)
        self.asked = []

    def run_whole(self, packed):
        self.asked.append(len(packed.seed))
        return packed.seed


@pytest.mark.parametrize(("device", "calls"), [("cpu", 4), ("cuda", 1), ("tensorrt", 1)])
def test_a_processor_is_asked_piece_by_piece_and_a_gpu_once(device, calls):
    engine = Remembers(EngineOptions(device=device))
    packed = packed_of([MOST_PADDED // 2 + 1] * 4, 0)
    np.testing.assert_array_equal(engine.run(packed), packed.seed)
    assert len(engine.asked) == calls
    engine.run_whole(packed)
    assert engine.asked[-1] == 4
