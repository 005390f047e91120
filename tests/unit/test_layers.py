"""The transformer's parts, each against what it promises."""

import pytest
import torch

from e2e.models.layers import Attention, Block, BlockConfig, SwiGLU, padding_mask, rotary_angles, rotate

CONFIG = BlockConfig(width=16, heads=2)


def test_a_token_of_padding_is_never_looked_at():
    torch.manual_seed(1)
    attention, x = Attention(CONFIG), torch.randn(2, 5, 16)
    is_padding = torch.tensor([[False] * 3 + [True] * 2, [False] * 5])
    mask = padding_mask(is_padding)
    other = torch.where(is_padding[..., None], 99.0, x)
    torch.testing.assert_close(attention(x, mask)[~is_padding], attention(other, mask)[~is_padding])
    torch.testing.assert_close(attention(x, mask)[0, :3], attention(x[:1, :3], None)[0])


def test_rotary_scores_depend_on_how_far_two_tokens_are_apart():
    torch.manual_seed(2)
    grid = (9, 7)
    angles = rotary_angles(grid, 16)
    assert angles.shape == (64, 8) and not angles[-1].any()
    q, k = torch.randn(2, 16)

    def score(first: tuple[int, int], second: tuple[int, int]) -> torch.Tensor:
        return rotate(q, angles[first[0] * 7 + first[1]]) @ rotate(k, angles[second[0] * 7 + second[1]])

    torch.testing.assert_close(score((1, 2), (4, 3)), score((5, 5), (8, 6)))
    assert not torch.isclose(score((1, 2), (4, 3)), score((1, 2), (3, 4)))
    torch.testing.assert_close(rotate(q, angles[17]).norm(), q.norm())


@pytest.mark.parametrize("norm", ["rms", "layer"])
@pytest.mark.parametrize("mlp", ["gelu", "swiglu"])
@pytest.mark.parametrize("has_qk_norm", [True, False])
def test_a_small_layer_scale_begins_near_the_identity(norm, mlp, has_qk_norm):
    torch.manual_seed(3)
    config = BlockConfig(16, 2, norm=norm, mlp=mlp, has_qk_norm=has_qk_norm, layer_scale=1e-4)
    x = torch.randn(2, 4, 16)
    assert (Block(config)(x, None) - x).abs().max() < 1e-2


def test_swiglu_costs_what_a_plain_layer_does():
    plain = 2 * 24 * 96
    assert abs(sum(p.numel() for p in SwiGLU(24, 96).parameters() if p.ndim == 2) - plain) < 0.02 * plain


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ValueError, match="16 is not shared evenly by 3 heads"):
        Attention(BlockConfig(16, 3))
