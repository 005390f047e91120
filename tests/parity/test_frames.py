"""One body for every back end: cases by hand with their answer, and random hits on which native equals reference."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from inspect import isfunction, signature
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from e2e.contract import GRIDS, FrameSpec
from e2e.detector.detid import pack_eb, pack_ee, pack_hcal
from e2e.detector.grids import barrel_crystal, endcap_pixel_table
from e2e.events.record import Table
from e2e.frames import Candidates, Seeds, native, reference

BOTH = FrameSpec(channels=("ecal_energy", "ecal_time"))
SPECS = (
    FrameSpec(),
    BOTH,
    FrameSpec("barrel", ("ecal_time", "ecal_energy"), 170, 360, 0, 359),
    FrameSpec(rows=1, columns=7, centre_row=0, centre_column=6),
)
NAN, INF = np.nan, np.inf


@pytest.fixture(params=[reference, native], ids=["reference", "native"])
def backend(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def barrel_id(row: Any, column: Any) -> np.ndarray:
    return pack_eb(*barrel_crystal(row, column))


def table(*events: list[tuple[int, float, float]]) -> Table:
    """Each event a list of (detid, energy, time)."""
    rows = [hit for event in events for hit in event]
    detid, energy, time = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"detid": np.array(detid, "u4"), "energy": np.array(energy, "f4"), "time": np.array(time, "f4")}
    return Table.from_counts([len(event) for event in events], columns)


def assert_same(one: Any, other: Any) -> None:
    """Equal types, shapes and bits, through dataclasses and tuples."""
    assert type(one) is type(other)
    if is_dataclass(one):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes()
    else:
        assert one == other


def random_hits(seed: int, draw_ids: Any, events: int = 12, hits: int = 600) -> Table:
    """Hits of every kind: good, repeated, not decodable, with energies and times that cannot be."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, hits, events) * (rng.random(events) > 0.1)
    size = int(counts.sum())
    detid = draw_ids(rng, size)
    again = np.flatnonzero(rng.random(size) < 0.1)
    detid[again] = detid[np.maximum(again - rng.integers(1, 20, len(again)), 0)]
    broken = rng.random(size) < 0.02
    detid[broken] = rng.integers(0, 1 << 32, broken.sum(), dtype=np.uint32)
    energy = np.where(rng.random(size) < 0.3, rng.integers(-1, 4, size), rng.exponential(2.0, size)).astype(np.float32)
    odd = rng.random(size) < 0.05
    energy[odd] = rng.choice(np.array([NAN, INF, -INF, 1e4, -1e4, 1.1e4, 0.0, -0.0, 1e-45], "f4"), odd.sum())
    time = rng.normal(size=size).astype(np.float32)
    time[rng.random(size) < 0.1] = 0
    time[rng.random(size) < 0.02] = NAN
    return Table.from_counts(counts, {"detid": detid, "energy": energy, "time": time})


def draw_barrel(rng: np.random.Generator, size: int) -> np.ndarray:
    """Half of them in one corner at the seam, so that windows are busy."""
    row, column = rng.integers(0, 170, size), rng.integers(0, 360, size)
    near = rng.random(size) < 0.5
    row[near] %= 12
    column[near] = (column[near] % 14 - 7) % 360
    return barrel_id(row, column)


def draw_endcap(rng: np.random.Generator, size: int) -> np.ndarray:
    return pack_ee(rng.integers(0, 102, size), rng.integers(0, 102, size), rng.choice((-1, 1), size))


def draw_towers(name: str, low: int, high: int) -> Any:
    def draw(rng: np.random.Generator, size: int) -> np.ndarray:
        ieta = rng.integers(low, high + 1, size) * rng.choice((-1, 1), size)
        one = (ieta, rng.integers(1, 73, size), rng.integers(1, 4, size))
        return np.where(rng.random(size) < 0.5, pack_hcal(name, *one), pack_hcal(name, *one, new_format=False))

    return draw


DRAW = {"EB": draw_barrel, "EE": draw_endcap, "HB": draw_towers("HB", 1, 16), "HE": draw_towers("HE", 16, 29)}


# ---- by hand


