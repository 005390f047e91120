"""Feature vectors: rounded as the rate says, bound to their model, read back as images that make sense."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path

import numpy as np
import pytest
from candidate_samples import random_candidates
from event_samples import assert_same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from e2e.cli import main
from e2e.compression.codecs import find_codec
from e2e.compression.compress import compress
from e2e.compression.compressed_file import CompressedFile
from e2e.compression.decompress import decompress
from e2e.compression.learned import load_autoencoder
from e2e.compression.quantise import Quantiser
from e2e.compression.sparsify import sparsify
from e2e.contract import FrameSpec
from e2e.datasets.candidate_store import CandidateWriter
from e2e.datasets.stored import open_candidates
from e2e.frames import Seeds
from e2e.models.autoencoder import build_autoencoder
from e2e.models.decoders import DecoderConfig
from e2e.problems import InputError
from e2e.tasks import TASKS

TASK = TASKS["electron-photon"]
FEATURES = 6


def vectors_of(count: int, seed: int, features: int = FEATURES) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(count, features)) * np.exp(generator.normal(size=features))).astype(np.float32)


def quantiser_of(vectors: np.ndarray, rate: float) -> Quantiser:
    return Quantiser(vectors.mean(axis=0), vectors.std(axis=0), rate)


@settings(max_examples=60, deadline=None)
@given(count=st.integers(1, 90), seed=st.integers(0, 1000), rate=st.floats(0.5, 10))
def test_vectors_come_back_to_half_a_step(count, seed, rate):
    vectors = vectors_of(count, seed)
    quantiser = quantiser_of(vectors_of(500, seed), rate)
    back = quantiser.decode(quantiser.encode(vectors), count)
    reach = np.abs(vectors - quantiser.mean) / quantiser.step  # beyond 2^15 steps it is cut
    off = np.abs(back - vectors) - np.maximum(reach - (2**15 - 1), 0) * quantiser.step
    assert (off <= 0.501 * quantiser.step + 1e-5 * (1 + np.abs(vectors))).all()
    again = Quantiser.from_json(json.loads(json.dumps(quantiser.to_json())))
    assert_same_bits(again.decode(again.encode(back), count), back)


@pytest.mark.parametrize("rate", [2.0, 3.0, 4.0, 6.0])
def test_a_gaussian_feature_costs_the_rate(rate):
    vectors = vectors_of(4096, 1)
    quantiser = quantiser_of(vectors, rate)
    whole = np.rint((vectors - quantiser.mean) / quantiser.step)
    shares = [np.unique(column, return_counts=True)[1] / len(column) for column in whole.T]
    entropy = np.mean([-sum(share * log2(share) for share in of) for of in shares])
    assert entropy == pytest.approx(rate, abs=0.08)
    bits = 8 * len(quantiser.encode(vectors)) / vectors.size
    assert entropy - 0.01 < bits < entropy + 0.35


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 1e30])
def test_a_strange_vector_spoils_no_other(strange):
    vectors = vectors_of(20, 2)
    quantiser = quantiser_of(vectors, 4)
    spoilt = vectors.copy()
    spoilt[3, 2] = strange
    back = quantiser.decode(quantiser.encode(spoilt), 20)
    assert np.isfinite(back).all()
    assert np.array_equal(
        np.delete(back, 3, axis=0), np.delete(quantiser.decode(quantiser.encode(vectors), 20), 3, axis=0)
    )


def test_a_feature_that_never_changes_costs_nothing_and_comes_back():
    vectors = vectors_of(64, 1)
    vectors[:, 1] = 3.25
    back = quantiser_of(vectors, 4).decode(quantiser_of(vectors, 4).encode(vectors), 64)
    assert np.allclose(back[:, 1], 3.25, atol=1e-5)


def test_damaged_codes_and_rates_that_cannot_be():
    quantiser = quantiser_of(vectors_of(20, 2), 4)
    code = quantiser.encode(vectors_of(20, 2))
    for wrong in (b"", code[:-3], code + b"x" * 9):
        with pytest.raises(ValueError, match="under zstd"):
            quantiser.decode(wrong, 20 if wrong != code + b"x" * 9 else 21)
    for rate in (0, -1, 11, float("nan")):
        with pytest.raises(ValueError, match="give one above 0"):
            quantiser_of(vectors_of(20, 2), rate)


# ---- images to pixels


def test_as_many_pixels_as_are_expected_the_most_probable_first():
    frame = FrameSpec(channels=("ecal_energy", "ecal_time"))
    probability = np.zeros((2, *frame.shape), dtype=np.float32)
    probability[0, 0, :2, :5] = 0.6  # six of ten
    probability[0, 1, 4, :4] = (0.9, 0.6, 0.4, 0.2)  # two are expected
    value = np.full(probability.shape, 7.0, dtype=np.float32)
    value[0, 1, 4, 1] = -2.0  # a time may be below zero
    found = sparsify(frame, probability, value, Seeds.from_columns([0, 1], [1, 2], [3, 4], [5, 6]))
    image = found.to_dense()
    assert (image[0, 0, :2, :5] > 0).sum() == (image[0, 0] > 0).sum() == 6
    assert image[0, 1, 4, :4].tolist() == [7.0, -2.0, 0.0, 0.0]
    assert not image[1].any()
    assert found.seeds.row.tolist() == [1, 2]


def test_what_is_likely_nowhere_comes_back_as_often_as_it_should():
    """Noise of 3 % all over, a shower in the middle: neither takes the other's place."""
    frame = FrameSpec(channels=("ecal_energy",))
    probability = np.full((1, *frame.shape), 0.03, dtype=np.float32)
    probability[0, 0, 12:20, 12:20] = np.linspace(0.3, 1, 64).reshape(8, 8)
    image = sparsify(frame, probability, np.ones_like(probability), Seeds.from_columns(*[[0]] * 4)).to_dense()[0, 0]
    shower = image[12:20, 12:20].sum()
    assert shower == pytest.approx(probability[0, 0, 12:20, 12:20].sum(), abs=1)
    assert image.sum() - shower == pytest.approx(0.03 * (1024 - 64), abs=1)


