"""Principal components: exact where the candidates have no more, and a codec like the others."""

from __future__ import annotations

import numpy as np
import pytest

from e2e.compression.image_scores import measure_images
from e2e.compression.learned import LearnedCodec
from e2e.compression.pca import fit_pca
from e2e.compression.quantise import Quantiser
from e2e.contract import FrameSpec
from e2e.frames import Candidates, Seeds

SPEC = FrameSpec("stitched", ("ecal_energy", "bpix1"), 12, 12, 5, 5)
SCALE = (0.1, 0.5)


def few_kinds(count: int, kinds: int = 4) -> Candidates:
    """Candidates of a few kinds, which differ in nothing else."""
    generator = np.random.default_rng(2)
    images = generator.exponential(5, (kinds, *SPEC.shape)) * (generator.random((kinds, *SPEC.shape)) < 0.1)
    images[:, 1] = np.ceil(images[:, 1])
    kind = generator.integers(0, kinds, count)
    seeds = Seeds.from_columns(np.arange(count), np.arange(count), np.arange(count), np.ones(count))
    return Candidates.from_dense(SPEC, images[kind].astype(np.float32), seeds)


def test_a_few_kinds_come_back_as_they_were():
    candidates = few_kinds(100)
    model = fit_pca(candidates, SCALE, features=3)  # the mean is the fourth
    np.testing.assert_allclose(model.components @ model.components.T, np.eye(3), atol=1e-4)
    vectors = model.vectors(candidates)
    assert vectors.shape == (100, 3)
    assert (np.diff(vectors.std(axis=0)) <= 1e-4).all()
    back = model.candidates(vectors, candidates.seeds)
    np.testing.assert_allclose(back.to_dense(), candidates.to_dense(), rtol=1e-2, atol=1e-2)
    assert back.seeds.row.tolist() == candidates.seeds.row.tolist()
    same, other = fit_pca(candidates, SCALE, 3), fit_pca(candidates, SCALE, 2)
    assert model.digest == same.digest != other.digest


def test_it_is_a_codec_and_fewer_components_lose_more():
    candidates = few_kinds(130, kinds=30)
    recalls = []
    for features in (2, 10, 28):
        model = fit_pca(candidates, SCALE, features)
        vectors = model.vectors(candidates)
        codec = LearnedCodec(model, Quantiser(vectors.mean(axis=0), vectors.std(axis=0), 8))
        back = codec.decode(codec.encode(candidates), candidates.seeds)
        recalls.append(measure_images(candidates, back)["channels"]["ecal_energy"]["recall"]["value"])
    assert recalls == sorted(recalls)
    assert recalls[-1] > 0.9 > recalls[0]


def test_too_few_candidates_are_refused():
    with pytest.raises(ValueError, match="give more candidates"):
        fit_pca(few_kinds(5), SCALE, 5)