def test_screen_counts_what_it_drops(backend: ModuleType) -> None:
    here, there = barrel_id(10, 5), barrel_id(3, 359)
    hits = table(
        [(here, 2, NAN), (here, 2, 0), (here, 3, 0), (there, -1, NAN), (there, 9, 0)],
        [],
        [(12345, 1, 0), (here, NAN, 0), (here, 1.0001e4, 0), (here, -INF, 0), (here, 1e4, INF), (there, 0, 0)],
        [(pack_eb(86, 1), 1, 0), (there, 0.0, 0), (there, -0.0, 0), (barrel_id(3, 0), 1, 7)],
    )
    frames = backend.barrel_frames(hits)
    np.testing.assert_array_equal(frames.offsets, [0, 1, 1, 2, 3])
    np.testing.assert_array_equal(frames.pixel_index, [3605, 3605, 1080])
    np.testing.assert_array_equal(frames.energy, np.array([2, 1e4, 1], "f4"))
    np.testing.assert_array_equal(frames.time, [0, 0, 7])
    counts = backend.count_hits(hits, "EB")
    assert_same(frames.counts, counts)
    np.testing.assert_array_equal(counts.undecodable, [0, 0, 1, 1])
    np.testing.assert_array_equal(counts.bad_energy, [0, 0, 3, 0])
    np.testing.assert_array_equal(counts.bad_time, [1, 0, 1, 0])
    np.testing.assert_array_equal(counts.duplicates, [1, 0, 0, 0])
    np.testing.assert_array_equal(counts.conflicts, [2, 0, 0, 1])


def test_stitched_adds_crystals_that_share_a_pixel(backend: ModuleType) -> None:
    pixels = endcap_pixel_table()[1]
    pixel = np.bincount(pixels[pixels >= 0]).argmax()
    (ix, iy), energies = np.nonzero(pixels == pixel), np.array([0.1, 0.2], "f4")
    endcap = table([(pack_ee(ix[i], iy[i], 1), energies[i], 0) for i in range(2)])
    frames = backend.stitched_frames(table([(barrel_id(0, 0), 3, 5)]), endcap)
    np.testing.assert_array_equal(frames.pixel_index, [55 * 360, pixel])
    np.testing.assert_array_equal(frames.energy, [3, energies[0] + energies[1]])
    assert frames.time is None


def test_hcal_folds_splits_and_sums_depths(backend: ModuleType) -> None:
    barrel = table([(pack_hcal("HB", 1, 1, 1), 1, 0), (pack_hcal("HB", 1, 1, 2), 2, 0)])
    endcap = table([(pack_hcal("HE", -29, 72, 1), 8, 0), (pack_hcal("HE", -28, 71, 1), 2, 0)])
    frames = backend.hcal_frames(barrel, endcap)
    np.testing.assert_array_equal(frames.pixel_index, [0, 70, 71, 28 * 72])
    np.testing.assert_array_equal(frames.energy, [4, 1, 5, 3])
    fine = backend.upsample_hcal(frames)
    np.testing.assert_array_equal(fine.pixel_index[:15], [*range(15)])
    np.testing.assert_allclose(fine.energy.sum(dtype="f8"), 13, rtol=1e-6)


def test_hcal_depths_are_added_in_the_order_of_the_hits(backend: ModuleType) -> None:
    energies = np.array([1e4, 4e-4, 4e-4], "f4")  # the small ones vanish one by one; together they would not
    depths = [(pack_hcal("HE", 18, 1, depth + 1), energy, 0) for depth, energy in enumerate(energies)]
    falling, rising = (backend.hcal_frames(table([]), table(hits)).energy for hits in (depths, depths[::-1]))
    assert falling[0] == 1e4 < rising[0]


def test_seeds_at_the_seam_and_at_ties(backend: ModuleType) -> None:
    hits = table([], [(barrel_id(80, 359), 5, 0), (barrel_id(80, 1), 5, 0), (barrel_id(0, 100), 9, 0)])
    seeds, found = backend.seeds_near(hits, [1, 1, 0, 1, 1], [81, 81, 81, 2, 81], [0, 358, 0, 99, 4], 2, 2, 1.0)
    np.testing.assert_array_equal(found, [True, True, False, True, False])
    np.testing.assert_array_equal(seeds.column, [1, 359, 100])  # of equals the lower index
    np.testing.assert_array_equal(seeds.row, [80, 80, 0])
    assert not backend.seeds_near(hits, [1], [81], [0], 0, 2, 1.0)[1].any()
    assert not backend.seeds_near(hits, [1], [81], [0], 2, 2, 5.1)[1].any()
    assert backend.seeds_near(hits, [1], [81], [0], 2, 2, 5.0)[1].all()  # the threshold itself is enough
    assert len(backend.leading_seeds(hits, 9.0)) == len(backend.isolated_seeds(hits, 9.0, 2)) == 1
    leading = backend.leading_seeds(hits, 1.0)
    np.testing.assert_array_equal((leading.event_index, leading.row, leading.column), [[1], [0], [100]])
    np.testing.assert_array_equal(backend.isolated_seeds(hits, 1.0, 1).column, [100, 1, 359])
    np.testing.assert_array_equal(backend.isolated_seeds(hits, 1.0, 2).column, [100, 1])
    assert len(backend.leading_seeds(hits, 9.5)) == 0


