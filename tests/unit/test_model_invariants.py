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
from e2e.models import MODELS, ModelConfig, build_model, describe_config, find_model, model_names, numbers_for
from e2e.models.base import PixelEnergies, PixelFeatures
from e2e.models.graph import LAYERS
from e2e.models.views import ParticleView
from e2e.tasks import TASKS

SMALLEST = [name for name in model_names() if name == "resnet15" or name.endswith("-nano")]
GRAPHS = [f"{layer}-nano" for layer in LAYERS]
OURS = [name for name in SMALLEST if name.startswith(("sparse", "hybrid", "pixel", "particle")) or name in GRAPHS]
WITH_MAXIMUM = ("sparse-vit-nano", "hybrid-nano", "pixel-hybrid-nano")  # may read it beside the mean
TASK = TASKS["electron-photon"]
FRAME = FrameSpec(channels=("ecal_energy", "ecal_time"))


def build(name: str, frame: FrameSpec = FRAME, **numbers):
    """Untrained, but with every parameter away from where it begins, so that nothing is switched off."""
    family, config = find_model(name)
    scale = {"input_scale": [0.04, 0.1, 1.0][: len(frame.channels)]}
    torch.manual_seed(4)
    network = build_model(
        family, frame, {**scale, **numbers_for(family, {"patch": 4, "stages": 1, **numbers}), **config}
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


@pytest.fixture(scope="module", params=[*SMALLEST, *(f"{name} with maximum" for name in WITH_MAXIMUM)])
def network(request):
    name, _, maximum = request.param.partition(" with ")
    return build(name, sees_phi=False, has_maximum=bool(maximum))


def answer(network, packed: Packed) -> torch.Tensor:
    with torch.no_grad():
        return network(*map(torch.from_numpy, packed))


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-5)


def sample(batch: int = 6, pixels: int = 50, seed: int = 1) -> Packed:
    return random_candidates(np.random.default_rng(seed), FRAME, batch, pixels)


def test_every_pixel_receives_gradient(network):
    """The networks of particles look at the brightest places alone, and say how many (`max_particles`)."""
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


@pytest.mark.parametrize("name", OURS)
def test_no_candidate_at_all_gives_no_answer(name):
    """The library's networks do not take a batch of none; nobody asks them (`predict` has no such batch)."""
    nothing = np.zeros((0, 5), dtype=np.float32)
    assert answer(build(name), Packed(nothing, nothing, nothing[:, :2])).shape == (0, 1)


def test_training_has_no_randomness_of_its_own(network):
    """All kinds are trained alike: what is random is in the recipe."""
    inputs = [torch.from_numpy(values) for values in sample()]
    network.train()
    with torch.no_grad():
        torch.testing.assert_close(network(*inputs), network(*inputs), rtol=0, atol=0)
    network.eval()


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


def test_particles_are_ranked_by_energy_whatever_else_is_at_their_place():
    frame = TASKS["top"].frame
    config = ModelConfig(frame, TASKS["top"].input_scale, features=("value", "log"))
    size = frame.rows * frame.columns
    channel = {name: frame.channels.index(name) * size for name in frame.channels}
    index = torch.tensor([[channel["track_d0"] + 5.0, channel["ecal_energy"] + 9, channel["hcal_energy"] + 5, -1.0]])
    value = torch.tensor([[3.0, 30.0, 1.0, 0.0]])
    view = ParticleView(frame, 2, max_particles=4)
    particles = view(index, PixelFeatures(config)(index, value), PixelEnergies(config)(index, value))
    scale = dict(zip(frame.channels, TASKS["top"].input_scale, strict=True))
    expected = sorted(((30 * scale["ecal_energy"], 9), (scale["hcal_energy"], 5)), reverse=True)
    torch.testing.assert_close(particles.energy[0, :2], torch.tensor([energy for energy, _ in expected]))
    assert (particles.column[0, :2] + frame.centre_column).tolist() == [place for _, place in expected]
    assert particles.is_padding.tolist() == [[False, False, True, True]] and not particles.features[0, 2:].any()
    at_five = particles.features[0, [place for _, place in expected].index(5)]
    assert (at_five[: 2 * len(frame.channels)] != 0).sum() == 4  # d0 and HCAL, two features each


@pytest.mark.parametrize("name", OURS)
def test_networks_of_sparse_views_export_as_they_are(name):
    """Not only after the exporter has tried another way; on a frame of three channels."""
    task = TASKS["quark-gluon"]
    network = build(name, task.frame, **task.network)
    batch, pixels = torch.export.Dim("batch"), torch.export.Dim("pixels")
    packed = random_candidates(np.random.default_rng(1), task.frame, 3, 60)
    program = torch.export.export(
        network,
        tuple(map(torch.from_numpy, packed)),
        dynamic_shapes=({0: batch, 1: pixels}, {0: batch, 1: pixels}, {0: batch}),
        strict=False,
    )
    other = random_candidates(np.random.default_rng(2), task.frame, 5, 200)
    same(program.module()(*map(torch.from_numpy, other)), answer(network, other))
