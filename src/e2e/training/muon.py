"""Muon for the matrices of hidden layers, AdamW for everything else, as one optimiser.

Source: Jordan et al., https://kellerjordan.github.io/posts/muon; one scale for both: Liu et al., arXiv:2502.16982. Not
`torch.optim.Muon`, which takes each matrix alone, in a bfloat16 that many processors only emulate: decision 18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
POLYNOMIAL = 3.4445, -4.7750, 2.0315  # of the singular values, x -> a x + b x^3 + c x^5: five times bring them near 1
ITERATIONS = 5
ADAMW_RMS = 0.2  # the root mean square of a number's change in AdamW, in learning rates
MIN_SIDE = 8  # of a matrix; heads have fewer rows


class Muon(torch.optim.AdamW):
    """Groups with `is_orthogonal` are moved along the momentum made orthogonal, the others by AdamW."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(groups, lr=lr)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()  # before any group is hidden: it sets the gradients of all to zero and makes new ones
        everything = self.param_groups
        self.param_groups = [group for group in everything if not group["is_orthogonal"]]
        try:
            super().step()
        finally:
            self.param_groups = everything
        for group in everything:
            if group["is_orthogonal"]:
                self._move(group)
        return loss

    def _move(self, group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[nn.Parameter]] = {}
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike.setdefault(parameter.shape, []).append(parameter)
        for parameters in alike.values():
            wanted = orthogonal(torch.stack([self._direction(parameter) for parameter in parameters]))
            scale = group["lr"] * ADAMW_RMS * max(wanted.shape[1:]) ** 0.5
            for parameter, change in zip(parameters, wanted.unbind(), strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(change, alpha=scale)

    def _direction(self, parameter: nn.Parameter) -> Tensor:
        """The gradient with what is left of earlier ones, after Nesterov."""
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
            state["step"] = torch.zeros(())  # AdamW loads no state without one
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(momentum, MOMENTUM)


def orthogonal(matrices: Tensor) -> Tensor:
    """(number, rows, columns) -> the same singular vectors with singular values of 0.7 to 1.2, zeros staying zeros."""
    a, b, c = POLYNOMIAL
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-12)  # so that no singular value is above 1
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


def is_matrix(parameter: nn.Parameter) -> bool:
    """Whether it mixes many numbers into many, as heads do not. Convolutions stay with AdamW: decision 18."""
    return parameter.ndim == 2 and min(parameter.shape) >= MIN_SIDE
