"""Dense autoencoders answer as the masked one does: any places, towers as one, from the vector alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.models import count_parameters
from e2e.models.autoencoder import autoencoder_names, build_autoencoder, drawn, find_autoencoder
from e2e.models.conv import map_sizes
from e2e.models.decoders import DecoderConfig
from e2e.models.reconstruction import ReconstructionLoss
from e2e.models.views import PatchView
from e2e.tasks import TASKS
from e2e.training.augment import Pixels
from e2e.training.masking import Masking, hide

CROP = FrameSpec(channels=("ecal_energy", "ecal_time"))
JET = TASKS["quark-gluon"].frame
SCALES = {2: (0.05, 0.1), 3: TASKS["quark-gluon"].input_scale}
FRAMES = pytest.mark.parametrize(("frame", "patch"), [(CROP, 4), (JET, 5)], ids=["crop", "jet"])
KINDS = pytest.mark.parametrize("kind", ["conv-autoencoder", "conv-vae"])


def network_of(frame: FrameSpec, patch: int, kind: str = "conv-autoencoder", features: int = 7):
    torch.manual_seed(2)
    family, config, decoder = find_autoencoder(f"{kind}-nano", features)
    numbers = {"input_scale": SCALES[len(frame.channels)], "patch": patch, "num_outputs": decoder.num_outputs}
    return build_autoencoder(family, frame, {**config, **numbers}, decoder).eval()


def pixels_of(frame: FrameSpec, pixels: int = 80) -> Pixels:
    return Pixels(*map(torch.from_numpy, random_candidates(np.random.default_rng(1), frame, 5, pixels)))


@FRAMES
def test_patches_are_cut_and_joined_again(frame, patch):
    view, image = PatchView(frame, patch), torch.randn(3, *frame.shape)
    patches = view.cut(image)
    assert patches.shape == (3, view.num_places, view.num_values)
    assert torch.equal(view.join(patches), image)
    channel, row, column = 1, 2 * patch + 1, patch + 3
    assert torch.equal(
        patches[:, 2 * view.grid[1] + 1, (channel * patch + 1) * patch + 3], image[:, channel, row, column]
    )


@FRAMES
@KINDS
def test_what_is_answered_is_the_image(frame, patch, kind):
    """For any places, whatever else is asked; padding is answered nothing."""
    network, whole = network_of(frame, patch, kind), pixels_of(frame)
    vector = network.vector(*whole)
    assert vector.shape == (5, 7)
    places = torch.arange(network.view.num_places).expand(5, -1)
    with torch.no_grad():
        everything = network(*whole, places)
        some = network(*whole, places[:, [9, 3, 3]])
        nothing = network(*whole, torch.full((5, 2), network.view.num_places))
        probability, value = network.image(vector)
    for all_of, asked, none in zip(everything[:2], some[:2], nothing[:2], strict=True):
        torch.testing.assert_close(asked, all_of[:, [9, 3, 3]])
        assert not none.any()
    torch.testing.assert_close(network.view.join(torch.sigmoid(everything.occupancy)), probability)
    assert probability.shape == value.shape == (5, *frame.shape) and torch.isfinite(value).all()
    if frame == JET:
        for image in (probability, value):
            towers = image[:, 2].reshape(5, 25, 5, 25, 5).transpose(2, 3).flatten(3)
            assert (towers == towers[..., :1]).all()
            crystals = image[:, 1].reshape(5, 25, 5, 25, 5).transpose(2, 3).flatten(3)
            assert not (crystals == crystals[..., :1]).all()


@FRAMES
@KINDS
def test_every_parameter_learns(frame, patch, kind):
    network, whole = network_of(frame, patch, kind).train(), pixels_of(frame, 300)
    asked = hide(whole, network.view, Masking(ratio=0.0), torch.Generator().manual_seed(3), asks_all=True)
    loss = ReconstructionLoss(frame, patch)
    terms = loss(network(*asked.visible, asked.place), network.truth(*whole[:2], asked.place), asked.weight)
    assert (terms.divergence > 0) == (kind == "conv-vae")
    loss.total(terms).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_a_variational_vector_is_drawn_in_training_alone():
    network, whole = network_of(CROP, 4, "conv-vae"), pixels_of(CROP)
    place = torch.arange(3).expand(5, -1)
    one, other = (network(*whole, place).occupancy for _ in "ab")
    assert torch.equal(one, other)
    network.train()
    torch.manual_seed(1)
    one, other = (network(*whole, place).occupancy for _ in "ab")
    torch.manual_seed(1)
    assert not torch.equal(one, other) and torch.equal(one, network(*whole, place).occupancy)


def test_the_divergence_is_that_of_normal_distributions():
    mean, log_variance = torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, -1.0]])
    vector, divergence = drawn(torch.cat((mean, log_variance), dim=1), is_random=False)
    assert torch.equal(vector, mean)
    distributions = torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(divergence, torch.distributions.kl_divergence(*distributions).sum(dim=1))
    many, _ = drawn(torch.cat((mean, log_variance), dim=1).expand(20000, -1), is_random=True)
    torch.testing.assert_close(many.std(dim=0), (log_variance / 2).exp()[0], rtol=0.03, atol=0.0)
    wild = drawn(torch.tensor([[0.0, 1e6], [0.0, -1e6]]), is_random=True)
    assert all(torch.isfinite(part).all() for part in wild)


def test_images_are_halved_until_little_is_left():
    assert map_sizes(CROP) == [(32, 32), (16, 16), (8, 8), (4, 4)]
    assert map_sizes(JET) == [(125, 125), (63, 63), (32, 32), (16, 16), (8, 8), (4, 4)]


@pytest.mark.parametrize("size", ["nano", "tiny", "small", "base"])
def test_sizes_are_comparable(size):
    """As many numbers as the masked autoencoder of the same name, within a factor of 1.5."""
    counts = []
    for kind in ("sparse-vit", "conv-autoencoder"):
        family, config, decoder = find_autoencoder(f"{kind}-{size}", 64)
        numbers = {"input_scale": SCALES[3], "num_outputs": 64}
        counts.append(count_parameters(build_autoencoder(family, JET, {**config, **numbers}, decoder)))
    assert 1 / 1.5 < counts[1] / counts[0] < 1.5


def test_names_and_what_does_not_go_together():
    assert {"sparse-vit-tiny", "hybrid-nano", "conv-autoencoder-tiny", "conv-vae-base"} <= set(autoencoder_names())
    assert not any(name.startswith(("pixel-hybrid", "resnet")) for name in autoencoder_names())
    with pytest.raises(ValueError, match="give features"):
        find_autoencoder("conv-vae-nano", 0)
    with pytest.raises(ValueError, match="known: cross, convolution"):
        DecoderConfig(4, kind="dense")
    with pytest.raises(ValueError, match="unknown model"):
        find_autoencoder("conv-autoencoder-huge", 4)
