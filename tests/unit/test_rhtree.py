"""MLAnalyzer ntuples, read from a file that ROOT wrote (`tools/write_rhtree_sample.py`), whole and damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from e2e.datasets import rhtree
from e2e.datasets.convert import convert
from e2e.datasets.rhtree import _BRANCHES, BATCH_EVENTS, RhTree
from e2e.datasets.source import Options
from e2e.datasets.sources import EVENT_FILES, find_source
from e2e.frames import Candidates
from e2e.problems import InputError, Problems
from e2e.tasks import TASKS

GOLDEN = Path(__file__).parents[1] / "golden" / "rhtree.root"
# The file's images in their order; the value of a pixel tells image and event.
IMAGES = (
    "ECAL_energy", "HBHE_energy",
    "ECAL_tracksPt_atECALfixIP", "ECAL_tracksDzSig_atECALfixIP", "ECAL_tracksD0Sig_atECALfixIP",
    "BPIX_layer1_ECAL_atPV", "BPIX_layer2_ECAL_atPV", "BPIX_layer3_ECAL_atPV", "BPIX_layer4_ECAL_atPV",
    "TIB_layer1_ECAL_atPV", "TIB_layer2_ECAL_atPV", "TOB_layer1_ECAL_atPV", "TOB_layer2_ECAL_atPV",
)  # fmt: skip


def read(task: str | None = None, start: int = 0, stop: int = 3, **options) -> tuple[Candidates, dict[str, np.ndarray]]:
    chosen = Options(task, **options)
    layout = RhTree().layout(GOLDEN, chosen)
    parts = list(RhTree().read(GOLDEN, start, stop, layout, chosen, Problems()))
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in parts[0].labels}
    return Candidates.concatenate([part.candidates.load() for part in parts]), labels


def expected(event: int, channel: str, row: int, column: int) -> np.ndarray:
    """The 125 x 125 window around a seed, from what the tool wrote, cut with a roll."""
    name = next(branch for branch in _BRANCHES[channel] if branch in IMAGES)
    number = IMAGES.index(name)
    shape = (56, 72) if channel == "hcal_energy" else (280, 360)
    image = np.zeros(shape[0] * shape[1], dtype=np.float32)
    step = image.size // 20
    for k in range(20):
        image[k * step + (7 * event + 3 * number) % step] = 1.0 + k + 0.25 * number + 0.125 * event
    image = image.reshape(shape)
    if channel == "hcal_energy":
        image = np.kron(image, np.ones((5, 5), dtype=np.float32)) / np.float32(25)
    return np.roll(image, 62 - column, axis=1)[row - 62 : row + 63, :125]


def test_it_is_found_by_content_and_is_no_file_of_events(tmp_path):
    assert find_source(GOLDEN).name == RhTree.name
    assert not EVENT_FILES.recognises(GOLDEN)
    (tmp_path / "a.root").write_bytes(b"root" + bytes(300))
    assert not RhTree().recognises(tmp_path / "a.root")
    assert RhTree().count(GOLDEN) == 3


@pytest.mark.parametrize("task", ["quark-gluon", "ditau-mass"])
def test_every_channel_is_that_of_the_ntuple_around_each_jet(task):
    candidates, labels = read(task)
    assert candidates.spec == TASKS[task].frame
    assert labels["event"].tolist() == [1000, 1002, 1002] and labels["number"].tolist() == [0, 0, 1]
    assert labels["run"].tolist() == [7, 7, 7] and labels["luminosity_block"].tolist() == [3, 3, 3]
    assert candidates.seeds.row.tolist() == [102, 62, 217] and candidates.seeds.column.tolist() == [357, 357, 12]
    dense = candidates.to_dense()
    for i, event in enumerate((0, 2, 2)):
        for k, channel in enumerate(candidates.spec.channels):
            row, column = candidates.seeds.row[i], candidates.seeds.column[i]
            np.testing.assert_allclose(dense[i, k], expected(event, channel, row, column), rtol=1e-6)
            assert dense[i, k].any(), "the sample must show something"


def test_kinematics_and_targets_are_those_of_the_jets():
    _, labels = read("quark-gluon")
    assert labels["pt"].tolist() == [100, 120, 121] and labels["mass"].tolist() == [10, 10, 11]
    assert labels["target"].tolist() == [0, 0, 1]
    _, labels = read("ditau-mass")
    assert labels["target"].tolist() == labels["truth.mass"].tolist() == [4, 4, 5]
    assert np.isnan(read("tau")[1]["target"]).all(), "no truth of taus in this file"


def test_the_task_is_guessed_from_the_truth():
    assert RhTree().layout(GOLDEN, Options()).task == "quark-gluon"


def test_the_factors_are_explicit():
    plain, _ = read("quark-gluon")
    scaled, _ = read("quark-gluon", endcap_factor=4.0, hcal_factor=2.0)
    one, other = plain.to_dense(), scaled.to_dense()
    np.testing.assert_array_equal(other[:, 0], one[:, 0])
    np.testing.assert_allclose(other[:, 2], 2 * one[:, 2], rtol=1e-6)
    np.testing.assert_allclose(other[1, 1, :55], 4 * one[1, 1, :55], rtol=1e-6)  # window from row 0
    np.testing.assert_array_equal(other[1, 1, 55:], one[1, 1, 55:])
    assert one[1, 1, :55].any() and one[1, 1, 55:].any()


def test_a_window_of_events_is_that_part_of_the_whole(monkeypatch):
    whole, labels = read("quark-gluon")
    part, part_labels = read("quark-gluon", start=1)
    assert part_labels["event"].tolist() == labels["event"][1:].tolist()
    np.testing.assert_array_equal(part.to_dense(), whole.to_dense()[1:])
    monkeypatch.setattr("e2e.datasets.rhtree.BATCH_EVENTS", 1)
    single, _ = read("quark-gluon")
    np.testing.assert_array_equal(single.to_dense(), whole.to_dense())
    assert BATCH_EVENTS > 3


def test_missing_branches_are_named():
    with pytest.raises(InputError, match="no branch ECAL_tracksD0_atECALfixIP, ECAL_tracksDz_atECALfixIP for top"):
        RhTree().layout(GOLDEN, Options("top"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options("electron-photon"), "stitched grid, electron-photon takes 32 x 32 windows of the barrel grid"),
        (Options(channels=("track_pt",)), "leave out --channels"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        RhTree().layout(GOLDEN, options)


def test_jets_of_an_event_that_is_not_finite_are_left_out_and_named(monkeypatch):
    original = rhtree._vectors

    def spoilt(tree, name, low, high):
        lengths, values = original(tree, name, low, high)
        if name == "HBHE_energy":
            values = values.copy()
            values[-1] = np.nan  # of event 2
        return lengths, values

    monkeypatch.setattr(rhtree, "_vectors", spoilt)
    problems, options = Problems(), Options("quark-gluon")
    layout = RhTree().layout(GOLDEN, options)
    (part,) = RhTree().read(GOLDEN, 0, 3, layout, options, problems)
    assert part.labels["event"].tolist() == [1000]
    assert [str(p) for p in problems] == [f"error: {GOLDEN}: event 2: hcal_energy is not finite; its jets are left out"]


def test_it_is_converted(tmp_path):
    result = convert([GOLDEN], tmp_path / "c", task="ditau-mass")
    assert (result.num_entries, result.num_candidates, result.problems) == (3, 3, [])


@pytest.mark.parametrize("length", [4, 100, 1000, -3000, -200])
def test_a_truncated_file_is_one_line(tmp_path, length):
    (tmp_path / "a.root").write_bytes(GOLDEN.read_bytes()[:length])
    with pytest.raises(InputError) as error:
        convert([tmp_path / "a.root"], tmp_path / "c", task="quark-gluon")
    assert "\n" not in str(error.value)


def test_flipped_bits_never_crash(tmp_path):
    good, rng = GOLDEN.read_bytes(), np.random.default_rng(3)
    for edge in np.linspace(0, len(good), 40, endpoint=False).astype(int):
        damaged = bytearray(good)
        damaged[edge + rng.integers(0, len(good) // 40)] ^= 1 << rng.integers(0, 8)
        (tmp_path / "a.root").write_bytes(damaged)
        try:
            source = find_source(tmp_path / "a.root")
            layout = source.layout(tmp_path / "a.root", Options("quark-gluon"))
            list(source.read(tmp_path / "a.root", 0, 3, layout, Options("quark-gluon"), Problems()))
        except InputError as error:
            assert "\n" not in str(error)
