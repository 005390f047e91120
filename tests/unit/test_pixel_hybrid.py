import numpy as np
import pytest
import torch
from torch import nn

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.contract.limits import CROP_SIZE
from e2e.models import build_model, find_model, numbers_for
from e2e.models.pixel_hybrid import PixelHybrid, PixelHybridConfig
from e2e.models.sparse_vit import Encoder
from e2e.models.views import ImageView, WindowView
from e2e.tasks import TASKS

FRAME = FrameSpec(channels=("ecal_energy", "ecal_time"), rows=13, columns=21, centre_row=6, centre_column=10)


def network_of(**numbers) -> PixelHybrid:
    torch.manual_seed(2)
    config = {"maps": (4, 6), "stages": 2, "width": 16, "depth": 1, "heads": 2, **numbers}
    return PixelHybrid(PixelHybridConfig(frame=FRAME, input_scale=(0.1, 0.1), **config)).eval()


@pytest.mark.parametrize(("stages", "size", "grid"), [(1, 4, (4, 6)), (2, 8, (2, 3))])
def test_tokens_are_the_squares_with_pixels_of_what_the_convolutions_give_for_the_whole_image(stages, size, grid):
    network = network_of(stages=stages)
    index, value, _ = map(torch.from_numpy, random_candidates(np.random.default_rng(1), FRAME, 3, 12))
    with torch.no_grad():
        tokens = network.tokens(index, value)
        image = network.view(index, network.pixels(index, value))
        for stage in network.stages:
            image = stage(image)
        dense = network.embed(image)
    assert network.token_pixels == size and network.squares.grid == dense.shape[2:] == grid
    for candidate in range(3):
        pixel = index[candidate][index[candidate] >= 0].long()
        row, column = pixel // FRAME.columns % FRAME.rows, pixel % FRAME.columns
        seen = sorted(set((row // size * grid[1] + column // size).tolist()))
        there = ~tokens.is_padding[candidate]
        assert tokens.place[candidate][there].tolist() == seen
        torch.testing.assert_close(tokens.values[candidate][there], dense[candidate].flatten(1).T[seen])


def test_the_halvings_alone_see_every_pixel_of_a_square():
    """Without what residual blocks see beyond; squares of 8 x 8 pixels, the one at (0, 1)."""
    network = network_of()
    for stage in network.stages:
        stage[1] = stage[2] = nn.Identity()  # nothing is switched off
    row, column = np.mgrid[0:8, 8:16].reshape(2, -1, 1)
    index = torch.from_numpy(row * FRAME.columns + column).float()  # a candidate for each pixel
    value = torch.ones_like(index).requires_grad_()
    tokens = network.tokens(index, value)
    assert tokens.place.tolist() == [[1]] * 64
    tokens.values.square().sum().backward()
    assert (value.grad != 0).all()


@pytest.mark.parametrize(
    "task", [task for task in TASKS.values() if task.frame.rows == CROP_SIZE], ids=lambda task: task.name
)
def test_squares_of_a_crop_are_the_patches_that_the_others_have(task):
    family, numbers = find_model("pixel-hybrid-nano")
    config = {"input_scale": list(task.input_scale), **numbers_for(family, task.network), **numbers}
    assert build_model(family, task.frame, config).token_pixels == task.network["patch"]


def test_more_stages_than_maps_are_refused():
    for stages in (0, 3):
        with pytest.raises(ValueError, match=rf"{stages} stages of maps \(4, 6\)"):
            network_of(stages=stages)


def candidates(pixels: int, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return tuple(map(torch.from_numpy, random_candidates(np.random.default_rng(seed), FRAME, 3, pixels)))


@pytest.mark.parametrize("size", [1, 8, 11, 12])
def test_a_window_shows_what_a_smaller_image_around_the_seed_would(size):
    index, value, _ = candidates(60)
    window = WindowView(FRAME, size)
    inner_index, inner_value = window(index, value)
    assert ((inner_index < 0) == (inner_value == 0)).all()
    whole = ImageView(FRAME)(index, [value])
    first = FRAME.centre_row - size // 2, FRAME.centre_column - size // 2
    cut = whole[:, :, first[0] : first[0] + size, first[1] : first[1] + size]
    torch.testing.assert_close(ImageView(window.inner)(inner_index, [inner_value]), cut)
    row, column = window.inner.centre_row, window.inner.centre_column
    assert (first[0] + row, first[1] + column) == (FRAME.centre_row, FRAME.centre_column)


def test_beyond_its_window_a_network_sees_nothing_and_within_it_everything():
    network = network_of(window=12)
    pixel = np.arange(FRAME.num_pixels, dtype=np.float32)
    value = (torch.rand(16, len(pixel)) * 20 + 0.1).requires_grad_()
    network(torch.from_numpy(pixel).expand(16, -1), value, torch.zeros(16, 2)).sum().backward()
    row, column = pixel // FRAME.columns % FRAME.rows, pixel % FRAME.columns
    is_inside = (np.abs(row - FRAME.centre_row + 0.5) < 6) & (np.abs(column - FRAME.centre_column + 0.5) < 6)
    assert (value.grad.abs().sum(dim=0) > 0).tolist() == is_inside.tolist()


def test_a_window_that_leaves_the_frame_is_refused():
    assert network_of(window=None).window.inner == FRAME
    for size in (14, 40):
        with pytest.raises(ValueError, match=rf"a window of {size} around the seed leaves 13 x 21 pixels"):
            network_of(window=size)


def test_the_maximum_is_that_of_the_tokens_alone_and_zero_of_none():
    config = network_of(has_maximum=True).config
    torch.manual_seed(3)
    encoder = Encoder(config, (2, 3))
    attended = -1 - torch.rand(2, encoder.num_prefix + 4, config.width)  # below zero, as padding must not be
    is_padding = torch.tensor([[False, False, True, True], [True] * 4])
    summary = encoder.summary(attended, is_padding)
    tokens = attended[0, encoder.num_prefix :][:2]
    expected = torch.cat((attended[0, 0], tokens.mean(dim=0), tokens.amax(dim=0)))
    torch.testing.assert_close(summary[0], expected)
    torch.testing.assert_close(summary[1], torch.cat((attended[1, 0], torch.zeros(2 * config.width))))
    assert summary.shape[1] == config.summary_width
