"""Tracks, tracker hits and particles on their pixels, and the seeds of objects and jets: native equals reference.

Angles are turned with the machine's libm here and with NumPy's own sine and cosine there, which may differ in the last
bit of a double: float32 values may then differ by a step or two. Pixels are equal.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_frames import DRAW, assert_same, random_hits

from e2e.contract import GRID_CHANNELS, TRACKER_LAYERS, FrameSpec
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.frames import native, reference
from e2e.frames.jet_seeds import jet_seeds
from e2e.simulation.simulate import Plan, simulate_chunk

NAN, INF = np.nan, np.inf
ODD = st.sampled_from((NAN, INF, -INF, 0.0, -0.0, 3e38, -3e38, 1e-45)) | st.floats(width=32)
NUM_EVENTS = 3
JET = FrameSpec("stitched", GRID_CHANNELS["stitched"], 125, 125, 62, 62)
SPECS = (JET, FrameSpec("stitched", ("hcal_energy",), 280, 360, 142, 0), FrameSpec("stitched", ("bpix1",), 1, 1, 0, 0))


COORDINATE, FAR, UNIT = (-0.5, 0.5), (-110.0, 110.0), (0.0, 1.0)
POINT = {"x_cm": COORDINATE, "y_cm": COORDINATE, "z_cm": (-0.125, 0.125)}
DIRECTION = {"eta": (-3.25, 3.25), "phi": (-4.0, 4.0)}
SOFT = {"pt": (0.0, 4.0)}  # GeV; below 0.74 they curl up in the barrel
CHARGE = {"charge": (-1.0, 1.0, -1.0, 1.0, 0.0, NAN)}
ERRORS = {"d0_error_cm": UNIT, "dz_error_cm": UNIT, "is_high_purity": (1.0, 1.0, NAN, 0.0)}
# What is likely in a column: anything between two numbers, or one of several.
LIKELY: dict[str, dict[str, tuple[float, ...]]] = {
    "tracks": DIRECTION | POINT | SOFT | CHARGE | ERRORS,
    "tracker_hits": {"layer": (1.0, 2.0, NAN, 1e9), "x_cm": FAR, "y_cm": FAR, "z_cm": FAR},
    "vertices": POINT | {"chi2": UNIT, "ndof": UNIT},
    "electrons": DIRECTION | POINT | SOFT | CHARGE,
    "photons": dict.fromkeys(OBJECT_COLUMNS["photons"], UNIT) | DIRECTION | POINT,
    "jets": DIRECTION | SOFT,
}


@st.composite
def tables(draw: st.DrawFn, name: str, most: int = 12) -> Table:
    """Rows of likely values, some of them replaced by anything."""
    counts = draw(st.lists(st.integers(0, most), min_size=NUM_EVENTS, max_size=NUM_EVENTS))
    size, rng = sum(counts), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = {
        column: (rng.uniform(*values, size) if len(values) == 2 else rng.choice(values, size)).astype("f4")
        for column, values in LIKELY[name].items()
    }
    if size:
        places = st.tuples(st.sampled_from([*columns]), st.integers(0, size - 1), ODD)
        for column, row, value in draw(st.lists(places, max_size=2 * size)):
            columns[column][row] = value
    return Table.from_counts(counts, columns)


def record(hits: dict[str, Table] | None = None, **objects: Table) -> Events:
    tables_of = (*(hits or {}).values(), *objects.values())
    number = np.arange(len(tables_of[0].counts))
    return Events(number.astype("u4"), number.astype("u4"), number.astype("u8"), hits or {}, objects)


@cache
def simulated(process: str) -> Events:
    return simulate_chunk(Plan(process, 100, 3, None, 0.0, None), 0)


@cache
def crystals_and_towers() -> dict[str, Table]:
    return {name: random_hits(3, draw, NUM_EVENTS) for name, draw in DRAW.items()}


def assert_same_track_pixels(events: Events) -> int:
    one, other = native.track_pixels(events), reference.track_pixels(events)
    assert_same(one[:3], other[:3])  # offsets, pixels, pT
    for values, expected in zip(one[3:], other[3:], strict=True):
        assert values.dtype == np.float32 and np.isfinite(values).all()
        np.testing.assert_array_max_ulp(values, expected, maxulp=2)
    return len(one.pixel)


def assert_same_hit_pixels(events: Events) -> int:
    found = 0
    for layer in TRACKER_LAYERS.values():
        one = native.hit_pixels(events, layer)
        assert_same(one, reference.hit_pixels(events, layer))
        found += int((one.pixel >= 0).sum())
    return found


def tracks(rng: np.random.Generator, size: int, **columns: Any) -> Table:
    """Good tracks from near the beam in every direction, but for what is given."""
    near = rng.normal(0, 0.02, (3, size))
    values = {
        "pt": rng.exponential(3, size),
        "eta": rng.uniform(-3, 3, size),
        "phi": rng.uniform(-np.pi, np.pi, size),
        "charge": rng.choice((-1, 1), size),
        **dict(zip(("x_cm", "y_cm", "z_cm"), near, strict=True)),
        "d0_error_cm": rng.uniform(0, 0.1, size),
        "dz_error_cm": rng.uniform(0, 0.1, size),
        "is_high_purity": np.ones(size),
    } | columns
    return Table.from_counts([size], {name: np.asarray(values[name], "f4") for name in OBJECT_COLUMNS["tracks"]})


# ---- pixels of tracks and of tracker hits


@given(tables("tracks"), tables("vertices", 2))
def test_any_tracks(table: Table, vertices: Table) -> None:
    assert_same_track_pixels(record(tracks=table, vertices=vertices))


@given(tables("tracker_hits"), tables("vertices", 2))
def test_any_tracker_hits(table: Table, vertices: Table) -> None:
    assert_same_hit_pixels(record(tracker_hits=table, vertices=vertices))


def test_many_tracks_into_every_corner() -> None:
    rng, size = np.random.default_rng(1), 20_000
    seam = np.deg2rad(-10) + rng.normal(0, 1e-6, size)
    forward = rng.uniform(1.4, 3.0, size) * rng.choice((-1, 1), size)
    displaced = {"x_cm": rng.normal(0, 40, size), "y_cm": rng.normal(0, 40, size), "eta": rng.normal(0, 0.001, size)}
    for kind, share in (
        ({}, 0.7),
        ({"phi": seam, "pt": 9999, "charge": 0, "x_cm": 0, "y_cm": 0}, 0.9),
        ({"eta": forward, "pt": rng.exponential(0.3, size)}, 0.1),
        ({"eta": np.sign(forward) * 1.479 + rng.normal(0, 1e-4, size)}, 0.5),
        ({"pt": rng.uniform(0.7, 0.8, size), "eta": rng.normal(0, 1, size)}, 0.3),  # on the brink of curling up
        (displaced, 0.2),
        ({"charge": NAN}, 0.8),
        ({"phi": rng.uniform(-3e38, 3e38, size)}, 0.5),
    ):
        whole = {name: np.broadcast_to(value, size) for name, value in kind.items()}
        assert assert_same_track_pixels(record(tracks=tracks(rng, size, **whole))) > share * size


def test_what_lies_on_a_limit_lies_on_the_same_side() -> None:
    below_three, size = np.nextafter(np.float32(3), np.float32(0)), 6
    plain = dict.fromkeys(("x_cm", "y_cm", "z_cm", "charge", "eta"), np.zeros(size))
    good = {**plain, "pt": np.ones(size), "phi": np.zeros(size)}
    odd = {
        "eta": [0, 3, -3, below_three, 0, 0],
        "pt": [1, 1, 1, 1, 0, 1e4],
        "z_cm": [0, 0, 0, 0, 0, 0.1],  # less than 1e-8 over the limit of dz, which no float32 is
    }
    vertices = Table.from_counts([1], {name: np.full(1, 1e-9, "f4") for name in OBJECT_COLUMNS["vertices"]})
    table = tracks(np.random.default_rng(0), size, **{**good, **odd})
    assert assert_same_track_pixels(record(tracks=table, vertices=vertices)) == 2
    middle = {"layer": np.ones(2), "x_cm": np.full(2, 10.0), "y_cm": np.zeros(2), "z_cm": np.array([0.0, -0.0])}
    hits = Table.from_counts([2], {name: values.astype("f4") for name, values in middle.items()})
    assert assert_same_hit_pixels(record(tracker_hits=hits)) == 2


def test_simulated_jets_are_the_same() -> None:
    events = simulated("tau")
    assert assert_same_track_pixels(events) > 500
    assert assert_same_hit_pixels(events) > 500
    seeds = jet_seeds(events, JET)
    assert_same(seeds, jet_seeds(events, JET, reference))
    assert len(seeds[0]) > 50


def test_no_tracks_at_all() -> None:
    nothing = Table.from_counts([0, 0], {})
    for events in (record({"EB": nothing}), record({"EB": nothing}).slice(0, 0)):
        assert assert_same_track_pixels(events) == assert_same_hit_pixels(events) == 0


def test_columns_of_another_kind_are_refused() -> None:
    rng = np.random.default_rng(0)
    table = tracks(rng, 5)
    wide = Table(table.offsets, {**table.columns, "phi": table["phi"].astype("f8")})
    with pytest.raises(ValueError, match="phi must be one-dimensional contiguous float32"):
        native.track_pixels(record(tracks=wide))


# ---- particles and their seeds


@given(tables("electrons"), tables("photons"))
@settings(max_examples=40)
def test_any_particles(electrons: Table, photons: Table) -> None:
    hits = crystals_and_towers()["EB"]
    for table in (electrons, photons):
        assert_same(native.expected_pixel(table.columns), reference.expected_pixel(table.columns))
        args = (hits, table.event_index, table.columns)
        assert_same(native.seeds_of_objects(*args), reference.seeds_of_objects(*args))


def test_simulated_particles_are_the_same() -> None:
    events = simulated("electron-photon")
    truth = events.objects["truth"]
    particles = {**truth.columns, "charge": -np.sign(truth["pdg_id"]) * (np.abs(truth["pdg_id"]) == 11)}
    args = (events.hits["EB"], truth.event_index, particles)
    seeds, found = native.seeds_of_objects(*args)
    assert_same((seeds, found), reference.seeds_of_objects(*args))
    assert found.mean() > 0.9


@given(tables("jets"), st.sampled_from(SPECS))
def test_any_jets(jets: Table, spec: FrameSpec) -> None:
    towers = native.hcal_frames(*(crystals_and_towers()[name] for name in ("HB", "HE")))
    args = (towers, jets.event_index, jets["eta"], jets["phi"], spec)
    assert_same(native.seeds_of_jets(*args), reference.seeds_of_jets(*args))


@given(hnp.arrays(np.float64, 20), hnp.arrays(np.float64, 20, elements=st.floats(-1e300, 1e300)))
def test_towers_in_any_direction(eta: np.ndarray, phi: np.ndarray) -> None:
    edges = np.concatenate([np.arange(-73, 74) * np.deg2rad(5) + step for step in (-1e-9, 0, 1e-9, -1e-300)])
    for angles in ((eta, phi), (eta / 1e300, phi / 1e299), (np.resize(eta, len(edges)), edges)):
        one, other = native.tower_at(*angles), reference.tower_at(*angles)
        np.testing.assert_array_equal(one, other)
        assert one.row.dtype == one.column.dtype == other.row.dtype == other.column.dtype == np.int32


@pytest.mark.parametrize("backend", [native, reference], ids=["native", "reference"])
def test_a_seed_in_no_event_is_refused(backend: Any) -> None:
    hits = crystals_and_towers()
    particle = {name: np.zeros(2) for name in ("pt", "eta", "phi", "x_cm", "y_cm", "z_cm")}
    with pytest.raises(ValueError, match=r"seed 1: event 3 is outside 0\.\.2"):
        backend.seeds_of_objects(hits["EB"], [0, NUM_EVENTS], particle)
    towers = backend.hcal_frames(hits["HB"], hits["HE"])
    with pytest.raises(ValueError, match=r"seed 1: event -1 is outside 0\.\.2"):
        backend.seeds_of_jets(towers, [0, -1], [NAN, NAN], [0.0, 0.0], JET)
