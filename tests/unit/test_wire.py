"""The wire to a server: nothing lost, nothing dense, and the served graph puts it together as NumPy does."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.bundles import load_bundle
from e2e.bundles.parity import check_agreement, random_candidates
from e2e.contract import PADDING_INDEX
from e2e.frames import Packed
from e2e.inference.engine import load_engine
from e2e.problems import InputError
from e2e.serving.graph import served_graph
from e2e.serving.wire import dense_bytes, from_wire, index_type, join, pieces, to_wire
from e2e.tasks import TASKS

ZOO = Path(__file__).parents[2] / "zoo"
FRAME = TASKS["electron-photon"].frame


def of_packed(packed, frame):
    """What each candidate has, whatever the padding."""
    rows = zip(packed.pixel_index, packed.pixel_value, packed.seed, strict=True)
    return [(i[i != PADDING_INDEX].tolist(), v[i != PADDING_INDEX].tobytes(), s.tolist()) for i, v, s in rows]


def side_by_side(packed):
    """The same numbers of pixels, one after the other, a few values in turn."""
    is_pixel = packed.pixel_index != PADDING_INDEX
    place = np.arange(is_pixel.shape[1], dtype=np.float32) + packed.seed[:, :1]
    value = packed.pixel_value[:, :1] + place // 5 % 3
    return packed._replace(
        pixel_index=np.where(is_pixel, place, PADDING_INDEX).astype(np.float32),
        pixel_value=np.where(is_pixel, value, 0).astype(np.float32),
    )


@given(
    seed=st.integers(0, 999),
    batch=st.integers(1, 9),
    pixels=st.integers(0, 40),
    task=st.sampled_from(sorted(TASKS)),
    in_runs=st.booleans(),
)
@settings(max_examples=60)
def test_what_travels_arrives_to_the_bit(seed, batch, pixels, task, in_runs):
    frame = TASKS[task].frame
    packed = random_candidates(np.random.default_rng(seed), frame, batch, pixels)
    packed.pixel_value[packed.pixel_index != PADDING_INDEX] *= np.float32(np.pi)
    if in_runs:
        packed = side_by_side(packed)
    wire = to_wire(packed, frame)
    assert of_packed(from_wire(wire), frame) == of_packed(packed, frame)
    assert wire.num_bytes == count_runs(packed) * (index_type(frame).itemsize + 1 + 4) + batch * (4 + 2 * 2)
    assert int(wire.run_length.sum()) == (packed.pixel_index != PADDING_INDEX).sum()


def count_runs(packed):
    count = 0
    for index, value, _ in of_packed(packed, FRAME):
        bits = np.frombuffer(value, np.uint32)
        goes_on = [index[n] == index[n - 1] + 1 and bits[n] == bits[n - 1] for n in range(1, len(index))]
        count += min(len(index), 1) + goes_on.count(False)
    return count


def test_what_is_alike_side_by_side_is_told_once():
    """Not across candidates, nor where the bits differ; what is longer than a byte can say comes in parts."""
    index = np.full((3, 600), PADDING_INDEX, np.float32)
    index[0, :3], index[1], index[2, :4] = (4, 5, 6), np.arange(7, 607), (9, 10, 11, 13)
    value = np.ones_like(index)
    value[2, :4] = 0.0, -0.0, -0.0, -0.0
    wire = to_wire(Packed(index, value, np.zeros((3, 2), np.float32)), FRAME)
    assert wire.run_length.tolist() == [[3, 255, 255, 90, 1, 2, 1]]
    assert wire.run_step.tolist() == [[4, 7, 255, 255, 9, 1, 3]] and wire.num_runs.tolist() == [[1, 3, 3]]
    assert wire.run_value[0, 4:].view(np.uint32).tolist() == [0, 1 << 31, 1 << 31]


def test_padding_anywhere_and_any_bits_of_a_value_travel():
    value = np.array([[np.nan, 7, -0.0, np.inf, 1e-45]], np.float32)
    packed = Packed(np.array([[5, PADDING_INDEX, 3, 900, 0]], np.float32), value, np.array([[-1, 12]], np.float32))
    arrived = from_wire(to_wire(packed, FRAME))
    assert arrived.pixel_index.tolist() == [[5, 3, 900, 0]] and arrived.seed.tolist() == [[-1, 12]]
    assert arrived.pixel_value.tobytes() == value[:, [0, 2, 3, 4]].tobytes()


def test_the_narrowest_type_of_each_frame():
    assert index_type(TASKS["electron-photon"].frame) == index_type(TASKS["quark-gluon"].frame) == np.uint16
    assert index_type(TASKS["ditau-mass"].frame) == np.int32
    assert dense_bytes(TASKS["quark-gluon"].frame) == 4 * 3 * 125 * 125


@pytest.mark.parametrize("index", [0.5, 1024.0, 70_000.0, -2.0, np.nan, np.inf])
def test_an_index_that_would_arrive_as_another_does_not_leave(index):
    packed = Packed(np.array([[index]], np.float32), np.ones((1, 1), np.float32), np.zeros((1, 2), np.float32))
    with pytest.raises(InputError, match="pixel index"):
        to_wire(packed, FRAME)


@pytest.mark.parametrize("row", [0.5, 1e6, np.nan])
def test_a_seed_that_would_arrive_as_another_does_not_leave(row):
    packed = Packed(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), np.array([[row, 0]], np.float32))
    with pytest.raises(InputError, match="seed"):
        to_wire(packed, FRAME)


def test_pieces_are_all_of_it_in_order():
    packed = random_candidates(np.random.default_rng(5), FRAME, 10, 6)
    parts = list(pieces(packed, 4))
    assert [len(part.seed) for part in parts] == [4, 4, 2]
    assert (np.concatenate([part.pixel_value for part in parts]) == packed.pixel_value).all()


@pytest.mark.parametrize("name", ["diphoton-mass-nano", "quark-gluon-nano", "ditau-mass"])
def test_the_served_graph_gives_the_bundles_own_answers(name):
    """For requests end to end, one without a pixel among them."""
    bundle = load_bundle(ZOO / name)
    frame, engine = bundle.contract.frame, load_engine(bundle)
    session = onnxruntime.InferenceSession(served_graph(bundle).SerializeToString())
    rng = np.random.default_rng(8)
    requests = [random_candidates(rng, frame, batch, pixels) for batch, pixels in ((3, 40), (1, 0), (5, 200), (1, 1))]
    requests.append(side_by_side(random_candidates(rng, frame, 4, 300)))
    requests.append(long := side_by_side(random_candidates(rng, frame, 1, 600, is_full=True)))
    long.pixel_value[:] = 1
    merged = join([to_wire(packed, frame) for packed in requests])
    assert merged.run_length.tolist()[0][-3:] == [255, 255, 90]
    columns = session.run(list(bundle.contract.output_names), {k: v[0] for k, v in merged._asdict().items()})
    scale, sizes = bundle.contract.tolerance_scale, bundle.contract.answer_sizes
    expected = np.concatenate([engine.run(packed) for packed in requests])
    check_agreement("merged", np.stack(columns, axis=1), expected, scale, sizes)
    assert np.array_equal(np.stack(columns, axis=1), engine.run_whole(from_wire(merged)))


def test_a_run_without_a_pixel_shifts_nobody():
    """A stock server looks at no request: what one client sends must not move the pixels of another."""
    bundle = load_bundle(ZOO / "diphoton-mass-nano")
    session = onnxruntime.InferenceSession(served_graph(bundle).SerializeToString())
    good = to_wire(side_by_side(random_candidates(np.random.default_rng(3), FRAME, 3, 30, is_full=True)), FRAME)
    bad = good._replace(run_length=np.where(np.arange(good.run_length.shape[1]) % 3, good.run_length, 0))
    merged = join([good, bad, good])
    names = list(bundle.contract.output_names)
    alone, together = (session.run(names, {k: v[0] for k, v in wire._asdict().items()}) for wire in (good, merged))
    for one, all_ in zip(alone, together, strict=True):
        np.testing.assert_allclose(all_[:3], one, rtol=1e-6)
        np.testing.assert_allclose(all_[6:], one, rtol=1e-6)
