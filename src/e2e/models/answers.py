"""What the raw numbers of a network mean: the loss that teaches them, and the final numbers a bundle gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from e2e.contract.answers import INTERVAL_KINDS, QUANTILES, AnswerConfig

_LEAST_WIDTH = 1e-3  # of a Gaussian, in units of the scale
_LEAST_LOGARITHM, _LARGEST_LOGARITHM = -10.0, 5.0  # of a relative answer: the number stays one


class Answer(nn.Module):
    """Raw numbers (batch, num_raw) -> final ones (batch, suffixes): a probability; or a quantity in its unit, where it
    has an interval beside the lower and the upper end and 1.0 where the answer reaches out of the trained range."""

    excess_at: Tensor
    excess: Tensor

    def __init__(self, config: AnswerConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("excess_at", torch.tensor(config.excess_at, dtype=torch.float32), persistent=False)
        self.register_buffer("excess", torch.tensor(config.excess, dtype=torch.float32), persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        config = self.config
        if config.kind == "probability":
            return torch.sigmoid(raw * config.scale)
        estimate = self.estimate(raw)
        value = estimate - self._excess(estimate)
        if config.kind not in INTERVAL_KINDS:
            return value
        below, above = self._arms(raw)
        if config.relative:
            below, above = (estimate * torch.expm1(arm.clamp(max=_LARGEST_LOGARITHM)).abs() for arm in (-below, above))
        else:
            below, above = below * config.scale, above * config.scale
        lower, upper = value - below * config.stretch, value + above * config.stretch
        if config.relative:
            lower = torch.minimum(lower.clamp(min=0.0), value)
        low, high = config.trained_range or (float("-inf"), float("inf"))
        is_outside = ~((value >= low) & (upper <= high))  # so that what is no number is outside
        return torch.cat((value, lower, upper, is_outside.to(value.dtype)), dim=1)

    def estimate(self, raw: Tensor) -> Tensor:
        """(batch, num_raw) -> (batch, 1): the quantity in its unit, before any correction."""
        value = raw[:, :1]
        if self.config.relative:
            value = value.clamp(_LEAST_LOGARITHM, _LARGEST_LOGARITHM).exp()
        return value * self.config.scale

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """The mean over a batch. raw: (batch, num_raw). target: (batch,), 0 or 1 of a probability, else in the unit of
        the quantity; the loss is in units of the scale, of a relative answer in those of the logarithm.

        `probability`: cross-entropy. `point`: absolute error. `quantiles`: that of the three, each as an absolute error
        weighted by the side it is on. `gaussian`: minus the logarithm of the likelihood.
        """
        if self.config.kind == "probability":
            return functional.binary_cross_entropy_with_logits(raw[:, 0], target)
        value, truth = raw[:, 0], target / self.config.scale
        if self.config.relative:
            truth = truth.log()
        if self.config.kind == "point":
            return functional.l1_loss(value, truth)
        if self.config.kind == "gaussian":
            width = self._arms(raw)[0][:, 0]
            return (torch.log(width) + 0.5 * ((truth - value) / width) ** 2).mean()
        below, above = (arm[:, 0] for arm in self._arms(raw))
        # the arms do not pull the median: each quantile has its own
        ends = value.detach() - below, value, value.detach() + above
        return torch.stack([quantile_loss(end, truth, level) for end, level in zip(ends, QUANTILES, strict=True)]).sum()

    def _arms(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """How far the ends of the interval lie from the estimate, (batch, 1) each, in units of the scale."""
        if self.config.kind == "gaussian":
            width = functional.softplus(raw[:, 1:2]) + _LEAST_WIDTH
            return width, width
        return functional.softplus(raw[:, 1:2]), functional.softplus(raw[:, 2:3])

    def _excess(self, value: Tensor) -> Tensor:
        """(batch, 1) -> (batch, 1), by which estimates like these are too high."""
        if not self.config.excess:
            return torch.zeros_like(value)
        start, steps = self.excess_at[:-1], self.excess[1:] - self.excess[:-1]
        share = ((value - start) / (self.excess_at[1:] - start)).clamp(0.0, 1.0)
        return self.excess[0] + (share * steps).sum(dim=1, keepdim=True)


def quantile_loss(value: Tensor, truth: Tensor, level: float) -> Tensor:
    """Twice the pinball loss, whose least is at the quantile `level`: the absolute error for the median."""
    excess = truth - value
    return 2 * torch.maximum(level * excess, (level - 1) * excess).mean()


class Answers(nn.Module):
    """The raw numbers of a network, shared out among its answers and read by each."""

    def __init__(self, configs: Sequence[AnswerConfig]) -> None:
        super().__init__()
        self.configs = tuple(configs)
        self.each = nn.ModuleList(map(Answer, configs))
        self.sizes = [config.num_raw for config in configs]

    def forward(self, raw: Tensor) -> Tensor:
        """(batch, raw numbers of all) -> (batch, final numbers of all)."""
        return torch.cat([answer(part) for answer, part in zip(self.each, self.split(raw), strict=True)], dim=1)

    @property
    def _typed(self) -> Iterator[Answer]:
        """What `nn.ModuleList` does not say of its members."""
        return (answer for answer in self.each if isinstance(answer, Answer))

    def split(self, raw: Tensor) -> tuple[Tensor, ...]:
        return raw.split(self.sizes, dim=1) if len(self.sizes) > 1 else (raw,)

    def loss(self, raw: Tensor, target: Tensor) -> Tensor:
        """The sum of the answers' losses; those after the first over the candidates whose target is known. target:
        (batch, answers); NaN: not known."""
        (own, part, truth), *beside = zip(self._typed, self.split(raw), target.unbind(dim=1), strict=True)
        total = own.loss(part, truth)
        for answer, part, truth in beside:
            is_known = ~torch.isnan(truth)
            if is_known.any():
                total = total + answer.loss(part[is_known], truth[is_known])
        return total


class FinalAnswers(nn.Module):
    """A network whose answers are final."""

    def __init__(self, network: nn.Module, answers: Sequence[AnswerConfig]) -> None:
        super().__init__()
        self.network, self.answers = network, Answers(answers)

    @property
    def configs(self) -> tuple[AnswerConfig, ...]:
        return self.answers.configs

    def forward(
        self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor, neighbour: Tensor | None = None
    ) -> Tensor:
        """(batch, pixels) twice and (batch, 2) -> (batch, outputs) in the units of the contract. neighbour: of graph
        networks, which find it themselves unless given."""
        inputs = (pixel_index, pixel_value, seed) if neighbour is None else (pixel_index, pixel_value, seed, neighbour)
        return self.answers(self.network(*inputs))
