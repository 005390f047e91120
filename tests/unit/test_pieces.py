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
from e2e.training.augment import Pixels
from e2e.training.pieces import by_pieces, can_go_in_pieces

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


def test_networks_with_statistics_of_the_batch_stay_whole():
    assert not can_go_in_pieces(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))
