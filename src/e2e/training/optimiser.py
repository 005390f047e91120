"""AdamW or Muon, a linear warm-up and a cosine after it: one optimiser for every family."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from e2e.problems import InputError
from e2e.training.muon import Muon, is_matrix
from e2e.training.recipes import Recipe

MAX_GRADIENT_NORM = 1.0
FINAL_FACTOR = 0.01  # of the peak, at the last update
MATRIX_FACTOR = 3.0  # of the rate, for what Muon moves


def make_optimiser(network: nn.Module, recipe: Recipe, updates: int) -> tuple[torch.optim.AdamW, LambdaLR]:
    """The optimiser and its schedule over that many updates. Raises InputError as `parameter_groups` does."""
    make = Muon if recipe.optimiser == "muon" else torch.optim.AdamW
    optimiser = make(parameter_groups(network, recipe), lr=recipe.learning_rate)
    warmup = round(recipe.warmup_fraction * updates)
    return optimiser, LambdaLR(optimiser, lambda update: rate_factor(update, warmup, updates))


def rate_factor(update: int, warmup: int, updates: int) -> float:
    """Of the peak, at an update: up in a line over the first `warmup`, then down in a half cosine."""
    if update < warmup:
        return (update + 1) / (warmup + 1)
    done = min((update - warmup) / max(updates - 1 - warmup, 1), 1.0)
    return FINAL_FACTOR + (1 - FINAL_FACTOR) * (1 + math.cos(math.pi * done)) / 2


def parameter_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Groups of parameters with a learning rate and a weight decay each, in an order that depends on the network alone.

    Raises InputError when the recipe wants `layer_decay` of a network that has no `layers()`.
    """
    factor = _layer_factors(network, recipe.layer_decay)
    groups: dict[tuple[float, bool, bool], dict[str, Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = _decays(name, parameter)
        is_orthogonal = recipe.optimiser == "muon" and decays and is_matrix(parameter)
        rate = factor.get(parameter, 1.0) * (MATRIX_FACTOR if is_orthogonal else 1.0)
        settings = {"lr": rate * recipe.learning_rate, "weight_decay": recipe.weight_decay if decays else 0.0}
        group = {"params": [], **settings, "is_orthogonal": is_orthogonal}
        groups.setdefault((rate, decays, is_orthogonal), group)["params"].append(parameter)
    return list(groups.values())


def _decays(name: str, parameter: nn.Parameter) -> bool:
    """Weights of products do; biases, norms, scales, learnt tokens and what stands for a place do not."""
    is_vector = parameter.ndim < 2 or (parameter.ndim > 2 and parameter.squeeze().ndim < 2)  # a head may be one row
    return name.endswith("weight") and not is_vector and "position" not in name and "pos_embed" not in name


def _layer_factors(network: nn.Module, layer_decay: float) -> dict[nn.Parameter, float]:
    """`layer_decay` for the last of `layers()`, its square for the one before, and so on; what is in none: no entry."""
    if layer_decay == 1.0:
        return {}
    find_layers = getattr(network, "layers", None)
    if not callable(find_layers):
        what = f"{type(network).__name__} has no layers() for a layer decay of {layer_decay}"
        raise InputError("train", what, "set layer_decay to 1, or choose another model")
    layers = list(find_layers())
    factors: dict[nn.Parameter, float] = {}
    for depth, layer in enumerate(layers):
        for module in [layer] if isinstance(layer, nn.Module) else layer:
            for parameter in module.parameters():
                factors.setdefault(parameter, layer_decay ** (len(layers) - depth))
    return factors
