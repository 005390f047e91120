"""Which candidates a task takes, what labels them, and that spectra tell nothing."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.datasets.balance import balanced, flattened
from e2e.detector.detid import pack_eb, pack_hcal
from e2e.events.record import OBJECT_COLUMNS, Events, Table
from e2e.metrics import area_under_curve
from e2e.problems import InputError
from e2e.simulation.processes import PROCESSES
from e2e.tasks import TASKS, Balance, Flat


def table(name: str, counts: list[int], **columns: list[float]) -> Table:
    nothing = np.zeros(sum(counts), np.float32)
    given_columns = {key: np.array(values, np.float32) for key, values in columns.items()}
    return Table.from_counts(counts, {column: given_columns.get(column, nothing) for column in OBJECT_COLUMNS[name]})


def events(jets: Table, truth: Table) -> Events:
    count = len(jets.counts)
    nothing = np.zeros(0, np.float32)
    empty = Table.from_counts([0] * count, {"detid": np.zeros(0, np.uint32), "energy": nothing, "time": nothing})
    number = np.arange(count)
    hits = dict.fromkeys(("EB", "EE", "HB", "HE"), empty)
    objects = {"jets": jets, "truth": truth}
    return Events(number.astype(np.uint32), number.astype(np.uint32), number.astype(np.uint64), hits, objects)


def test_a_jet_takes_the_nearest_parton_and_a_parton_the_nearest_jet():
    jets = table("jets", [3, 1], pt=[200, 180, 160, 150], eta=[0.1, 0.25, -1.0, 0.5], phi=[3.1, 3.1, 0.0, 1.0])
    truth = table("truth", [2, 1], pdg_id=[21, 2, 21], pt=[200, 160, 150], eta=[0.1, -1.0, 0.5], phi=[-3.15, 0.05, 2.0])
    task = TASKS["quark-gluon"]
    found = task.selection.find(events(jets, truth), task.frame)
    assert found.truth_row.tolist() == [0, 1]  # the second jet's parton is nearer to the first, the last has none
    np.testing.assert_allclose(found.pt, [200, 160])
    np.testing.assert_array_equal(task.target({"pdg_id": truth["pdg_id"][found.truth_row]}), [0, 1])


def test_jets_outside_the_range_are_left_out():
    jets = table("jets", [4], pt=[69, 301, 100, 100], eta=[0, 0.5, 1.41, 1.0], phi=[0, 1, 2, 3])
    truth = table("truth", [4], pdg_id=[1, 1, 1, 1], pt=[100] * 4, eta=[0, 0.5, 1.41, 1.0], phi=[0, 1, 2, 3])
    task = TASKS["quark-gluon"]
    assert task.selection.find(events(jets, truth), task.frame).truth_row.tolist() == [3]


@given(st.integers(0, 2**32 - 1), st.integers(0, 400))
def test_kinds_are_equally_many_in_every_bin_after_balancing(seed, count):
    rng = np.random.default_rng(seed)
    balance = Balance((70, 100, 200), (0.0, 0.7, 1.4))
    pt, eta = 60 + 200 * rng.random(count) ** 2, rng.uniform(-1.6, 1.6, count)
    is_signal, order = rng.random(count) < 0.3, rng.random(count)
    keep = balanced(balance, pt, eta, is_signal, order)
    for low, high in ((70, 100), (100, 200)):
        for inner, outer in ((0.0, 0.7), (0.7, 1.4)):
            inside = (pt >= low) & (pt < high) & (np.abs(eta) >= inner) & (np.abs(eta) < outer)
            kept = [np.count_nonzero(keep & inside & (is_signal == kind)) for kind in (True, False)]
            there = [np.count_nonzero(inside & (is_signal == kind)) for kind in (True, False)]
            assert kept == [min(there)] * 2
            for kind in (True, False):  # those first in order
                same = inside & (is_signal == kind)
                if (same & keep).any() and (same & ~keep).any():
                    assert order[same & keep].max() < order[same & ~keep].min()
    assert not keep[(pt < 70) | (pt >= 200) | (np.abs(eta) >= 1.4)].any()


@given(st.integers(0, 2**32 - 1), st.integers(0, 600))
def test_values_are_equally_many_after_flattening(seed, count):
    rng = np.random.default_rng(seed)
    flat = Flat(100.0, 200.0, bins=4)
    value = 90 + 120 * rng.random(count) ** rng.choice([1.0, 1.5, 8.0])
    is_signal, order = rng.random(count) < 0.8, rng.random(count)
    keep = flattened(flat, value, is_signal, order)
    assert keep[~is_signal].all()
    assert not keep[is_signal & ((value < 100) | (value >= 200))].any()
    there, _ = np.histogram(value[is_signal], flat.edges)
    kept, _ = np.histogram(value[is_signal & keep], flat.edges)
    quota = int(np.ceil(max(there.min(), np.median(there) / 2)))
    assert kept.tolist() == [min(n, quota) for n in there]
    for low, high in itertools.pairwise(flat.edges):  # those first in order
        inside = is_signal & (value >= low) & (value < high)
        if (inside & keep).any() and (inside & ~keep).any():
            assert order[inside & keep].max() < order[inside & ~keep].min()


@pytest.mark.parametrize(("name", "slopes"), [("quark-gluon", (1.0, 2.0)), ("top", (1.5, 0.5)), ("tau", (2.0, 3.0))])
def test_pt_alone_says_next_to_nothing_within_a_bin(name, slopes):
    """Spectra a power of pT apart: pT to the minus slope."""
    edges, rng = TASKS[name].balance.pt_edges, np.random.default_rng(1)
    is_signal = np.arange(200_000) % 2 == 0
    slope, share = np.where(is_signal, *slopes), rng.random(len(is_signal))
    low, high = edges[0] ** (1 - slope + 1e-9), edges[-1] ** (1 - slope + 1e-9)
    pt = (low + share * (high - low)) ** (1 / (1 - slope + 1e-9))
    keep = balanced(TASKS[name].balance, pt, 0 * pt, is_signal, rng.random(len(pt)))
    assert area_under_curve(pt[keep], is_signal[keep]).value == pytest.approx(0.5, abs=0.012)
    for lower, upper in itertools.pairwise(edges):
        inside = keep & (pt >= lower) & (pt < upper)
        assert area_under_curve(pt[inside], is_signal[inside]).value == pytest.approx(0.5, abs=0.045)


def test_an_event_without_a_hard_crystal_in_the_barrel_is_no_candidate_of_its_topology():
    made = events(table("jets", [0, 0, 0]), table("truth", [1, 1, 1], pdg_id=[25, 22, 21]))
    energy = np.array([7.9, 8.1, 0.3], np.float32)  # at eta 0.03
    hits = {"detid": pack_eb([2, 2, 3], [13, 13, 20]), "energy": energy, "time": 0 * energy}
    made = replace(made, hits={**made.hits, "EB": Table.from_counts([1, 2, 0], hits)})
    task = TASKS["higgs-diphoton"]
    assert task.selection.find(made, task.frame).truth_row.tolist() == [1]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_its_process_and_scales(name):
    task = TASKS[name]
    assert name in PROCESSES
    assert len(task.input_scale) == len(task.frame.channels)
    assert not set(task.signal.pdg_ids) & set(task.other.pdg_ids)


def test_an_ecal_and_an_hcal_hit_at_the_jets_axis_lie_at_the_centre_of_its_frame():
    from e2e.frames.build import build_candidates

    jets = table("jets", [1], pt=[100], eta=[0.04], phi=[np.deg2rad(2.4)])
    truth = table("truth", [1], pdg_id=[1], pt=[100], eta=[0.04], phi=[0.0])
    made = events(jets, truth)
    one = {"energy": np.ones(1, np.float32), "time": np.zeros(1, np.float32)}
    hits = {
        **made.hits,
        "EB": Table.from_counts([1], {"detid": pack_eb([3], [13]), **one}),
        "HB": Table.from_counts([1], {"detid": pack_hcal("HB", [1], [1], [1]), **one}),
    }
    made = Events(made.run, made.luminosity_block, made.event, hits, made.objects)
    task = TASKS["quark-gluon"]
    image = build_candidates(made, task.frame, task.selection.find(made, task.frame).seeds).to_dense()[0]
    _, ecal, hcal = image
    assert ecal[62, 62] == 1
    np.testing.assert_allclose(hcal[60:65, 60:65], 1 / 25, rtol=1e-6)
    assert np.isclose(hcal.sum(), 1)


def test_jets_without_any_true_particle_are_no_candidates():
    jets = table("jets", [2], pt=[100, 120], eta=[0.1, 0.5], phi=[1, 2])
    assert (
        len(TASKS["quark-gluon"].selection.find(events(jets, table("truth", [0])), TASKS["quark-gluon"].frame).pt) == 0
    )


def test_jets_of_one_event_stay_on_one_side_of_a_split():
    from e2e.datasets import CandidateSet
    from e2e.datasets.labels import complete_labels
    from e2e.frames import Candidates, Seeds

    task, number = TASKS["quark-gluon"], np.repeat(np.arange(50), 2).astype(np.uint64)
    nothing, zeros = np.zeros(101, np.int64), np.zeros(100, np.float32)
    seeds = Seeds.from_columns(np.arange(100), zeros, zeros, zeros)
    pixels = Candidates(task.frame, nothing, np.zeros(0, np.int32), np.zeros(0, np.float32), seeds)
    whole = CandidateSet(pixels, complete_labels(100, {"event": number}), [])
    training, validation = whole.split(0.3, 1)
    assert len(validation) == 30
    assert not set(training.truth["event"]) & set(validation.truth["event"])


def test_jets_of_another_process_are_refused(tmp_path):
    from e2e.datasets import load_candidates
    from e2e.events.store import write_events

    jets = table("jets", [1], pt=[100], eta=[0.1], phi=[1])
    made = events(jets, table("truth", [1], pdg_id=[1], pt=[100]))
    one = {"detid": pack_eb([3], [13]), "energy": np.ones(1, np.float32), "time": np.zeros(1, np.float32)}
    hits = {**made.hits, "EB": Table.from_counts([1], one)}
    write_events(tmp_path / "top.parquet", [replace(made, hits=hits, provenance={"process": "top"})])
    with pytest.raises(InputError, match="events of process top, not of quark-gluon"):
        load_candidates(TASKS["quark-gluon"], [tmp_path / "top.parquet"])
