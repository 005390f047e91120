"""By what networks are measured: a tagger by the area under its curve, a quantity by its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from e2e.datasets import CandidateSet
from e2e.evaluation.classical import isolation_score, simple_guesses
from e2e.evaluation.plots import new_axes, plot_roc, plot_widths, roc_points
from e2e.evaluation.quantity import NUM_VALUE_BINS, measure_response, span_of
from e2e.metrics import (
    FloatArray,
    Measured,
    area_under_curve,
    calibration_error,
    in_bins,
    mean_absolute_error,
    paired_areas,
    paired_means,
    rejections,
)
from e2e.tasks import Task

Outputs = NDArray[np.float32]  # of one training: (candidates, columns of the task's own output)


class Yardstick(Protocol):
    """key: of the number in the row of a model. title: of its column and axis. sign: 1 where more is better, else -1.
    classical: outputs, of the same candidates, of what does without a network. further: what else a row says. picture:
    name of `figure`."""

    @property
    def key(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def sign(self) -> int: ...

    @property
    def picture(self) -> str: ...

    @property
    def classical(self) -> Mapping[str, Outputs]: ...

    def measure(self, outputs: Outputs) -> Measured: ...

    def resampled(self, outputs: Sequence[Outputs], repeats: int) -> FloatArray:
        """The number of each training on the same resamplings of the candidates whoever asks: (repeats, trainings)."""
        ...

    def further(self, outputs: Outputs) -> dict[str, Any]: ...

    def figure(self, outputs: Mapping[str, Outputs]) -> Any: ...


def yardstick_for(task: Task, candidates: CandidateSet) -> Yardstick:
    return Area(task, candidates) if task.output.kind == "probability" else Error(task, candidates)


class Area:
    """Of a tagger: the area under the ROC curve."""

    key, title, sign, picture = "auc", "area under the ROC curve", 1, "roc"

    def __init__(self, task: Task, candidates: CandidateSet) -> None:
        self.is_signal = candidates.target > 0.5
        self.pt, self.pt_edges, self.efficiencies = candidates.pt, np.array(task.pt_edges), task.efficiencies
        isolated = isolation_score(task, candidates)
        self.classical = {} if isolated is None else {"isolation": _column(isolated)}

    def measure(self, outputs: Outputs) -> Measured:
        return area_under_curve(outputs[:, 0], self.is_signal)

    def resampled(self, outputs: Sequence[Outputs], repeats: int) -> FloatArray:
        return paired_areas([given[:, 0] for given in outputs], self.is_signal, repeats)

    def further(self, outputs: Outputs) -> dict[str, Any]:
        score = outputs[:, 0].astype(np.float64)

        def per_bin(inside: NDArray[np.bool_]) -> dict[str, Any]:
            area = area_under_curve(score[inside], self.is_signal[inside]).to_json()
            return {self.key: area, "rejection": rejections(score[inside], self.is_signal[inside], self.efficiencies)}

        return {
            "rejection": rejections(score, self.is_signal, self.efficiencies),
            "calibration_error": calibration_error(score, self.is_signal),
            "by_pt": in_bins(self.pt, self.pt_edges, per_bin),
        }

    def figure(self, outputs: Mapping[str, Outputs]) -> Any:
        figure, axes = new_axes()
        for name, given in outputs.items():
            plot_roc(axes, roc_points(given[:, 0], self.is_signal), label=name)
        axes.set(xlabel="efficiency for the signal", ylabel="efficiency for the rest")
        axes.legend(fontsize=7)
        return figure


class Error:
    """Of a quantity: the mean absolute error on the signal inside the trained range; below it counts as its end."""

    key, sign, picture = "mean_absolute_error", -1, "widths"

    def __init__(self, task: Task, candidates: CandidateSet) -> None:
        self.is_measured = candidates.is_measured(task)
        self.truth = candidates.target[self.is_measured].astype(np.float64)
        self.low, self.high = span_of(task, self.truth)
        self.unit = task.output.unit
        self.title = f"mean absolute error [{self.unit}]"
        guesses = simple_guesses(task, candidates.select(self.is_measured), self.truth)
        self.classical = {name: self._of_all(guess) for name, guess in guesses.items()}

    def measure(self, outputs: Outputs) -> Measured:
        return mean_absolute_error(self._estimate(outputs), self.truth)

    def resampled(self, outputs: Sequence[Outputs], repeats: int) -> FloatArray:
        return paired_means([np.abs(self._estimate(given) - self.truth) for given in outputs], repeats)

    def further(self, outputs: Outputs) -> dict[str, Any]:
        estimate, given = self._estimate(outputs), outputs[self.is_measured].astype(np.float64)

        def per_bin(inside: NDArray[np.bool_]) -> dict[str, Any]:
            of_bin = mean_absolute_error(estimate[inside], self.truth[inside]).to_json()
            return {self.key: of_bin, **measure_response(estimate[inside], self.truth[inside], given[inside])}

        edges = np.linspace(self.low, self.high, NUM_VALUE_BINS + 1)
        whole = measure_response(estimate, self.truth, given)
        return {"whole_range": whole, "by_true_value": in_bins(self.truth, edges, per_bin)}

    def figure(self, outputs: Mapping[str, Outputs]) -> Any:
        figure, axes = new_axes()
        for name, given in outputs.items():
            plot_widths(axes, self._estimate(given) - self.truth, self.truth, (self.low, self.high), label=name)
        axes.set(xlabel=f"true value [{self.unit}]", ylabel=f"half width of 68 % [{self.unit}]")
        axes.legend(fontsize=7)
        return figure

    def _of_all(self, guess: FloatArray) -> Outputs:
        outputs = np.full(len(self.is_measured), np.nan)
        outputs[self.is_measured] = guess
        return _column(outputs)

    def _estimate(self, outputs: Outputs) -> FloatArray:
        return np.clip(outputs[self.is_measured, 0].astype(np.float64), self.low, None)


def _column(values: FloatArray) -> Outputs:
    return values.astype(np.float32)[:, None]
