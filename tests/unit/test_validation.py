"""Distances against theory and scipy, and the whole validation on events made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from e2e.contract import FrameSpec
from e2e.detector.detid import pack_eb, pack_hcal
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.events.store import write_events
from e2e.frames import Candidates, Seeds
from e2e.problems import InputError
from e2e.validation import validate, validate_simulation
from e2e.validation.distances import independent_distance, item_distance
from e2e.validation.shower_shapes import shower_shapes
from e2e.validation.values import Values


def items(rng: np.random.Generator, num_events: int, per_event: int = 8, spread: float = 1.0) -> Values:
    """Normal values around a mean of their own event: not independent."""
    mean = np.repeat(rng.normal(0, spread, num_events), per_event)
    return Values(mean + rng.normal(size=len(mean)), np.repeat(np.arange(num_events), per_event), num_events)


def table(name: str, counts: np.ndarray, **columns: np.ndarray) -> Table:
    rows = int(counts.sum())
    unknown = {column: np.full(rows, np.nan, dtype=np.float32) for column in OBJECT_COLUMNS[name]}
    return Table.from_counts(counts, unknown | {key: value.astype(np.float32) for key, value in columns.items()})


def hits(rng: np.random.Generator, detid: np.ndarray, counts: np.ndarray, scale: float) -> Table:
    chosen = np.concatenate([rng.choice(detid, count, replace=False) for count in counts])
    energy, time = rng.exponential(scale, len(chosen)), rng.normal(0, 5, len(chosen))
    floats = {"energy": energy.astype(np.float32), "time": time.astype(np.float32)}
    return Table.from_counts(counts, {"detid": chosen, **floats})


def collisions(seed: int, num_events: int = 60, pt_scale: float = 1.0, num_empty: int = 0) -> Events:
    """EB and HB hits, one HE hit in all, tracks, about 14 vertices; the first `num_empty` events have no vertex."""
    rng = np.random.default_rng(seed)
    ieta, iphi = np.meshgrid(np.arange(1, 86), np.arange(1, 361))
    towers = pack_hcal("HB", *np.meshgrid(np.arange(1, 16), np.arange(1, 73)), 1, new_format=False)
    num_vertices = rng.poisson(14, num_events) + 1
    num_vertices[:num_empty] = 0
    num_tracks = rng.poisson(60, num_events)
    pt, eta = 1 + pt_scale * rng.exponential(1, num_tracks.sum()), rng.uniform(-2.3, 2.3, num_tracks.sum())
    one = np.zeros(num_events, dtype=int)
    one[-1] = 1
    number = np.arange(1, num_events + 1)
    return Events(
        np.ones(num_events, dtype=np.uint32),
        np.ones(num_events, dtype=np.uint32),
        number.astype(np.uint64),
        {
            "EB": hits(rng, pack_eb(ieta, iphi).ravel(), rng.poisson(100, num_events), 0.5),
            "HB": hits(rng, towers.ravel(), rng.poisson(30, num_events), 1.0),
            "HE": hits(rng, pack_hcal("HE", [20], [1], [1], new_format=False), one, 1.0),
        },
        {
            "tracks": table("tracks", num_tracks, pt=pt, eta=eta, phi=np.zeros(len(pt))),
            "vertices": table("vertices", num_vertices),
        },
    )


def write(path: Path, events: Events) -> Path:
    write_events(path, [events])
    return path


def row_of(result, name):
    return next(row for row in result.rows if row.quantity.name == name)


# ---- distances


@pytest.mark.parametrize("num_events, tolerance", [(30, 1e-6), (2000, 0.01)])
def test_wasserstein_is_that_of_scipy(num_events, tolerance):
    rng = np.random.default_rng(1)
    real, simulated = items(rng, num_events), items(rng, num_events)
    simulated = simulated._replace(value=simulated.value * 1.3 + 0.2)
    expected = wasserstein_distance(real.value, simulated.value) / real.value.std()
    assert item_distance(real, simulated).wasserstein.value == pytest.approx(expected, rel=tolerance)


def test_the_error_knows_that_the_hits_of_an_event_are_not_independent():
    rng = np.random.default_rng(2)
    real, simulated = items(rng, 20), items(rng, 80)
    found = item_distance(real, simulated)
    copied = [
        values._replace(value=np.repeat(values.value, 25), event_index=np.repeat(values.event_index, 25))
        for values in (real, simulated)
    ]
    again = item_distance(*copied)
    np.testing.assert_allclose(again.wasserstein, found.wasserstein, rtol=1e-4)
    assert again.p_value == found.p_value


@pytest.mark.parametrize("sizes", [(20, 30, 60, 30), (25, 5, 100, 40), (25, 40, 100, 5)])
def test_the_p_value_is_uniform_for_one_distribution(sizes):
    """Correlated hits, the samples with other numbers of events and of hits an event."""
    rng = np.random.default_rng(3)
    num_real, per_real, num_simulated, per_simulated = sizes
    p_values = [
        item_distance(items(rng, num_real, per_real), items(rng, num_simulated, per_simulated)).p_value
        for _ in range(50)
    ]
    assert np.mean(np.array(p_values) < 0.1) < 0.25  # binomial: 5 +- 2.1 of 50
    assert 0.35 < np.mean(p_values) < 0.65


def test_a_shift_by_a_deviation_is_a_distance_of_one():
    rng = np.random.default_rng(4)
    values = Values.of_events(rng.normal(50, 7, 400))
    found = independent_distance(values, values._replace(value=values.value + values.value.std()))
    assert found.wasserstein.value == pytest.approx(1.0, rel=1e-3) and found.wasserstein.error < 0.1
    assert found.ks == pytest.approx(0.38, abs=0.06) and found.p_value < 1e-6  # 2 Phi(1/2) - 1 = 0.383


# ---- the whole


def test_the_same_distribution_shows_no_disagreement_and_the_outputs_are_whole(tmp_path):
    real, simulated = write(tmp_path / "r", collisions(1, num_empty=3)), write(tmp_path / "s", collisions(2, 300))
    result = validate_simulation([real], tmp_path / "v", simulated=[simulated])
    assert result.largest is None and result.summary().startswith("no disagreement beyond chance")
    assert len(result.compared) == 16 and all(row.distance.wasserstein.value < 0.3 for row in result.compared)
    assert row_of(result, "HE-hits").why_not == "HE nearly empty in the real events"
    assert row_of(result, "EB-hits").real.num_events == 57 and "3 without one left out" in " ".join(result.notes)

    said = json.loads((tmp_path / "v" / "distances.json").read_text())
    assert said["provenance"]["real"]["num_without_vertex"] == 3 and len(said["rows"]) == len(result.rows)
    pictures = {path.stem: path.stat().st_size for path in (tmp_path / "v").glob("*.svg")}
    assert set(pictures) == {row.quantity.name for row in result.rows if row.distance} and len(pictures) == 16
    assert max(pictures.values()) < 200_000
    page = (tmp_path / "v" / "index.html").read_text()
    assert page.count("<svg") == 16 and result.summary() in page.replace("&lt;", "<")
    assert result.format_table().splitlines()[-1] == result.summary()


def test_what_was_changed_is_named_as_the_largest_and_what_is_absent_is_said(tmp_path):
    changed = collisions(2, 200, pt_scale=2.0)
    changed = Events(changed.run, changed.luminosity_block, changed.event, {"EB": changed.hits["EB"]}, changed.objects)
    real, simulated = write(tmp_path / "r", collisions(1)), write(tmp_path / "s", changed)
    result = validate_simulation([real], tmp_path / "v", simulated=[simulated])
    assert result.largest is row_of(result, "track-pt")
    assert "largest disagreement: track-pt" in result.summary() and "1 of 10 quantities" in result.summary()
    assert row_of(result, "HB-hits").why_not == "not in the simulated events"
    assert row_of(result, "EE-hits").why_not == "not in the real events"
    assert row_of(result, "HE-hit-energy").distance is None
    assert "HB-time" in result.not_compared() and "jets-above-20" in result.not_compared()


def test_fresh_events_have_the_pileup_of_the_real_ones(tmp_path, monkeypatch):
    asked = []

    def simulate_events(process, folder, num_events, seed, pileup):
        asked.append((process, num_events, seed, pileup))
        folder.mkdir()
        write(folder / "part.parquet", collisions(2))
        return folder

    monkeypatch.setattr(validate, "simulate_events", simulate_events)
    events = collisions(1)
    mean = events.objects["vertices"].counts.mean()
    real = write(tmp_path / "r", events)
    result = validate_simulation([real], tmp_path / "v", num_events=60, seed=7)
    assert asked == [("minimum-bias", 60, 7, pytest.approx(mean / validate.VERTEX_EFFICIENCY - 1, abs=0.06))]
    assert result.pileup == asked[0][3] and f"{validate.VERTEX_EFFICIENCY:.0%} of collisions" in " ".join(result.notes)
    monkeypatch.setattr(validate, "_write_pictures", lambda *arguments: None)
    assert validate_simulation([real], tmp_path / "w", num_events=60, pileup=3.0).pileup == 3.0
    assert asked[1][3] == 3.0


def test_what_cannot_be_used_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no real event.*no such file"):
        validate_simulation([tmp_path / "absent.ig"], tmp_path / "v")
    events = collisions(1)
    objects = {"tracks": events.objects["tracks"]}
    real = write(tmp_path / "r", Events(events.run, events.luminosity_block, events.event, events.hits, objects))
    with pytest.raises(InputError, match="no vertices to estimate it from"):
        validate_simulation([real], tmp_path / "v")
    with pytest.raises(InputError, match="no such file"):
        validate_simulation([real], tmp_path / "v", simulated=[tmp_path / "absent.parquet"])


def test_shower_shapes_of_a_known_image():
    spec = FrameSpec(channels=("ecal_energy",))
    image = np.zeros((1, 1, spec.rows, spec.columns))
    row, column = spec.centre_row, spec.centre_column
    image[0, 0, row, column], image[0, 0, row + 1, column], image[0, 0, row + 2, column] = 8.0, 1.0, 1.0
    shapes = shower_shapes(Candidates.from_dense(spec, image, Seeds.from_columns([0], [85], [100], [8.0])))
    assert shapes["max_over_e5x5"][0] == pytest.approx(0.8) and shapes["e3x3_over_e5x5"][0] == pytest.approx(0.9)
    weight = 4.7 + np.log([0.8, 0.1, 0.1])
    variance = np.average((np.arange(3) - 0.3) ** 2, weights=weight)  # about the energy-weighted mean, in crystals
    assert shapes["sigma_ieta_ieta"][0] == pytest.approx(0.01745 * np.sqrt(variance))
