"""Images under zfp: no value is off by more than was allowed."""

from __future__ import annotations

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
