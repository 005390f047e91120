"""Candidates of every channel: cases by hand with their answer, and random events on which native equals reference."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from test_frames import DRAW, assert_same, random_hits

from e2e.contract import CHANNELS, GRID_CHANNELS, GRIDS, JET_CROP_CENTRE, JET_CROP_SIZE, TRACKER_LAYERS, FrameSpec
from e2e.detector.detid import pack_eb, pack_ee, pack_hcal
from e2e.detector.grids import barrel_crystal, endcap_row_edges
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.frames import ChannelFrames, Seeds, native, reference
from e2e.frames.build import build_candidates
from e2e.frames.jet_seeds import jet_seeds

STITCHED = GRIDS["stitched"]
JET = (JET_CROP_SIZE, JET_CROP_SIZE, JET_CROP_CENTRE, JET_CROP_CENTRE)
ALL = FrameSpec("stitched", GRID_CHANNELS["stitched"], *JET)
WHOLE = FrameSpec("stitched", GRID_CHANNELS["stitched"], STITCHED.rows, STITCHED.columns, 0, 0)
ODD = FrameSpec("stitched", ("hcal_energy", "bpix2", "track_d0", "ecal_energy"), 280, 359, 279, 3)
THIN = FrameSpec("stitched", ("tob2", "hcal_energy"), 1, 7, 0, 6)
NAN = np.nan


@pytest.fixture(params=[reference, native], ids=["reference", "native"])
def backend(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


def objects(name: str, *events: list[dict[str, float]]) -> Table:
    """Each event a list of rows; what a row does not say is 0."""
    rows = [row for event in events for row in event]
    columns = {column: np.array([row.get(column, 0) for row in rows], "f4") for column in OBJECT_COLUMNS[name]}
    return Table.from_counts([len(event) for event in events], columns)


def event_record(num_events: int = 1, hits: dict[str, Table] | None = None, **tables: Table) -> Events:
    number = np.arange(num_events)
    return Events(number.astype("u4"), number.astype("u4"), number.astype("u8"), hits or {}, tables)


def hit_table(*hits: tuple[Any, float]) -> Table:
    detid, energy = zip(*hits, strict=True)
    columns = {"detid": np.array(detid, "u4"), "energy": np.array(energy, "f4"), "time": np.zeros(len(hits), "f4")}
    return Table.from_counts([len(hits)], columns)


def whole_image(events: Events, backend: ModuleType, event: int = 0) -> dict[str, np.ndarray]:
    """Channel -> (280, 360)."""
    seeds = Seeds.from_columns([event], [0], [0], [0])
    image = build_candidates(events, WHOLE, seeds, backend).to_dense()[0]
    return dict(zip(WHOLE.channels, image, strict=True))


def pixels(image: np.ndarray) -> dict[tuple[int, int], float]:
    return {(int(row), int(column)): float(image[row, column]) for row, column in np.argwhere(image)}


def random_tables(seed: int, num_events: int = 8) -> Events:
    """Busy events, some of them empty, with objects that cannot be."""
    rng = np.random.default_rng(seed)
    hits = {name: random_hits(seed, draw, num_events) for name, draw in DRAW.items()}
    if seed % 2:
        del hits["HE"]

    def table(name: str, mean: int, **draws: Any) -> Table:
        counts = rng.poisson(mean, num_events) * (rng.random(num_events) > 0.2)
        size = int(counts.sum())
        columns = {column: np.asarray(draws[column](size), "f4") for column in OBJECT_COLUMNS[name]}
        for values in columns.values():
            odd = rng.random(size) < 0.01
            values[odd] = rng.choice(np.array([NAN, np.inf, -np.inf, 0.0, -0.0, 3e38, 1e-45], "f4"), odd.sum())
        return Table.from_counts(counts, columns)

    def normal(width: float) -> Any:
        return lambda size: rng.normal(0, width, size)

    def uniform(low: float, high: float) -> Any:
        return lambda size: rng.uniform(low, high, size)

    near = {"x_cm": normal(0.02), "y_cm": normal(0.02), "z_cm": normal(0.08)}
    far = {"x_cm": normal(30), "y_cm": normal(30), "z_cm": normal(60)}
    kinematics = {"pt": lambda size: rng.exponential(2, size), "phi": uniform(-4, 4)}
    quality = {
        "is_high_purity": lambda size: rng.choice((0, 1, 1, NAN), size),
        "charge": lambda size: rng.choice((-1, 1), size),
    }
    errors = {"d0_error_cm": uniform(0, 0.1), "dz_error_cm": lambda size: rng.choice((0, 0.01, NAN), size)}
    tables = {
        "tracks": table("tracks", 300, **kinematics, eta=normal(0.5), **near, **errors, **quality),
        "tracker_hits": table("tracker_hits", 400, layer=lambda size: rng.integers(0, 10, size), **far),
        "vertices": table("vertices", 2, **near, chi2=uniform(0, 9), ndof=uniform(0, 9)),
        "jets": table("jets", 6, **kinematics, eta=normal(1.0)),
    }
    if seed % 3 == 0:
        del tables["vertices"]
    return event_record(num_events, hits, **tables)


# ---- by hand


def test_endcap_rows_hold_the_endcap_hits(backend: ModuleType) -> None:
    """Fault 1 of cms-e2e/RecoE2E: the stitched producer loops over endcap hits and never fills them."""
    hits = {
        "EE": hit_table((pack_ee(50, 80, 1), 3.0), (pack_ee(50, 80, -1), 5.0)),
        "EB": hit_table((pack_eb(1, 1), 7.0)),
    }
    image = whole_image(event_record(hits=hits), backend)["ecal_energy"]
    assert image[:55].sum() == 5 and image[55:225].sum() == 7 and image[225:].sum() == 3


def test_all_of_the_hcal_energy_arrives_under_its_crystals(backend: ModuleType) -> None:
    """Fault 2: the 56 x 72 frame is strided wrongly and 22 % of its energy survives."""
    towers = [(ieta, iphi) for ieta in (-29, -20, -1, 1, 16, 17, 28) for iphi in (1, 35, 71)]
    hb = [(pack_hcal("HB", *tower, 1), 2.0) for tower in towers if abs(tower[0]) <= 16]
    he = [(pack_hcal("HE", *tower, 1), 2.0) for tower in towers if abs(tower[0]) > 16]
    image = whole_image(event_record(hits={"HB": hit_table(*hb), "HE": hit_table(*he)}), backend)["hcal_energy"]
    np.testing.assert_allclose(image.sum(dtype="f8"), 2.0 * len(towers), rtol=1e-6)
    one = event_record(hits={"HB": hit_table((pack_hcal("HB", 1, 1, 1), 25.0)), "EB": hit_table((pack_eb(1, 11), 9.0))})
    found = whole_image(one, backend)  # crystal iphi 11 and tower iphi 1 both begin at phi 0
    assert set(pixels(found["hcal_energy"])) == {(row, column) for row in range(140, 145) for column in range(10, 15)}
    assert pixels(found["ecal_energy"]) == {(140, 10): 9.0}


def test_every_layer_counts_its_own_hits(backend: ModuleType) -> None:
    """Fault 3: layer channels copy only as many pixels as there are layers, and from the layer before."""
    phi = np.deg2rad(np.arange(360) + 0.5)
    hits = [
        {"layer": layer, "x_cm": 10 * np.cos(angle), "y_cm": 10 * np.sin(angle), "z_cm": layer}
        for layer in TRACKER_LAYERS.values()
        for angle in phi[: 40 * layer]
    ]
    image = whole_image(event_record(tracker_hits=objects("tracker_hits", hits)), backend)
    for name, layer in TRACKER_LAYERS.items():
        assert image[name].sum() == 40 * layer and image[name].max() == 1
        rows, _ = np.nonzero(image[name])
        assert np.ptp(rows) <= 1  # the same eta, arcsinh(layer / 10)
        assert abs(rows[0] - (140 + np.arcsinh(layer / 10) / 0.0174)) < 2


def test_hits_are_seen_from_the_primary_vertex(backend: ModuleType) -> None:
    vertices = objects("vertices", [{"x_cm": 1.0, "z_cm": 5.0}, {"z_cm": -5.0}])
    hit = {"layer": 1, "x_cm": 1.0, "y_cm": 3.0, "z_cm": 5.01}
    rows = [hit, hit, {**hit, "layer": 9}, {**hit, "z_cm": NAN}, {**hit, "x_cm": 1.0, "y_cm": 0.0}]
    image = whole_image(event_record(vertices=vertices, tracker_hits=objects("tracker_hits", rows)), backend)
    assert pixels(image["bpix1"]) == {(140, 100): 2.0}  # straight up
    assert not any(image[name].any() for name in CHANNELS if name in image and name != "bpix1")


def test_a_track_bends_to_its_pixel_and_the_hardest_speaks_for_it(backend: ModuleType) -> None:
    soft = {"pt": 10, "eta": 0.01, "phi": 0.5, "charge": 1, "is_high_purity": 1, "d0_error_cm": 0.5, "z_cm": 0.01}
    turned = np.arcsin(129 / 2 * 0.00299792458 * 3.8 / 10)
    hard = {
        **soft,
        "pt": 1000,
        "charge": 0,
        "phi": 0.5 - turned,
        "z_cm": -0.02,
        "dz_error_cm": 0.01,
        "is_high_purity": NAN,
    }
    others = [
        {**soft, "is_high_purity": 0},
        {**soft, "z_cm": 0.11},
        {**soft, "eta": 3.01},
        {**soft, "pt": 0.5},  # curls up
        {**soft, "pt": 2e4},
    ]
    image = whole_image(event_record(tracks=objects("tracks", [soft, hard, *others])), backend)
    column = int(np.floor(np.rad2deg(0.5 - turned) + 10))
    assert pixels(image["track_pt"]) == {(140, column): 1010.0}
    assert pixels(image["track_dz"]) == {(140, column): pytest.approx(-0.02)}
    assert pixels(image["track_dz_significance"]) == {(140, column): pytest.approx(-2.0)}
    assert not image["track_d0"].any() and not image["track_d0_significance"].any()  # exactly 0


def test_impact_parameters_are_signed_and_from_the_vertex(backend: ModuleType) -> None:
    """At phi 0 a point above the vertex has positive d0; along z the slope of the track is taken out."""
    track = {
        "pt": 5000,
        "eta": 1.0,
        "phi": 0.0,
        "x_cm": 1.0,
        "y_cm": 0.03,
        "z_cm": 2.0 + np.sinh(1.0),
        "is_high_purity": 1,
    }
    track |= {"d0_error_cm": 0.01, "dz_error_cm": 0.0}
    vertices = objects("vertices", [{"y_cm": 0.01, "z_cm": 1.95}])
    image = whole_image(event_record(vertices=vertices, tracks=objects("tracks", [track])), backend)
    assert [*pixels(image["track_d0"]).values()] == [pytest.approx(0.02, rel=1e-5)]
    assert [*pixels(image["track_dz"]).values()] == [pytest.approx(0.05, rel=1e-4)]
    assert [*pixels(image["track_d0_significance"]).values()] == [pytest.approx(2.0, rel=1e-5)]
    assert not image["track_dz_significance"].any()  # of an unknown uncertainty


@pytest.mark.parametrize("side", [-1, 1])
def test_tracks_reach_the_endcap_plane(backend: ModuleType, side: int) -> None:
    edges = endcap_row_edges()
    eta = (edges[1:] + edges[:-1]) / 2
    rows = [{"pt": 9000, "eta": side * angle, "phi": 0.2, "is_high_purity": 1} for angle in eta]
    image = whole_image(event_record(tracks=objects("tracks", rows)), backend)["track_pt"]
    column = int(np.floor(np.rad2deg(0.2) + 10))
    expected = range(225, 280) if side > 0 else range(54, -1, -1)
    assert [*pixels(image)] == sorted((row, column) for row in expected)


def test_what_an_event_lacks_is_an_empty_channel(backend: ModuleType) -> None:
    candidates = build_candidates(event_record(2), ALL, Seeds.from_columns([0, 1], [140, 140], [0, 0], [0, 0]), backend)
    assert len(candidates) == 2 and len(candidates.pixel_index) == 0
    assert len(build_candidates(event_record(0), ALL, Seeds.from_columns([], [], [], []), backend)) == 0


def test_the_barrel_grid_is_cut_from_the_barrel_hits(backend: ModuleType) -> None:
    hits = random_hits(3, DRAW["EB"])
    spec = FrameSpec(channels=("ecal_energy", "ecal_time"))
    seeds = Seeds.from_columns([0, 3], [5, 160], [0, 359], [1, 1])
    found = build_candidates(event_record(12, {"EB": hits}), spec, seeds, backend)
    assert_same(found, reference.build_candidates(hits, spec, seeds))


def test_channels_that_do_not_fit_are_refused(backend: ModuleType) -> None:
    def empty(grid: str, events: int) -> ChannelFrames:
        return ChannelFrames(GRIDS[grid], np.zeros(events + 1, "i8"), np.zeros(0, "i4"), np.zeros(0, "f4"))

    seeds = Seeds.from_columns([0], [140], [0], [0])
    spec = FrameSpec("stitched", ("ecal_energy", "hcal_energy"), *JET)
    assert len(backend.cut_candidates([empty("stitched", 1), empty("hcal", 1)], spec, seeds)) == 1
    for channels, message in (
        ([empty("stitched", 1)], "1 channels given, the frame holds 2"),
        (
            [empty("stitched", 1), empty("barrel", 1)],
            "hcal_energy lies on the barrel grid, the candidates on the stitched",
        ),
        ([empty("stitched", 1), empty("stitched", 2)], "hcal_energy has 2 events, ecal_energy 1"),
    ):
        with pytest.raises(ValueError, match=message):
            backend.cut_candidates(channels, spec, seeds)
    with pytest.raises(ValueError, match=r"seed 0: row 280 is outside 0\.\.279"):
        build_candidates(event_record(), spec, Seeds.from_columns([0], [280], [0], [0]), backend)


# ---- native equals reference


@pytest.mark.parametrize("seed", range(4))
def test_native_candidates_equal_reference(seed: int) -> None:
    events = random_tables(seed)
    rng = np.random.default_rng(seed)
    places = rng.integers(0, len(events), 12), rng.choice((0, 62, 140, 279), 12), rng.choice((0, 3, 180, 359), 12)
    seeds = Seeds.from_columns(*places, np.ones(12))
    for spec in (ALL, WHOLE, ODD, THIN):
        candidates = build_candidates(events, spec, seeds)
        assert_same(candidates, build_candidates(events, spec, seeds, reference))
        channel = candidates.pixel_index // (spec.rows * spec.columns)
        assert spec == THIN or set(channel) == set(range(len(spec.channels)))
        assert np.isfinite(candidates.pixel_value).all() and candidates.pixel_value.all()


@pytest.mark.parametrize("seed", range(4))
def test_native_jet_seeds_equal_reference(seed: int) -> None:
    events = random_tables(seed)
    seeds, index = jet_seeds(events, ALL)
    assert_same((seeds, index), jet_seeds(events, ALL, reference))
    assert len(seeds) > 5


def test_towers_cut_at_a_seed_equal_the_towers_spread_first() -> None:
    towers = native.hcal_frames(random_hits(5, DRAW["HB"]), random_hits(5, DRAW["HE"]))
    fine = native.upsample_hcal(towers)
    rng = np.random.default_rng(5)
    for rows, columns in ((125, 125), (280, 360), (1, 1), (280, 358), (6, 356)):
        spec = FrameSpec("stitched", ("hcal_energy",), rows, columns, rows // 2, columns // 3)
        seeds = Seeds.from_columns(
            rng.integers(0, 12, 30), rng.integers(0, 280, 30), rng.integers(0, 360, 30), np.ones(30)
        )
        one, other = (
            native.cut_candidates([ChannelFrames(f.grid, f.offsets, f.pixel_index, f.energy)], spec, seeds)
            for f in (towers, fine)
        )
        assert_same(one, other)


def test_pixels_out_of_order_are_refused_by_the_core() -> None:
    for pixel, message in (([3, 3], "the pixels of an event must ascend"), ([0, 100_800], "pixel 100800 is outside")):
        channel = ChannelFrames(STITCHED, np.array([0, 2]), np.array(pixel, "i4"), np.ones(2, "f4"))
        spec = FrameSpec("stitched", ("track_pt",), *JET)
        with pytest.raises(ValueError, match=message):
            native.cut_candidates([channel], spec, Seeds.from_columns([0], [140], [0], [0]))


@pytest.mark.parametrize("seed", range(3))
def test_sums_and_leaders_equal_reference(seed: int, backend: ModuleType) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 300, 9) * (rng.random(9) > 0.2)
    size, offsets = counts.sum(), np.concatenate(([0], np.cumsum(counts)))
    pixel = rng.choice((-1, 0, 5, 100_799, 100_800, 2**31 - 1, -(2**31), 777, 778), size).astype("i4")
    value = rng.choice(np.array([NAN, 0, 1, 1, 2, 1e-8, 1e8, -3], "f4"), size)
    args = (STITCHED, offsets, pixel, value)
    assert_same(native.leading_rows(*args), reference.leading_rows(*args))
    finite = (STITCHED, offsets, pixel, np.nan_to_num(value))
    assert_same(native.sum_pixels(*finite), reference.sum_pixels(*finite))

    bounds, place, row = backend.leading_rows(*args)
    event = np.repeat(np.arange(9), np.diff(bounds))
    assert np.array_equal(pixel[row], place) and (row >= offsets[event]).all() and (row < offsets[event + 1]).all()


def test_a_sum_is_that_of_the_order(backend: ModuleType) -> None:
    """The small ones vanish one by one; together they would not."""
    falling, rising = (
        backend.sum_pixels(STITCHED, [0, 3], [9, 9, 9], v).value for v in ([1e4, 4e-4, 4e-4], [4e-4, 4e-4, 1e4])
    )
    assert falling[0] == 1e4 < rising[0]
    _, pixel, row = backend.leading_rows(STITCHED, [0, 4], [9, 3, 9, 9], [1.0, 5.0, 2.0, 2.0])
    assert (pixel.tolist(), row.tolist()) == ([3, 9], [1, 2])  # of equals the first


def test_barrel_pixels_of_crystals_and_tracks_are_the_same(backend: ModuleType) -> None:
    """A straight track through the middle of a crystal lands on the crystal's pixel, the seam included."""
    from e2e.detector.geometry import barrel_position

    row, column = np.array([0, 84, 85, 169, 120]), np.array([0, 359, 10, 180, 9])
    where = barrel_position(*barrel_crystal(row, column))
    rows = [{"pt": 9999, "eta": e, "phi": p, "is_high_purity": 1} for e, p in zip(*where, strict=True)]
    hits = hit_table(*((detid, 1.0) for detid in pack_eb(*barrel_crystal(row, column))))
    image = whole_image(event_record(hits={"EB": hits}, tracks=objects("tracks", rows)), backend)
    assert [*pixels(image["track_pt"])] == [*pixels(image["ecal_energy"])]
