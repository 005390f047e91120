"""Nodes and their neighbours: NumPy, the C++ core and the view inside of a network say the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec, GraphSpec
from e2e.frames import Packed, native, reference
from e2e.frames.graph import network_inputs
from e2e.models.graph_view import GraphView, places_around
from e2e.tasks import TASKS

FRAME = TASKS["tau"].frame
GRAPH = GraphSpec(6, 7)


def jets(pixels: int = 900, batch: int = 5, frame: FrameSpec = FRAME) -> Packed:
    """Crowded in the middle, as jets are, an empty one among them, pixels in any order."""
    rng = np.random.default_rng(pixels)
    place = np.clip(np.rint(rng.normal(62, 15, (2, batch, pixels))), 0, 124).astype(np.int64)
    index = (rng.integers(0, len(frame.channels), (batch, pixels)) * 125 + place[0]) * 125 + place[1]
    packed = random_candidates(rng, frame, batch, pixels, is_full=True)
    index = np.where(np.arange(pixels) < rng.integers(pixels // 2, pixels, (batch, 1)), index, -1).astype(np.float32)
    index[1] = -1
    return packed._replace(pixel_index=index, pixel_value=np.where(index < 0, 0, packed.pixel_value))


@st.composite
def graphs(draw):
    """A grid, the places of a few graphs on it (from none to all), and whether its columns are a ring."""
    rows, columns = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    most = min(rows * columns, 1200)  # the reference compares all with all
    sizes = draw(st.lists(st.integers(0, most), min_size=0, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    places = [np.sort(rng.permutation(rows * columns)[:size]) for size in sizes]
    offsets = np.cumsum([0, *sizes])
    return offsets, np.concatenate([*places, []]).astype(np.int32), (rows, columns), draw(st.booleans())


@given(graphs(), st.integers(0, 20), st.one_of(st.none(), st.floats(0, 90)))
def test_nearest_nodes_are_those_of_the_reference(graph, count, radius):
    offsets, place, shape, wraps = graph
    given_, expected = (
        room.nearest_nodes(offsets, place, shape, count, radius=radius, wraps=wraps) for room in (native, reference)
    )
    assert given_.dtype == expected.dtype and given_.shape == (len(place), count)
    np.testing.assert_array_equal(given_, expected)


def test_neighbours_by_hand():
    """Ties go to the node that comes first, on a ring as well."""
    place = [0, 1, 9, 20, 22]  # of 10 columns: row 0 columns 0, 1 and 9; row 2 columns 0 and 2
    flat = native.nearest_nodes([0, 5], place, (3, 10), 2)
    ring = native.nearest_nodes([0, 5], place, (3, 10), 2, wraps=True)
    assert flat.tolist() == [[1, 3], [0, 3], [4, 1], [0, 4], [3, 1]]
    assert ring.tolist() == [[1, 2], [0, 2], [0, 1], [0, 4], [3, 1]]
    near = native.nearest_nodes([0, 5], place, (3, 10), 3, radius=2.0)
    assert near.tolist() == [[1, 3, -1], [0, -1, -1], [-1, -1, -1], [0, 4, -1], [3, -1, -1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 2], [5, 5], (4, 4), 1), "ascend within a graph, each once"),
        (([0, 2], [5, 16], (4, 4), 1), r"place 16 is outside 0\.\.15"),
        (([0, 1], [5, 6], (4, 4), 1), "offsets must ascend"),
        (([0, 2], [5, 6], (0, 4), 1), "grid of 0 x 4"),
        (([0, 2], [5, 6], (4, 30000), 1), "each side at most 20000"),
        (([0, 2], [5, 6], (4, 4), 5000), "count is 5000 of at most 4096"),
    ],
)
def test_what_is_no_graph_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        native.nearest_nodes(*arguments)


def test_a_radius_below_zero_and_an_index_outside_are_refused():
    with pytest.raises(ValueError, match=r"radius -1\.0+ of at least 0"):
        native.nearest_nodes([0, 1], [5], (4, 4), 1, radius=-1.0)
    for index in (FRAME.num_pixels, np.nan, np.inf):
        with pytest.raises(ValueError, match="a pixel index that is none of the frame's 140625"):
            native.packed_neighbours(np.array([[3, index]], np.float32), FRAME, GRAPH)


@pytest.mark.parametrize("frame", [FRAME, FrameSpec(), TASKS["quark-gluon"].frame])
@pytest.mark.parametrize("pixels", [1, 60, 500])
@pytest.mark.parametrize("reach", [0, 1, 13, 200])
def test_nodes_and_packed_neighbours_are_those_of_the_reference(frame, pixels, reach):
    graph = GRAPH._replace(reach=reach)
    packed = random_candidates(np.random.default_rng(pixels), frame, 6, pixels)
    found = native.packed_neighbours(packed.pixel_index, frame, graph)
    np.testing.assert_array_equal(found, reference.packed_neighbours(packed.pixel_index, frame, graph))
    assert found.dtype == np.float32 and found.shape[1] >= 1
    ours = GraphView(frame, 1, graph).neighbours(torch.from_numpy(packed.pixel_index))
    np.testing.assert_array_equal(ours.numpy(), found)


def test_what_is_out_of_reach_is_no_node():
    """And what is told of the nodes is that of their own pixels alone."""
    middle = FRAME.centre_row * FRAME.columns + FRAME.centre_column
    index = np.array([[middle - 5, middle - 4, middle, middle + 3 * FRAME.columns + 3, middle + 4]], np.float32)
    graph = GraphSpec(2, 100, reach=4)
    value = torch.arange(1.0, 6.0)[None]
    found = GraphView(FRAME, 1, graph)(torch.from_numpy(index), [value])
    first = found.values[0, :, 0].tolist()  # of the first channel, which they all are of
    assert first == [2.0, 3.0, 5.0]
    for reach, count in ((4, 3), (5, 5), (0, 5)):
        found = native.packed_neighbours(index, FRAME, graph._replace(reach=reach))
        assert found.shape == (1, count, 2)


@pytest.mark.parametrize("reach", [-1, 10**6])
def test_a_reach_that_cannot_be_is_refused(reach):
    with pytest.raises(ValueError, match=f"a reach of {reach} "):
        native.packed_neighbours(np.array([[3.0]], np.float32), FRAME, GRAPH._replace(reach=reach))


def test_whatever_is_negative_is_padding():
    index = np.array([[-2, 5, -0.5, -np.inf, 140624]], np.float32)
    found = native.packed_neighbours(index, FRAME, GRAPH)
    np.testing.assert_array_equal(found, reference.packed_neighbours(index, FRAME, GRAPH))
    assert found.shape == (1, 2, 6)
    index = torch.from_numpy(index.clip(-9, None))
    torch.testing.assert_close(GraphView(FRAME, 1, GRAPH).neighbours(index), torch.from_numpy(found))


def test_a_tower_makes_one_node_at_its_middle():
    """And its other pixels make none, where nothing else lies."""
    hcal, tracks = FRAME.channels.index("hcal_energy"), FRAME.channels.index("track_pt")
    tower = [(hcal * 125 + row) * 125 + column for row in range(60, 65) for column in range(55, 60)]
    track = (tracks * 125 + 61) * 125 + 56
    index = np.array([sorted([*tower, track])], np.float32)
    graph = GraphView(FRAME, 1, GRAPH)(torch.from_numpy(index), [torch.from_numpy(index + 1)])
    assert graph.row.tolist() == [[61, 62]] and graph.column.tolist() == [[56, 57]]
    assert graph.neighbour[0, :, 0].tolist() == [1, 0] and graph.is_edge.sum() == 2
    first = graph.values[0, 0]
    assert first[tracks] == track + 1 and first[hcal] == (hcal * 125 + 61) * 125 + 56 + 1
    assert first.count_nonzero() == 2


@pytest.mark.parametrize("pixels", [0, 3, 200, 900])
def test_the_view_finds_what_the_core_finds(pixels):
    packed = jets(pixels) if pixels > 3 else random_candidates(np.random.default_rng(1), FRAME, 4, pixels)
    inputs = network_inputs(packed, FRAME, GRAPH)
    index, value = torch.from_numpy(packed.pixel_index), torch.from_numpy(packed.pixel_value)
    view = GraphView(FRAME, 1, GRAPH)
    own, handed = view(index, [value]), view(index, [value], torch.from_numpy(inputs["neighbour"]))
    for one, other in zip(own, handed, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert own.is_edge.any() == (pixels > 3)


def test_the_view_holds_what_lies_at_each_node():
    packed = jets()
    view = GraphView(FRAME, 1, GRAPH)
    graph = view(torch.from_numpy(packed.pixel_index), [torch.from_numpy(packed.pixel_value)])
    size = FRAME.rows * FRAME.columns
    expected: dict[tuple[int, int, int], float] = {}
    for candidate, (indices, values) in enumerate(zip(packed.pixel_index, packed.pixel_value, strict=True)):
        for index, value in zip(indices[indices >= 0].astype(int), values[indices >= 0], strict=True):
            key = candidate, index % size, index // size
            expected[key] = expected.get(key, 0.0) + float(value)
    place = (graph.row * FRAME.columns + graph.column).masked_fill(graph.is_padding, -1)
    for candidate, node in torch.argwhere(place >= 0).tolist():
        for channel, value in enumerate(graph.values[candidate, node].tolist()):
            found = expected.pop((candidate, int(place[candidate, node]), channel), 0.0)
            assert value == pytest.approx(found, rel=1e-5)
    hcal = FRAME.channels.index("hcal_energy")
    assert expected and all(channel == hcal for _, _, channel in expected)  # beside the middles of towers


def test_places_around_come_in_the_order_of_nearest_nodes():
    steps = places_around(9)
    place = np.arange(21 * 21, dtype=np.int32)
    found = reference.nearest_nodes([0, len(place)], place, (21, 21), len(steps), radius=9.0)[10 * 21 + 10]
    assert [(node // 21 - 10, node % 21 - 10) for node in found.tolist()] == steps
