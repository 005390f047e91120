"""A batch in pieces gives what the whole batch gives, and so do its gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from e2e.bundles.parity import random_candidates
from e2e.contract import PADDING_INDEX, FrameSpec
from e2e.models import build_model, find_model
from e2e.models.autoencoder import build_autoencoder, find_autoencoder
from e2e.models.reconstruction import LossWeights
from e2e.training.augment import Pixels
from e2e.training.masking import KINDS, Masking
from e2e.training.module import Surroundings
from e2e.training.pieces import TOGETHER, by_pieces, can_go_in_pieces
from e2e.training.pretraining import PretrainingModule
from e2e.training.recipes import RECIPES

FRAME = FrameSpec(channels=("ecal_energy", "ecal_time"))


def candidates(number, pixels=60):
    """The first has padding between its pixels, as augmentation loses them; the last has nothing else."""
    packed = random_candidates(np.random.default_rng(number), FRAME, number, pixels)
    packed.pixel_index[0, ::2] = PADDING_INDEX
    packed.pixel_index[-1] = PADDING_INDEX
    return Pixels(*map(torch.from_numpy, packed))


@pytest.mark.parametrize("name", ["resnet15", "sparse-vit-nano", "edge-conv-nano", "particle-transformer-nano"])
def test_answers_and_gradients_are_those_of_the_whole_batch(name):
    family, config = find_model(name)
    torch.manual_seed(3)
    network = build_model(family, FRAME, {**config, "input_scale": [0.04, 0.1]})
    assert can_go_in_pieces(network)
    pixels, weight = candidates(11), torch.randn(11, 1)
    found = []
    for answers in (network(*pixels), by_pieces(lambda part: network(*part), pixels, 4)):
        network.zero_grad()
        (answers * weight).sum().backward()
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        found.append((answers.detach(), gradients))
    (whole, expected), (pieces, gradients) = found
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-5)
    assert len(gradients) == len(expected) > 0
    largest = max(float(gradient.abs().max()) for gradient in expected)
    for gradient, own in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, own, rtol=1e-4, atol=1e-5 * largest)


@given(st.integers(1, 9), st.integers(1, 5))
def test_every_candidate_goes_once_with_all_its_pixels_and_few_others(number, size):
    pixels = candidates(number, 12)
    seen = []

    def answer(part):
        seen.append(part)
        return torch.stack(((part.pixel_value * (part.pixel_index != PADDING_INDEX)).sum(1), part.seed[:, 0]), dim=1)

    torch.testing.assert_close(by_pieces(answer, pixels, size), answer(pixels))
    assert [len(part.seed) for part in seen[:-1]] == [size] * (number // size) + [number % size] * (number % size > 0)
    longest = [part.pixel_index.shape[1] for part in seen[:-1]]
    assert longest == sorted(longest) and longest[-1] <= 12
    for part in seen[:-1]:
        assert part.pixel_index.shape[1] == 1 or (part.pixel_index[:, -1] != PADDING_INDEX).any()


@pytest.mark.parametrize(
    ("name", "features", "masking"),
    [
        *(("sparse-vit-nano", 0, Masking(kind, 0.6)) for kind in KINDS),
        ("hybrid-nano", 7, Masking(ratio=0.0)),
        ("conv-autoencoder-nano", 7, Masking(ratio=0.0)),
    ],
)
def test_what_is_hidden_is_asked_in_pieces(name, features, masking, tmp_path, monkeypatch):
    family, config, decoder = find_autoencoder(name, features)
    config = {**config, "input_scale": [0.04, 0.1], "num_outputs": decoder.num_outputs}
    torch.manual_seed(3)
    network = build_autoencoder(family, FRAME, config, decoder)
    surroundings = Surroundings(RECIPES["electron-photon"], FRAME, 1, 1, tmp_path)
    module = PretrainingModule(network, surroundings, masking, LossWeights())
    pixels, found = candidates(2 * TOGETHER + 3), []
    for in_pieces in (False, True):
        monkeypatch.setattr(PretrainingModule, "goes_in_pieces", in_pieces)
        module.zero_grad()
        terms = module._terms(pixels, torch.Generator().manual_seed(5))
        module.loss.total(terms).backward()
        gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        found.append((torch.stack(terms).detach(), torch.cat([gradient.flatten() for gradient in gradients])))
    (whole, expected), (pieces, gradient) = found
    assert (whole[:3] > 0).all()
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-6)
    assert torch.linalg.norm(gradient - expected) < 1e-3 * torch.linalg.norm(expected)


def test_networks_with_statistics_of_the_batch_stay_whole():
    assert not can_go_in_pieces(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
