"""What is hidden stays hidden and costs nothing; what is asked is unbiased; what is answered can be drawn again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.models.autoencoder import build_autoencoder
from e2e.models.base import signed_exp, signed_log
from e2e.models.decoders import DecoderConfig, Patches, one_for_each_tower
from e2e.models.reconstruction import LossWeights, ReconstructionLoss
from e2e.models.views import ImageView, PatchView
from e2e.tasks import TASKS
from e2e.training.augment import Pixels
from e2e.training.masking import KINDS, Masking, hide

FRAME = FrameSpec(channels=("ecal_energy", "ecal_time"))
JET = TASKS["quark-gluon"].frame
SCALES = {2: (0.05, 0.1), 3: TASKS["quark-gluon"].input_scale}
SMALL = {"width": 16, "depth": 1, "heads": 2}
ENCODERS = {"sparse-vit": {"patch": 4, **SMALL}, "hybrid": {"stem_patch": 2, "merge": 2, "stem_width": 8, **SMALL}}


def pixels_of(frame: FrameSpec = FRAME, batch: int = 5, pixels: int = 80, seed: int = 1) -> Pixels:
    packed = random_candidates(np.random.default_rng(seed), frame, batch, pixels)
    return Pixels(*map(torch.from_numpy, packed))


def network_of(family: str = "sparse-vit", features: int = 0, frame: FrameSpec = FRAME, **numbers):
    torch.manual_seed(2)
    config = {
        **ENCODERS[family],
        **numbers,
        "input_scale": SCALES[len(frame.channels)],
        "num_outputs": max(features, 1),
    }
    return build_autoencoder(family, frame, config, DecoderConfig(features, width=16, depth=1, heads=2)).eval()


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- masking


def dense(pixels: Pixels, frame: FrameSpec = FRAME) -> torch.Tensor:
    return ImageView(frame)(pixels.pixel_index, [(pixels.pixel_index >= 0).float()])


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    ratio=st.floats(0, 0.99),
    empties=st.floats(0.1, 20),
    pixels=st.integers(0, 300),
    asks_all=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_what_is_hidden_and_what_is_asked(kind, ratio, empties, pixels, asks_all, seed):
    view, whole = PatchView(FRAME, 4), pixels_of(pixels=pixels, seed=seed)
    asked = hide(whole, view, Masking(kind, ratio, empties), generator(seed), asks_all=asks_all)
    cells = dense(whole).reshape(-1, 2, 8, 4, 8, 4).amax(dim=(3, 5)).flatten(2).transpose(1, 2)  # (batch, 64, channels)
    left = dense(asked.visible).reshape(-1, 2, 8, 4, 8, 4).amax(dim=(3, 5)).flatten(2).transpose(1, 2)
    is_occupied = cells.amax(dim=2) > 0
    count = is_occupied.sum(dim=1)
    assert (left <= cells).all()
    assert torch.equal(dense(asked.visible) > 0, (dense(whole) > 0) & (dense(asked.visible) > 0))

    weight = torch.zeros(len(cells), 65, 2).scatter(1, asked.place[:, :, None].expand_as(asked.weight), asked.weight)
    weight = weight[:, :64]
    if kind != "channel":
        hidden = ((cells.amax(dim=2) > 0) & (left.amax(dim=2) == 0)).sum(dim=1)
        assert torch.equal(hidden, (ratio * count).long())
    if asks_all:
        assert (weight[is_occupied] == 1).all()
    else:
        assert ((weight[is_occupied] > 0) | (left == cells)[is_occupied]).all(), "hidden, and not asked for"
        assert (weight[(left > 0) & is_occupied[:, :, None]] == 0).all(), "visible, and asked for"
    of_empties = (weight[:, :, 0] * ~is_occupied).sum(dim=1)
    share = 1.0 if asks_all else ratio
    torch.testing.assert_close(of_empties, share * (64.0 - count))  # they stand for all of them


def test_what_is_hidden_depends_on_the_generator_alone():
    view, whole = PatchView(FRAME, 4), pixels_of()
    for kind in KINDS:
        one, same, other = (hide(whole, view, Masking(kind, 0.5), generator(seed)) for seed in (1, 1, 2))
        assert torch.equal(one.visible.pixel_index, same.visible.pixel_index) and torch.equal(one.place, same.place)
        assert not torch.equal(one.visible.pixel_index, other.visible.pixel_index)


def test_a_block_is_one_piece_and_random_patches_are_not():
    view = PatchView(FRAME, 4)
    index = torch.arange(1024.0).expand(50, -1)
    full = Pixels(index, torch.ones_like(index), torch.zeros(50, 2))

    def spread(kind: str) -> float:
        hidden = (
            dense(full)[:, 0, ::4, ::4]
            - dense(hide(full, view, Masking(kind, 0.25), generator()).visible)[:, 0, ::4, ::4]
        )
        return float(torch.stack([patch.nonzero().float().var(dim=0).sum() for patch in hidden]).mean())

    assert spread("block") < 0.5 * spread("random")


def test_something_is_left_at_any_ratio():
    index = torch.arange(1024.0).expand(2, -1)
    full = Pixels(index, torch.ones_like(index), torch.zeros(2, 2))
    for kind in ("random", "block"):  # of channels an empty one may be what is left
        visible = hide(full, PatchView(FRAME, 4), Masking(kind, 0.99999999), generator()).visible
        assert ((visible.pixel_index >= 0).sum(dim=1) > 0).all()


@pytest.mark.parametrize(
    ("number", "message"),
    [({"ratio": 1.0}, "less than 1"), ({"kind": "all"}, "known: random"), ({"empties": 0}, "more than 0")],
)
def test_a_masking_that_cannot_be(number, message):
    with pytest.raises(ValueError, match=message):
        Masking(**number)


# ---- the network


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("features", [0, 7])
def test_hidden_pixels_are_no_tokens_and_cannot_be_seen(family, features):
    network, whole = network_of(family, features), pixels_of(pixels=200)
    asked = hide(whole, network.view, Masking(ratio=0.75), generator())
    tokens = [
        int((~network.backbone.tokens(*pixels[:2]).is_padding).sum(dim=1).max()) for pixels in (whole, asked.visible)
    ]
    assert tokens[1] == tokens[0] - int(0.75 * tokens[0])
    is_hidden = torch.stack(
        [~torch.isin(*rows) for rows in zip(whole.pixel_index, asked.visible.pixel_index, strict=True)]
    )
    assert is_hidden.any() and not is_hidden.all()
    changed = whole._replace(pixel_value=torch.where(is_hidden, 99.0, whole.pixel_value))
    again = hide(changed, network.view, Masking(ratio=0.75), generator())
    for one, other in zip(
        network(*asked.visible, asked.place)[:2], network(*again.visible, again.place)[:2], strict=True
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("features", [0, 7])
def test_what_is_answered_for_a_place_does_not_depend_on_what_else_is_asked(features):
    network, whole = network_of(features=features), pixels_of()
    place = torch.arange(64).expand(5, -1)
    apart = network(*whole, place[:, 10:13])
    for one, other in zip(network(*whole, place)[:2], apart[:2], strict=True):
        torch.testing.assert_close(one[:, 10:13], other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ENCODERS)
def test_the_truth_is_that_of_the_dense_image(family):
    network, whole = network_of(family), pixels_of()
    place = torch.arange(65).expand(5, -1)
    truth = network.truth(whole.pixel_index, whole.pixel_value, place)
    assert not truth.occupancy[:, 64].any() and not truth.logarithm[:, 64].any()
    value = ImageView(FRAME)(whole.pixel_index, [whole.pixel_value])
    image = network.view.join(truth.occupancy[:, :64])
    assert torch.equal(image, dense(whole))
    back = network.view.join(signed_exp(truth.logarithm[:, :64])) / network.scale[:, None, None]
    torch.testing.assert_close(back, value, rtol=1e-4, atol=1e-5)


def test_an_image_is_read_from_the_vector_alone():
    network, whole = network_of(features=7), pixels_of()
    vector = network.vector(*whole)
    assert vector.shape == (5, 7)
    probability, value = network.image(vector)
    assert probability.shape == value.shape == (5, *FRAME.shape)
    predicted = network(*whole, torch.arange(64).expand(5, -1))
    torch.testing.assert_close(network.view.join(torch.sigmoid(predicted.occupancy)), probability)
    assert torch.isfinite(value).all()


def test_a_frame_that_patches_overhang_is_cut():
    network = network_of("hybrid", 4, JET, stem_patch=5)
    probability, _ = network.image(torch.zeros(1, 4))
    assert network.view.grid == (13, 13)
    assert probability.shape == (1, 3, 125, 125)


def test_a_tower_has_one_answer():
    network = network_of(features=4, frame=JET, patch=5)
    probability, value = network.image(torch.randn(2, 4))
    for image in (probability, value):
        towers = image[:, 2].reshape(2, 25, 5, 25, 5).transpose(2, 3).flatten(3)
        assert (towers == towers[..., :1]).all()
        crystals = image[:, 1].reshape(2, 25, 5, 25, 5).transpose(2, 3).flatten(3)
        assert not (crystals == crystals[..., :1]).all()
    assert one_for_each_tower(JET, 5).max() == 50
    assert one_for_each_tower(JET, 10).max() == 203
    assert one_for_each_tower(JET, 4).max() == 47  # towers are not aligned with the patches


def test_logarithms_have_an_inverse():
    value = torch.tensor([-300.0, -0.01, 0.0, 1e-4, 2.0, 1000.0])
    torch.testing.assert_close(signed_exp(signed_log(value)), value, rtol=1e-4, atol=1e-7)


# ---- the loss


def losses(change) -> list[float]:
    network, whole = network_of(frame=JET, patch=5), pixels_of(JET, pixels=400)
    place = torch.arange(625).expand(5, -1)
    truth = network.truth(whole.pixel_index, whole.pixel_value, place)
    perfect = Patches(40.0 * (2 * truth.occupancy - 1), truth.logarithm)
    loss = ReconstructionLoss(JET, 5)
    return [float(term) for term in loss(change(perfect, truth), truth, torch.ones(5, 625, 3))]


def test_the_truth_has_no_loss_and_each_term_its_own():
    perfect = losses(lambda found, _: found)
    assert max(perfect) < 1e-4
    wrong_size = losses(lambda found, _: found._replace(logarithm=found.logarithm + 2.0))
    assert wrong_size[0] < 1e-4 and abs(wrong_size[1] - 1.5) < 1e-3 and wrong_size[2] > 1  # Huber: 2 - 0.5
    nothing = losses(lambda found, _: found._replace(occupancy=torch.full_like(found.occupancy, -5.0)))
    assert nothing[0] > 4 and nothing[1] < 1e-4 and nothing[2] > 0.1
    haze = losses(lambda found, truth: found._replace(occupancy=found.occupancy + 38.0 * (1 - truth.occupancy)))
    assert haze[0] > 1 and haze[1] < 1e-4


def test_energy_at_another_place_is_wrong_by_as_much_as_it_is():
    """One tenth of the energy, and nine tenths; the same pixels, the same sum."""
    loss, value = ReconstructionLoss(FRAME, 4), torch.zeros(2, 3, 32)
    value[:, :, 0] = torch.tensor([[9.0, 1.0, 1.0], [1.0, 9.0, 9.0]])
    found = value.clone()
    found[0, 0, 0], found[0, 1, 0], found[1, 1, 0], found[1, 2, 0] = 8.0, 2.0, 17.0, 1.0
    occupancy = (value > 0).float()
    truth = Patches(occupancy, signed_log(value))
    sure = Patches(40.0 * (2 * occupancy - 1), signed_log(found))
    terms = loss(sure, truth, torch.ones(2, 3, 2))
    expected = [
        sum(float(true * torch.log(true / other)) for true, other in zip(value[k, :, 0], found[k, :, 0], strict=True))
        for k in range(2)
    ]
    sums = value.sum(dim=(1, 2)) + 0.01  # so that nothing is no infinity
    assert float(terms.energies) == pytest.approx(
        sum(e / float(s) for e, s in zip(expected, sums, strict=True)) / 2, rel=1e-3
    )


def test_what_has_no_weight_has_no_loss_and_no_gradient():
    network, whole = network_of(frame=JET, patch=5), pixels_of(JET)
    place = torch.arange(625).expand(5, -1)
    truth = network.truth(whole.pixel_index, whole.pixel_value, place)
    found = Patches(*(torch.randn(5, 625, 75, requires_grad=True) for _ in range(2)))
    weight = torch.zeros(5, 625, 3)
    weight[:, :10, 1] = 1.0
    loss = ReconstructionLoss(JET, 5, LossWeights(1.0, 2.0, 3.0))
    loss.total(loss(found, truth, weight)).backward()
    for part in found[:2]:
        gradient = part.grad.reshape(5, 625, 3, 25)
        assert not gradient[:, 10:].any() and not gradient[:, :, [0, 2]].any()
    assert found.occupancy.grad.any()


@pytest.mark.parametrize("channel", [0, 1])
def test_a_wild_guess_has_a_loss_and_gradients_that_are_finite(channel):
    loss = ReconstructionLoss(FRAME, 4)
    logarithm = torch.zeros(1, 2, 32)
    logarithm[0, 0, 16 * channel] = -100.0
    logarithm.requires_grad_()
    occupancy = torch.zeros(1, 2, 32, requires_grad=True)
    truth = Patches(torch.zeros(1, 2, 32), torch.zeros(1, 2, 32))
    total = loss.total(loss(Patches(occupancy, logarithm), truth, torch.ones(1, 2, 2)))
    total.backward()
    assert torch.isfinite(total)
    assert torch.isfinite(occupancy.grad).all() and torch.isfinite(logarithm.grad).all()


def test_a_batch_without_pixels_teaches_nothing_of_their_places():
    nothing = Patches(torch.zeros(2, 64, 32), torch.zeros(2, 64, 32))
    guess = Patches(torch.full((2, 64, 32), -3.0), torch.zeros(2, 64, 32))
    terms = ReconstructionLoss(FRAME, 4)(guess, nothing, torch.ones(2, 64, 2))
    assert [float(term) for term in terms] == [0, 0, 0, 0]


def test_an_encoder_must_give_the_features():
    config = {**ENCODERS["sparse-vit"], "input_scale": SCALES[2]}
    for family, changes, message in (
        ("sparse-vit", {"num_outputs": 2}, "2 outputs of the encoder for 3 features"),
        ("resnet15", {"num_outputs": 3}, "no encoder 'resnet15'"),
        ("sparse-vit", {"num_outputs": 3, "nonsense": 1}, "nonsense"),
    ):
        with pytest.raises(ValueError, match=message):
            build_autoencoder(family, FRAME, {**config, **changes}, DecoderConfig(3))


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("features", [0, 7])
def test_every_parameter_that_is_used_learns(family, features):
    network, whole = network_of(family, features), pixels_of(pixels=300)
    asked = hide(whole, network.view, Masking(ratio=0.5), generator(), asks_all=bool(features))
    loss = ReconstructionLoss(FRAME, network.view.patch)
    terms = loss(network(*asked.visible, asked.place), network.truth(*whole[:2], asked.place), asked.weight)
    loss.total(terms).backward()
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert still == ([] if features else ["backbone.head.weight", "backbone.head.bias"])
