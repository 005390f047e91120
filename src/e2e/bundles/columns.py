"""From a task's output to how a network answers it, and to the columns that a bundle then gives."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.bundles.contract_file import OutputColumn
from e2e.contract.answers import SUFFIXES, AnswerConfig, AnswerKind
from e2e.tasks import Output

_LOWER, _UPPER, _FLAG = SUFFIXES[1:]
# of a task's own output, and of one beside it
_OWN, _BESIDE = "signal, averaged over the trained range", "candidates of all kinds"


def answer_for(output: Output, kind: AnswerKind = "point", *, relative: bool = False) -> AnswerConfig:
    """kind: of a quantity; a probability has one alone. relative: of one that is above zero, see `AnswerConfig`.
    Raises ValueError for a quantity as a probability."""
    if output.kind == "probability":
        return AnswerConfig("probability")
    if kind == "probability":
        raise ValueError(f"{output.name} is a quantity, not a probability")
    return AnswerConfig(
        kind, output.scale, trained_range=output.trained_range, relative=relative and output.is_positive
    )


def output_columns(outputs: Sequence[Output], answers: Sequence[AnswerConfig]) -> tuple[OutputColumn, ...]:
    """Of outputs and how each is answered, the task's own first; in the order of the answers' final numbers."""
    populations = [_OWN] + [_BESIDE] * len(answers[1:])
    parts = map(_columns, outputs, answers, populations)
    return tuple(column for part in parts for column in part)


def _columns(output: Output, answer: AnswerConfig, population: str) -> tuple[OutputColumn, ...]:
    main = OutputColumn(output.name, output.kind, output.unit, output.meaning, output.trained_range)
    low, high = output.trained_range or (float("-inf"), float("inf"))
    beside = {
        _LOWER: (
            "quantity",
            output.unit,
            f"lower end of the interval: it holds the truth of 68 % of simulated {population}",
        ),
        _UPPER: ("quantity", output.unit, "upper end of that interval"),
        _FLAG: ("flag", "1", f"1: below {low:g} or with an interval beyond {high:g} {output.unit}; else 0"),
    }
    return (main, *(OutputColumn(output.name + suffix, *beside[suffix]) for suffix in answer.suffixes[1:]))
