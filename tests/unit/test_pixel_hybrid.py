import numpy as np
import pytest
import torch

from e2e.bundles.parity import random_candidates
from e2e.contract import FrameSpec
from e2e.models.pixel_hybrid import PixelHybrid, PixelHybridConfig

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


@pytest.mark.parametrize("corner", [(0, 0), (0, 7), (7, 0), (7, 7)])
def test_a_square_sees_each_of_its_pixels(corner):
    """No convolution reaches past a square without reaching its corners."""
    network = network_of()
    row, column = corner
    index = torch.tensor([[float(row * FRAME.columns + column)]])

    def first_token(value: float) -> torch.Tensor:
        with torch.no_grad():
            return network.tokens(index, torch.tensor([[value]])).values[0, 0]

    assert not torch.allclose(first_token(1.0), first_token(2.0), atol=1e-6)


def test_more_stages_than_maps_are_refused():
    for stages in (0, 3):
        with pytest.raises(ValueError, match=rf"{stages} stages of maps \(4, 6\)"):
            network_of(stages=stages)
