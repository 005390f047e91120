"""What must hold of frames and candidates whatever the hits are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from e2e.contract import GRIDS, PADDING_INDEX, FrameSpec
from e2e.detector.detid import pack_eb
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Table
from e2e.frames import Candidates, ChannelFrames, Seeds, native

SPEC = FrameSpec(channels=("ecal_energy", "ecal_time"))
PIXELS = st.lists(st.integers(0, 170 * 360 - 1), min_size=1, max_size=80, unique=True)
ENERGIES = st.floats(2**-10, 1000, width=32)
SHIFTS = st.integers(0, 359)
ROWS = st.integers(0, 169)


@st.composite
def hit_tables(draw: st.DrawFn) -> Table:
    """One event of distinct crystals, many of them close together."""
    corner = draw(st.integers(0, 170 * 360 - 1))
    pixels = {pixel % (170 * 360) for pixel in draw(PIXELS)}
    pixels |= {(corner + step) % (170 * 360) for step in draw(st.lists(st.integers(0, 40), max_size=20))}
    size = len(pixels)
    energy = draw(hnp.arrays(np.float32, size, elements=ENERGIES))
    time = draw(hnp.arrays(np.float32, size, elements=st.floats(-25, 25, width=32).map(lambda t: t + 0.0)))
    return to_table(np.array(sorted(pixels)), energy, time)


def to_table(pixel: np.ndarray, energy: np.ndarray, time: np.ndarray) -> Table:
    detid = pack_eb(*barrel_crystal(*np.divmod(pixel, 360)))
    return Table.from_counts([len(detid)], {"detid": detid, "energy": energy, "time": time})


def one_seed(row: int, column: int) -> Seeds:
    return Seeds.from_columns([0], [row], [column], [1.0])


def assert_same_pixels(one: Candidates, other: Candidates) -> None:
    np.testing.assert_array_equal(one.offsets, other.offsets)
    np.testing.assert_array_equal(one.pixel_index, other.pixel_index)
    np.testing.assert_array_equal(one.pixel_value, other.pixel_value)


@given(hit_tables(), st.randoms(use_true_random=False), ROWS, SHIFTS)
def test_order_of_distinct_hits_does_not_matter(hits: Table, random: object, row: int, column: int) -> None:
    order = np.arange(len(hits))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Table(hits.offsets, {name: values[order] for name, values in hits.columns.items()})
    seeds = one_seed(row, column)
    assert_same_pixels(native.build_candidates(hits, SPEC, seeds), native.build_candidates(shuffled, SPEC, seeds))
    one, other = native.isolated_seeds(hits, 0.0, 2), native.isolated_seeds(shuffled, 0.0, 2)
    np.testing.assert_array_equal((one.row, one.column), (other.row, other.column))


@given(hit_tables(), ROWS, SHIFTS, SHIFTS)
def test_turning_hits_and_seed_in_phi_changes_nothing(hits: Table, row: int, column: int, shift: int) -> None:
    frame = native.barrel_frames(hits)
    rows, columns = np.divmod(frame.pixel_index, 360)
    turned = to_table(rows * 360 + (columns + shift) % 360, frame.energy, frame.time)
    here, there = one_seed(row, column), one_seed(row, (column + shift) % 360)
    assert_same_pixels(native.build_candidates(hits, SPEC, here), native.build_candidates(turned, SPEC, there))
    places = (2, 3, 0.0)
    seed, found = native.seeds_near(hits, [0], here.row, here.column, *places)
    turned_seed, turned_found = native.seeds_near(turned, [0], there.row, there.column, *places)
    np.testing.assert_array_equal(found, turned_found)
    np.testing.assert_array_equal(seed.energy, turned_seed.energy)


@given(hit_tables(), ROWS, SHIFTS, st.integers(1, 15), st.integers(1, 15))
def test_crop_of_a_crop_is_the_smaller_crop(hits: Table, row: int, column: int, above: int, left: int) -> None:
    small = replace(SPEC, rows=above + 5, columns=left + 7, centre_row=above, centre_column=left)
    large_image = native.build_candidates(hits, SPEC, one_seed(row, column)).to_dense()
    first_row, first_column = SPEC.centre_row - above, SPEC.centre_column - left
    inner = large_image[:, :, first_row : first_row + small.rows, first_column : first_column + small.columns]
    np.testing.assert_array_equal(native.build_candidates(hits, small, one_seed(row, column)).to_dense(), inner)


@given(
    st.lists(st.integers(0, 56 * 72 - 1), max_size=60, unique=True),
    st.tuples(st.integers(1, 280), st.integers(1, 360)),
    st.tuples(st.integers(0, 279), st.integers(0, 359)),
)
def test_towers_in_a_window_are_those_of_the_whole_grid(
    pixel: list[int], size: tuple[int, int], seed: tuple[int, int]
) -> None:
    towers = np.sort(np.array(pixel, dtype=np.int32))
    value = np.arange(1, len(towers) + 1, dtype=np.float32)
    channel = ChannelFrames(GRIDS["hcal"], np.array([0, len(towers)]), towers, value)

    def image(rows: int, columns: int, row: int, column: int) -> np.ndarray:
        spec = FrameSpec("stitched", ("hcal_energy",), rows, columns, 0, 0)
        return native.cut_candidates([channel], spec, one_seed(row, column)).to_dense()[0, 0]

    rows = min(size[0], 280 - seed[0])  # beyond the edge is nothing
    turned = np.roll(image(280, 360, 0, 0), -seed[1], axis=1)
    np.testing.assert_array_equal(image(*size, *seed)[:rows], turned[seed[0] : seed[0] + rows, : size[1]])


@given(hit_tables(), st.lists(st.tuples(ROWS, SHIFTS), min_size=1, max_size=5))
@settings(max_examples=50)
def test_sparse_dense_and_packed_hold_the_same(hits: Table, places: list[tuple[int, int]]) -> None:
    rows, columns = zip(*places, strict=True)
    seeds = Seeds.from_columns(np.zeros(len(places)), rows, columns, np.ones(len(places)))
    candidates = native.build_candidates(hits, SPEC, seeds)
    images = candidates.to_dense()
    again = Candidates.from_dense(SPEC, images, seeds)
    assert_same_pixels(candidates, again)
    assert again.to_dense().tobytes() == images.tobytes()

    packed = candidates.pack()
    is_pixel = packed.pixel_index != PADDING_INDEX
    np.testing.assert_array_equal(is_pixel.sum(axis=1), np.diff(candidates.offsets))
    np.testing.assert_array_equal(packed.pixel_index[is_pixel], candidates.pixel_index)
    np.testing.assert_array_equal(packed.pixel_value[is_pixel], candidates.pixel_value)
    assert not packed.pixel_value[~is_pixel].any()


@given(hit_tables(), st.lists(st.tuples(ROWS, SHIFTS), min_size=2, max_size=6), st.data())
@settings(max_examples=50)
def test_select_and_concatenate(hits: Table, places: list[tuple[int, int]], data: st.DataObject) -> None:
    rows, columns = zip(*places, strict=True)
    seeds = Seeds.from_columns(np.zeros(len(places)), rows, columns, np.ones(len(places)))
    candidates = native.build_candidates(hits, SPEC, seeds)
    chosen = data.draw(st.lists(st.integers(0, len(places) - 1), max_size=8).map(lambda x: np.array(x, dtype=int)))
    part = candidates.select(chosen)
    np.testing.assert_array_equal(part.to_dense(), candidates.to_dense()[chosen])
    np.testing.assert_array_equal(part.seeds.row, seeds.row[chosen])
    cut = len(places) // 2
    halves = [candidates.select(slice(0, cut)), candidates.select(slice(cut, None))]
    assert_same_pixels(Candidates.concatenate(halves), candidates)


def test_share_outside_counts_energy_beyond_the_five_rows_only():
    spec = FrameSpec(channels=("ecal_energy", "ecal_time"))
    image = np.zeros((2, *spec.shape), dtype=np.float32)
    image[0, 0, 13, 4], image[0, 0, 17, 15], image[0, 0, 12, 15], image[0, 1, 0, 0] = 1.0, 2.0, 1.0, 99.0
    seeds = Seeds.from_columns([0, 1], [80, 80], [10, 10], [2.0, 0.0])
    share = Candidates.from_dense(spec, image, seeds).share_outside()
    assert share[0] == np.float32(0.25)
    assert np.isnan(share[1])
