"""What must hold of every network, whatever its weights are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.detector.detid import pack_eb
from e2e.detector.grids import barrel_crystal
from e2e.events.record import Table
from e2e.frames import Packed, Seeds, native
from e2e.models import MODELS, build_model, describe_config, find_model, model_names, numbers_for
from e2e.tasks import TASKS

SMALLEST = [name for name in model_names() if name == "resnet15" or name.endswith("-nano")]
TASK = TASKS["electron-photon"]
FRAME = FrameSpec(channels=("ecal_energy", "ecal_time"))


def build(name: str, frame: FrameSpec = FRAME, **numbers):
    """Untrained, but with every parameter away from where it begins, so that nothing is switched off."""
    family, config = find_model(name)
    scale = {"input_scale": [0.04, 0.1, 1.0][: len(frame.channels)]}
    torch.manual_seed(4)
    network = build_model(family, frame, {**scale, **numbers_for(family, {"patch": 4, **numbers}), **config})
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


@pytest.fixture(scope="module", params=SMALLEST)
def network(request):
    return build(request.param, sees_phi=False)


def answer(network, packed: Packed) -> torch.Tensor:
    with torch.no_grad():
        return network(*map(torch.from_numpy, packed))


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


def sample(batch: int = 6, pixels: int = 50, seed: int = 1) -> Packed:
    return random_candidates(np.random.default_rng(seed), FRAME, batch, pixels)


def test_every_pixel_receives_gradient(network):
    """The networks of particles look at the brightest pixels alone, and say how many (`max_particles`)."""
    packed = random_candidates(np.random.default_rng(3), FRAME, 1, 40, is_full=True)
    index, seed = (torch.from_numpy(np.repeat(values, 16, axis=0)) for values in (packed.pixel_index, packed.seed))
    value = (torch.rand(16, 40) * 20 + 0.1).requires_grad_()
    network(index, value, seed).sum().backward()
    assert (value.grad.abs().sum(dim=0) > 0).all()


def test_padding_order_and_company_of_other_candidates_leave_the_answer_alone(network):
    packed = sample()
    whole = answer(network, packed)
    rng = np.random.default_rng(5)
    order = np.argsort(rng.random(packed.pixel_index.shape), axis=1)  # padding goes anywhere
    shuffled = [np.take_along_axis(values, order, axis=1) for values in packed[:2]]
    same(answer(network, Packed(*shuffled, packed.seed)), whole)
    longer = [np.pad(v, ((0, 0), (0, 13)), constant_values=fill) for v, fill in zip(packed[:2], (-1, 0), strict=True)]
    same(answer(network, Packed(*longer, packed.seed)), whole)
    apart = [answer(network, Packed(*(values[i : i + 1] for values in packed))) for i in range(len(packed.seed))]
    same(torch.cat(apart), whole)


@pytest.mark.parametrize("pixels", [0, 1, 9])
def test_an_empty_candidate_gives_a_finite_answer(network, pixels):
    index = np.full((2, pixels), -1, dtype=np.float32)
    found = answer(network, Packed(index, np.zeros_like(index), np.zeros((2, 2), dtype=np.float32)))
    assert found.shape == (2, 1) and torch.isfinite(found).all()
    same(found[0], found[1])


def test_turning_an_event_about_the_beam_leaves_the_answer_alone(network):
    """By whole crystals, over the seam of phi."""
    rng = np.random.default_rng(7)
    row, column = 80 + rng.integers(-12, 12, 60), rng.integers(-12, 12, 60)
    pixel = np.unique(row * 360 + column % 360)
    energy, time = (rng.uniform(0.5, 20, len(pixel)).astype(np.float32) for _ in "et")

    def turned(shift: int) -> torch.Tensor:
        rows, columns = np.divmod(pixel, 360)
        detid = pack_eb(*barrel_crystal(rows, (columns + shift) % 360))
        hits = Table.from_counts([len(detid)], {"detid": detid, "energy": energy, "time": time})
        seeds = Seeds.from_columns([0], [80], [shift % 360], [1.0])
        return answer(network, native.build_candidates(hits, FRAME, seeds).pack())

    for shift in (1, 7, 180, 355):
        same(turned(shift), turned(0))


@pytest.mark.parametrize("name", [name for name in model_names() if not name.endswith("-base")])  # large, the same code
def test_numbers_describe_a_network(name):
    """They go into a contract as JSON and come back as the same network."""
    frame = TASKS["quark-gluon"].frame
    network = build(name, frame, **{**TASKS["quark-gluon"].network})
    family = next(family for family, (_, kind) in MODELS.items() if type(network) is kind)
    again = build_model(family, frame, describe_config(network.config))
    again.load_state_dict(network.state_dict())


def test_an_unknown_name_or_number_is_refused():
    with pytest.raises(ValueError, match=r"unknown model 'sparse-vit'; known: .*sparse-vit-nano"):
        find_model("sparse-vit")
    with pytest.raises(ValueError, match=r"sparse-vit: .*unexpected keyword argument 'maps'"):
        build_model("sparse-vit", FRAME, {"input_scale": [1, 1], "maps": 4})
    with pytest.raises(ValueError, match="1 input scales for channels"):
        build_model("sparse-vit", FRAME, {"input_scale": [1]})