def test_the_pixels_of_a_tower_come_together():
    frame = TASKS["quark-gluon"].frame
    probability = np.zeros((3, *frame.shape), dtype=np.float32)
    for number, share in enumerate((0.03, 0.4, 0.6)):
        probability[number, 2, 60:65, 60:65] = share  # 25 pixels
    seeds = Seeds.from_columns([0, 1, 2], [1, 1, 1], [1, 1, 1], [1, 1, 1])
    found = sparsify(frame, probability, np.ones_like(probability), seeds)
    assert np.diff(found.offsets).tolist() == [0, 0, 25]


def test_as_many_towers_are_read_back_as_there_are():
    generator, frame = np.random.default_rng(1), TASKS["quark-gluon"].frame
    towers = (generator.random((50, 25, 25)) < 0.1) * generator.random((50, 25, 25)) * 0.3
    probability = np.zeros((50, *frame.shape), dtype=np.float32)
    probability[:, 2] = np.kron(towers, np.ones((5, 5)))
    found = sparsify(frame, probability, np.ones_like(probability), Seeds.from_columns(*[np.arange(50)] * 4))
    assert len(found.pixel_index) / 25 == pytest.approx(towers.sum(), rel=0.03)


def test_energies_are_above_zero_and_hits_are_counted():
    frame = FrameSpec("stitched", ("ecal_energy", "bpix1"), 5, 5, 2, 2)
    value = np.stack([np.linspace(-1, 1.4, 25), np.linspace(0, 3, 25)]).reshape(1, *frame.shape).astype(np.float32)
    found = sparsify(frame, np.ones(value.shape, np.float32), value, Seeds.from_columns([0], [1], [3], [5])).to_dense()
    assert np.array_equal(found[0, 0], np.maximum(value[0, 0], 0))
    assert set(np.unique(found[0, 1])) == {1.0, 2.0, 3.0}


# ---- the codec


def untrained_run(path: Path, seed: int = 1, features: int = FEATURES, **changes) -> Path:
    """What `pretrain` would leave, of random weights."""
    import torch

    torch.manual_seed(seed)
    config = {
        "input_scale": list(TASK.input_scale),
        "num_outputs": features,
        "patch": 4,
        "width": 16,
        "depth": 1,
        "heads": 2,
    }
    decoder = DecoderConfig(features, width=16, depth=1, heads=2, memory=2)
    network = build_autoencoder("sparse-vit", TASK.frame, config, decoder)
    path.mkdir()
    save_file(network.state_dict(), path / "weights.safetensors")
    recipe = {"task": TASK.name, "family": "sparse-vit", "pretraining": {"decoder": decoder.to_json()}}
    about = {"recipe": recipe, "seed": seed, "data": [], "state": "finished", "config": config}
    about |= {"channels": list(TASK.frame.channels), "features": {"mean": [0.0] * features, "scale": [1.0] * features}}
    (path / "run.json").write_text(json.dumps({**about, **changes}))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return untrained_run(tmp_path_factory.mktemp("runs") / "model")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "a.parquet"
    sample = random_candidates(150, seed=7, spec=TASK.frame)
    pixels = sample.candidates.load()
    pixels.pixel_value[:] = np.random.default_rng(1).exponential(3, len(pixels.pixel_value))
    with CandidateWriter(path, TASK.frame, TASK.name) as writer:
        writer.write(sample)
    return path