def test_crop_wraps_in_phi_and_pads_in_eta(backend: ModuleType) -> None:
    hits = table([(barrel_id(0, 359), 1, 0), (barrel_id(0, 0), 2, -3), (barrel_id(169, 0), 4, 1)])
    candidates = backend.build_candidates(
        hits, BOTH, Seeds.from_columns([0, 0], [0, 169], [0, 16], [2, 4])
    )  # the second misses its crystal by one column
    image = backend.to_dense(candidates)
    assert image.shape == (2, 2, 32, 32) and np.count_nonzero(image) == 3
    np.testing.assert_array_equal(image[0, :, 15, 14:16], [[1, 2], [0, -3]])
    assert not image[0, :, :15].any() and not image[1].any()


def test_nothing_at_all(backend: ModuleType) -> None:
    nothing, no_seeds = table([], []), Seeds.from_columns([], [], [], [])
    assert len(backend.build_candidates(table(), FrameSpec(), no_seeds)) == 0
    empty = backend.build_candidates(nothing, FrameSpec(), Seeds.from_columns([1], [0], [0], [0]))
    assert len(empty) == 1 and len(empty.pixel_index) == 0
    packed = backend.pack(empty, 0, 1)
    np.testing.assert_array_equal(packed.pixel_index, [[-1]])
    np.testing.assert_array_equal(packed.pixel_value, [[0]])
    assert backend.pack(empty, 0, 0).pixel_index.shape == (0, 1)
    assert not backend.to_dense(empty).any()
    assert len(backend.leading_seeds(nothing, 0.0)) == len(backend.isolated_seeds(nothing, 0.0, 2)) == 0


def test_pack_pads_to_the_longest(backend: ModuleType) -> None:
    spec, seeds = FrameSpec(), Seeds.from_columns([0, 0, 1], [1, 2, 3], [4, 5, 359], [1, 1, 1])
    values = np.array([1, 2, 3], "f4")
    candidates = Candidates(spec, np.array([0, 2, 2, 3]), np.array([7, 1023, 0], "i4"), values, seeds)
    packed = backend.pack(candidates, 0, 3)
    np.testing.assert_array_equal(packed.pixel_index, [[7, 1023], [-1, -1], [0, -1]])
    np.testing.assert_array_equal(packed.pixel_value, [[1, 2], [0, 0], [3, 0]])
    np.testing.assert_array_equal(packed.seed, [[1, 4], [2, 5], [3, 359]])
    assert backend.pack(candidates, 1, 3).pixel_index.shape == (2, 1)
    assert all(array.dtype == np.float32 for array in packed)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ((0, 170, 0), "seed 1: row 170 is outside 0..169"),
        ((0, 0, -1), "seed 1: column -1 is outside 0..359"),
        ((1, 0, 0), "seed 1: event 1 is outside 0..0"),
    ],
)
def test_places_outside_are_refused(backend: ModuleType, seed: tuple[int, int, int], message: str) -> None:
    event, row, column = zip((0, 0, 0), seed, strict=True)
    with pytest.raises(ValueError, match=message):
        backend.build_candidates(table([]), FrameSpec(), Seeds.from_columns(event, row, column, [1, 1]))
    with pytest.raises(ValueError, match=message):
        backend.seeds_near(table([]), event, row, column, 1, 1, 0.0)


