"""Images under zfp: no value is off by more than was allowed."""

from __future__ import annotations

from struct import unpack_from

import numpy as np
import pytest
from candidate_samples import random_candidates
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.cli import main
from e2e.compression.compress import compress
from e2e.compression.zfp import Zfp
from e2e.contract import FrameSpec
from e2e.datasets.candidate_store import CandidateWriter
from e2e.datasets.stored import open_candidates
from e2e.problems import InputError

SPEC = FrameSpec(channels=("ecal_energy", "ecal_time"))
SCALE = (0.05, 0.2)


def sample_of(count: int, seed: int, spec: FrameSpec = SPEC):
    sample = random_candidates(count, seed=seed, spec=spec, max_pixels=100)
    pixels = sample.candidates.load()
    pixels.pixel_value[:] = np.random.default_rng(seed).exponential(5, len(pixels.pixel_value)) + 0.01
    return sample


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 8), seed=st.integers(0, 1000), tolerance=st.floats(1e-3, 2))
def test_no_value_is_off_by_more_than_the_tolerance(count, seed, tolerance):
    pytest.importorskip("zfpy", reason="pip install 'cms-e2e[compression]'")
    pixels = sample_of(count, seed).candidates.load()
    codec = Zfp(SPEC, SCALE, tolerance)
    back = codec.decode(codec.encode(pixels), pixels.seeds)
    allowed = 2 * tolerance / np.array(SCALE)[:, None, None]  # one for zfp, one for what became no pixel
    assert (np.abs(back.to_dense() - pixels.to_dense()) <= 1.0001 * allowed).all()


def test_damaged_codes_are_refused():
    pytest.importorskip("zfpy", reason="pip install 'cms-e2e[compression]'")
    pixels = sample_of(3, 1).candidates.load()
    code = Zfp(SPEC, SCALE, 0.1).encode(pixels)
    for wrong in (b"", code[:5], code[:-1][: len(code) // 2]):
        with pytest.raises(ValueError):
            Zfp(SPEC, SCALE, 0.1).decode(wrong, pixels.seeds)
    other = Zfp(FrameSpec(), SCALE[:1], 0.1)
    with pytest.raises(ValueError, match="an image of"):
        other.decode(code, pixels.seeds)


def test_by_hand(tmp_path, capsys):
    pytest.importorskip("zfpy", reason="pip install 'cms-e2e[compression]'")
    spec = FrameSpec()
    with CandidateWriter(tmp_path / "a.parquet", spec, "electron-photon") as writer:
        writer.write(sample_of(70, 1, spec))
    assert main(["compress", str(tmp_path / "a.parquet"), "-o", str(tmp_path / "f"), "--tolerance", "0.01"]) == 0
    assert main(["decompress", str(tmp_path / "f"), "-o", str(tmp_path / "b.parquet")]) == 0
    assert main(["info", str(tmp_path / "f")]) == 0
    assert "codec zfp" in capsys.readouterr().out
    before, after = (
        open_candidates([tmp_path / name]).candidates.load().to_dense() for name in ("a.parquet", "b.parquet")
    )
    assert np.abs(before - after).max() < 2 * 0.01 / 0.02


def test_tolerances_that_cannot_be(tmp_path):
    with CandidateWriter(tmp_path / "a.parquet", SPEC, None) as writer:
        writer.write(sample_of(5, 1))
    for options, message in (
        ({"tolerance": 0.1}, "convert with --task"),
        ({"tolerance": 0.1, "model": tmp_path}, "choose one"),
    ):
        with pytest.raises(InputError, match=message):
            compress([tmp_path / "a.parquet"], tmp_path / "f", **options)
    for tolerance in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="give one above 0"):
            Zfp(SPEC, SCALE, tolerance)


def test_a_code_that_was_cut_off_or_lies_is_refused():
    zfpy = pytest.importorskip("zfpy", reason="pip install 'cms-e2e[compression]'")
    pixels = sample_of(3, 1).candidates.load()
    codec = Zfp(SPEC, SCALE, 0.1)
    code = codec.encode(pixels)
    for cut in range(1, 60):
        with pytest.raises(ValueError):
            codec.decode(code[:-cut], pixels.seeds)
    (length,) = unpack_from("<I", code)
    bits = int.from_bytes(code[8:15], "little")  # 4 bits of type and dimensions, 16 bits of each size
    large = bits & 0xF | sum((1 << 15) - 1 << shift for shift in (4, 20, 36)) | bits >> 52 << 52
    for lie in (
        code[:8] + large.to_bytes(7, "little") + code[15:],
        b"".join((length + 1).to_bytes(4, "little") + bytes(length + 1) for _ in range(3)),
        bytes(12),
        b"".join(len(s).to_bytes(4, "little") + s for s in 3 * [zfpy.compress_numpy(np.ones(SPEC.shape), tolerance=1)]),
        b"".join(
            len(s).to_bytes(4, "little") + s for s in 3 * [zfpy.compress_numpy(np.ones(SPEC.shape, np.float32), rate=8)]
        ),
    ):
        with pytest.raises(ValueError):
            codec.decode(lie, pixels.seeds)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), tolerance=st.floats(1e-9, 2))
def test_a_stream_is_no_longer_than_is_thought(seed, tolerance):
    """What is set behind one that is too short must reach as far as zfp can read."""
    zfpy = pytest.importorskip("zfpy", reason="pip install 'cms-e2e[compression]'")
    noise = np.random.default_rng(seed).normal(size=SPEC.shape) * 10.0 ** np.random.default_rng(seed).integers(-6, 6)
    stream = zfpy.compress_numpy(noise.astype(np.float32), tolerance=tolerance)
    assert len(stream) <= Zfp(SPEC, SCALE, 0.1)._most_bytes