def test_vectors_and_labels_come_back(model, source, tmp_path):
    done = compress([source], tmp_path / "f", model=model, rate=6)
    assert done.sizes.pixels < 150 * FEATURES + 3 * 40
    network = load_autoencoder(model)
    before, after = (
        open_candidates([source]),
        open_candidates([decompress(done.output, tmp_path / "b.parquet", model=model).output]),
    )
    for name, column in before.labels.items():
        if name != "input":
            assert_same_bits(column, after.labels[name])
    assert_same_bits(before.candidates.load().seeds.row, after.candidates.load().seeds.row)
    with CompressedFile(done.output) as file:
        codec = find_codec(file, model)
    vectors = network.vectors(before.candidates.load())
    rounded = codec.quantiser.decode(codec.quantiser.encode(vectors), len(vectors))
    assert np.abs(rounded - vectors).max() <= 0.501 * codec.quantiser.step.max()
    expected = network.candidates(rounded, before.candidates.load().seeds).to_dense()
    np.testing.assert_allclose(after.candidates.load().to_dense(), expected, rtol=1e-3, atol=1e-4)


def test_any_candidates_can_be_read_alone(model, source, tmp_path):
    file = compress([source], tmp_path / "f", model=model).output
    whole = open_candidates([decompress(file, tmp_path / "b.parquet", model=model).output])
    some = open_candidates([decompress(file, tmp_path / "c.parquet", model=model, start=70, stop=75).output])
    assert_same_bits(some.labels["event"], whole.labels["event"][70:75])
    expected = whole.select(slice(70, 75)).candidates.load().to_dense()
    np.testing.assert_allclose(some.candidates.load().to_dense(), expected, rtol=1e-3, atol=1e-4)


def test_another_model_is_refused_by_name(model, source, tmp_path, capsys):
    other = untrained_run(tmp_path / "other", seed=2)
    assert main(["compress", str(source), "-o", str(tmp_path / "f"), "--model", str(model), "--rate", "3"]) == 0
    capsys.readouterr()
    for options, message in ((["--model", str(other)], f"{other}: is the model"), ([], "give the run: --model RUN")):
        assert main(["decompress", str(tmp_path / "f"), "-o", str(tmp_path / "b.parquet"), *options]) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
        assert not (tmp_path / "b.parquet").exists()
    assert main(["info", str(tmp_path / "f")]) == 0
    assert "codec features" in capsys.readouterr().out
    compress([source], tmp_path / "lossless")
    assert main(["info", str(tmp_path / "f"), str(tmp_path / "lossless")]) == 1
    captured = capsys.readouterr()
    assert "150 candidates" in captured.out
    assert captured.err.startswith(f"error: {tmp_path / 'lossless'}: of another frame, task or codec")


def test_what_is_no_autoencoder_is_refused(model, source, tmp_path):
    for name, changes, message in (
        ("running", {"state": "running"}, "not finished"),
        ("tagger", {"recipe": {"task": TASK.name, "family": "sparse-vit"}}, "no autoencoder with a feature vector"),
    ):
        run = untrained_run(tmp_path / name, **changes)
        with pytest.raises(InputError, match=message):
            compress([source], tmp_path / "f", model=run)
    (untrained_run(tmp_path / "damaged") / "weights.safetensors").write_bytes(b"nothing")
    for options, message in (
        ({"model": tmp_path / "damaged"}, "missing or damaged"),
        ({"model": tmp_path / "none"}, "no such folder"),
        ({"model": model, "rate": 0.0}, "give one above 0"),
        ({"rate": 3.0}, "a rate without a model"),
    ):
        with pytest.raises(InputError, match=message):
            compress([source], tmp_path / "f", **options)
    jets = tmp_path / "jets.parquet"
    frame = TASKS["quark-gluon"].frame
    with CandidateWriter(jets, frame, "quark-gluon") as writer:
        writer.write(random_candidates(5, seed=1, spec=frame))
    with pytest.raises(InputError, match="give a model of this frame"):
        compress([jets], tmp_path / "f", model=model)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "x"}, "not that of a training run"),
        ({"recipe": {"task": TASK.name, "family": "sparse-vit", "pretraining": {}}}, "KeyError 'decoder'"),
        ({"recipe": {"task": "q", "pretraining": {"decoder": {"features": 3}}}}, "KeyError 'q'"),
        ({"config": [1]}, "damaged"),
        ({"config": {"input_scale": [1.0], "num_outputs": FEATURES + 1}}, "7 outputs of the encoder for 6 features"),
        ({"features": {"mean": [0.0], "scale": [1.0]}}, "6 features, spread of"),
        ({"channels": None}, "damaged"),
    ],
)
def test_a_damaged_run_is_one_line(tmp_path, changes, message):
    run = untrained_run(tmp_path / "run")
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**about, **changes}))
    with pytest.raises(InputError, match=message):
        load_autoencoder(run)


def test_no_vectors_give_no_candidates(model):
    none = Seeds.from_columns([], [], [], [])
    found = load_autoencoder(model).candidates(np.zeros((0, FEATURES), np.float32), none)
    assert len(found) == 0 and found.spec == TASK.frame


def test_a_candidate_store_of_an_unknown_task_has_no_tolerance(tmp_path):
    with CandidateWriter(tmp_path / "a.parquet", TASK.frame, "some-newer-task") as writer:
        writer.write(random_candidates(5, seed=1, spec=TASK.frame))
    with pytest.raises(InputError, match="of no known task"):
        compress([tmp_path / "a.parquet"], tmp_path / "f", tolerance=0.1)