def test_wrong_input_is_refused(backend: ModuleType) -> None:
    hits, empty = table([(barrel_id(0, 0), 1, 0)]), Seeds.from_columns([], [], [], [])
    wide = Table(hits.offsets, {**hits.columns, "energy": hits["energy"].astype("f8")})
    with pytest.raises(ValueError, match=r"energy must be one-dimensional.*float32"):
        backend.barrel_frames(wide)
    with pytest.raises(ValueError, match="different numbers of events"):
        backend.stitched_frames(hits, table([], []))
    with pytest.raises(ValueError, match="barrel grid, not from 'stitched'"):
        backend.build_candidates(hits, FrameSpec("stitched"), empty)
    with pytest.raises(ValueError, match=r"half width in columns 180 is outside 0\.\.179"):
        backend.seeds_near(hits, [0], [0], [0], 1, 180, 1.0)
    candidates = backend.build_candidates(hits, FrameSpec(), empty)
    with pytest.raises(ValueError, match=r"candidates 0 to 1 are outside 0\.\.0"):
        backend.pack(candidates, 0, 1)
    with pytest.raises(ValueError, match="out is float64"):
        backend.to_dense(candidates, np.zeros((0, 1, 32, 32)))


# ---- native equals reference


def test_both_offer_the_same_functions() -> None:
    functions = {name: value for name, value in vars(native).items() if isfunction(value) and name[0] != "_"}
    own = {name: function for name, function in functions.items() if function.__module__ == native.__name__}
    public = {name: signature(function) for name, function in own.items()}
    assert len(public) == 24
    assert public == {name: signature(getattr(reference, name)) for name in public}


@pytest.mark.parametrize("seed", range(4))
def test_native_frames_equal_reference(seed: int) -> None:
    eb, ee, hb, he = (random_hits(seed, DRAW[name]) for name in DRAW)
    assert_same(native.barrel_frames(eb), reference.barrel_frames(eb))
    assert_same(native.stitched_frames(eb, ee), reference.stitched_frames(eb, ee))
    towers = reference.hcal_frames(hb, he)
    assert_same(native.hcal_frames(hb, he), towers)
    assert_same(native.upsample_hcal(towers), reference.upsample_hcal(towers))
    for name, hits in zip(DRAW, (eb, ee, hb, he), strict=True):
        counts = reference.count_hits(hits, name)
        assert_same(native.count_hits(hits, name), counts)
        assert all(getattr(counts, field.name).sum() > 0 for field in fields(counts))


@pytest.mark.parametrize("seed", range(4))
def test_native_seeds_equal_reference(seed: int) -> None:
    hits = random_hits(seed, draw_barrel, events=6)
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 6, 60), rng.integers(0, 14, 60), rng.integers(350, 366, 60) % 360
    for half_rows, half_columns, min_energy in ((0, 0, 0.0), (4, 4, 1.0), (1, 8, -1.0), (169, 179, 3.0), (4, 4, NAN)):
        args = (hits, *places, half_rows, half_columns, min_energy)
        assert_same(native.seeds_near(*args), reference.seeds_near(*args))
    for half_width, min_energy in ((0, 0.0), (1, 0.5), (3, 2.0), (169, -1.0)):
        args = (hits, min_energy, half_width)
        assert_same(native.isolated_seeds(*args), reference.isolated_seeds(*args))
    for min_energy in (0.0, 1.0, 1e4, 2e4):
        assert_same(native.leading_seeds(hits, min_energy), reference.leading_seeds(hits, min_energy))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_native_candidates_equal_reference(spec: FrameSpec) -> None:
    hits = random_hits(1, draw_barrel)
    rng = np.random.default_rng(2)
    seeds = Seeds.from_columns(
        rng.integers(0, 12, 50), rng.choice((0, 3, 80, 169), 50), rng.choice((0, 1, 200, 359), 50), np.ones(50)
    )
    candidates = native.build_candidates(hits, spec, seeds)
    assert_same(candidates, reference.build_candidates(hits, spec, seeds))
    assert len(candidates.pixel_index) > 20
    assert_same(native.pack(candidates, 3, 40), reference.pack(candidates, 3, 40))
    out = np.full((50, *spec.shape), NAN, dtype=np.float32)
    assert native.to_dense(candidates, out) is out
    assert_same(out, reference.to_dense(candidates))


def test_grids_are_those_of_the_contract() -> None:
    hits = {name: random_hits(0, draw, events=1) for name, draw in DRAW.items()}
    for backend in (native, reference):
        assert backend.barrel_frames(hits["EB"]).grid == GRIDS["barrel"]
        assert backend.stitched_frames(hits["EB"], hits["EE"]).grid == GRIDS["stitched"]
        assert backend.hcal_frames(hits["HB"], hits["HE"]).grid == GRIDS["hcal"]
