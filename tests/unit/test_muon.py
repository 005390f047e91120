"""The optimiser that moves matrices along orthogonal directions: which, how far, and beside PyTorch's own."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from e2e.models import build_model, find_model, numbers_for
from e2e.tasks import TASKS
from e2e.training.muon import ADAMW_RMS, Muon, orthogonal
from e2e.training.optimiser import MATRIX_FACTOR, make_optimiser, parameter_groups
from e2e.training.recipes import RECIPES

RECIPE = replace(RECIPES["electron-photon"], optimiser="muon", learning_rate=0.01, weight_decay=0.02)


def network_of(name):
    family, config = find_model(name)
    task = TASKS["electron-photon"]
    scales = {"input_scale": list(task.scales_of(task.frame))}
    return build_model(family, task.frame, {**scales, **numbers_for(family, task.network), **config})


def orthogonal_names(network):
    names = {parameter: name for name, parameter in network.named_parameters()}
    groups = parameter_groups(network, RECIPE)
    assert {names[p] for group in groups for p in group["params"]} == set(names.values())
    assert all(g["lr"] == 0.01 * (MATRIX_FACTOR if g["is_orthogonal"] else 1) for g in groups)
    return {names[p] for group in groups if group["is_orthogonal"] for p in group["params"]}


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_singular_values_come_near_one_and_directions_stay(rows, columns, seed):
    matrices = torch.randn(3, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = left.mT @ orthogonal(matrices) @ right.mT
    found = turned.diagonal(dim1=1, dim2=2)
    np.testing.assert_allclose(turned, torch.diag_embed(found), atol=1e-8)
    # what is smaller is lifted, but not up to the plateau
    is_large = values > 0.02 * matrices.norm(dim=(1, 2))[:, None]
    assert ((found > 0.6) & (found < 1.3))[is_large].all()
    assert (found > -1e-9).all() and (found < 1.3).all()


def test_nothing_to_learn_moves_nothing():
    assert (orthogonal(torch.zeros(2, 9, 12)) == 0).all()


def test_matrices_are_moved_so_and_nothing_else():
    assert orthogonal_names(network_of("resnet15")) == set()  # convolutions and a head
    of_transformer = orthogonal_names(network_of("sparse-vit-nano"))
    assert {"embed.weight", "encoder.blocks.0.attention.qkv.weight"} <= of_transformer
    assert not [name for name in of_transformer if "head" in name or "position" in name or "norm" in name]


def test_it_is_pytorchs_own_where_that_can_do_it():
    """To what bfloat16 leaves of it."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this PyTorch has no Muon")
    torch.manual_seed(1)
    ours = nn.Sequential(nn.Linear(16, 32, bias=False), nn.GELU(), nn.Linear(32, 16, bias=False))
    theirs = copy.deepcopy(ours)
    begun = copy.deepcopy(ours)
    groups = [{"params": list(ours.parameters()), "lr": 0.02, "weight_decay": 0.1, "is_orthogonal": True}]
    pair = (
        (ours, Muon(groups, lr=0.02)),
        (
            theirs,
            torch.optim.Muon(theirs.parameters(), lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        ),
    )
    for step in range(20):
        x = torch.randn(64, 16, generator=torch.Generator().manual_seed(step))
        for network, optimiser in pair:
            optimiser.zero_grad()
            (network(x) - x.flip(1)).square().mean().backward()
            optimiser.step()
    for mine, other, first in zip(ours.parameters(), theirs.parameters(), begun.parameters(), strict=True):
        assert (mine - other).norm() < 0.03 * (mine - first).norm()


def test_others_are_moved_as_adamw_moves_them():
    torch.manual_seed(2)
    network = nn.Linear(9, 12)
    twin = copy.deepcopy(network)
    muon = Muon(
        [
            {"params": [network.weight], "is_orthogonal": True, "weight_decay": 0.0},
            {"params": [network.bias], "is_orthogonal": False, "weight_decay": 0.3},
        ],
        lr=0.01,
    )
    adamw = torch.optim.AdamW([twin.bias], lr=0.01, weight_decay=0.3)
    gradients = torch.randn(4, 12, generator=torch.Generator().manual_seed(3))
    for gradient in gradients:
        network.weight.grad, network.bias.grad, twin.bias.grad = torch.ones(12, 9), gradient.clone(), gradient.clone()
        before = network.weight.detach().clone()
        muon.step()
        adamw.step()
        change = (network.weight - before).square().mean().sqrt().item()
        assert change == pytest.approx(0.01 * ADAMW_RMS / 3, rel=0.35)  # of rank one: 12 x 9 numbers share a direction
    assert torch.equal(network.bias, twin.bias)
    assert set(muon.state[network.weight]) == {"step", "momentum"}


def test_a_state_that_is_loaded_goes_on_the_same_way():
    def trained(network, optimiser, steps):
        for step in steps:
            x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))
            optimiser.zero_grad()
            network(x).square().sum().backward()
            optimiser.step()

    def fresh():
        torch.manual_seed(4)
        network = nn.Sequential(nn.Linear(6, 20), nn.Linear(20, 10), nn.Linear(10, 1))
        return network, make_optimiser(network, RECIPE, 10)[0]

    whole, of_whole = fresh()
    trained(whole, of_whole, range(6))
    first, of_first = fresh()
    trained(first, of_first, range(3))
    second, of_second = fresh()
    second.load_state_dict(first.state_dict())
    of_second.load_state_dict(copy.deepcopy(of_first.state_dict()))
    trained(second, of_second, range(3, 6))
    for mine, other in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_a_closure_makes_the_gradients_of_all_anew():
    """As Lightning calls it: zero_grad, forward and backward happen inside of `step`."""

    def trained(by_closure):
        torch.manual_seed(6)
        network = nn.Sequential(nn.Linear(6, 20), nn.Linear(20, 10), nn.Linear(10, 1))
        optimiser, _ = make_optimiser(network, RECIPE, 10)
        for step in range(3):
            x = torch.randn(8, 6, generator=torch.Generator().manual_seed(step))

            def closure(x=x):
                optimiser.zero_grad()
                loss = network(x).square().sum()
                loss.backward()
                return loss

            if by_closure:
                assert optimiser.step(closure) > 0
            else:
                closure()
                optimiser.step()
        return network.state_dict()

    one, other = trained(by_closure=True), trained(by_closure=False)
    assert all(torch.equal(one[name], other[name]) for name in one)
