"""How the raw numbers of a network are read, as `contract.json` says it."""

from __future__ import annotations

from collections.abc import Sequence

from e2e.bundles.json_fields import Fields
from e2e.contract.answers import KINDS, AnswerConfig, AnswerKind

_KINDS: dict[str, AnswerKind] = {kind: kind for kind in KINDS}


def read_answers(model: Fields, output_kinds: Sequence[str], bundle_version: int) -> tuple[AnswerConfig, ...]:
    """model: that part of the contract. Raises InputError naming the key that is wrong."""
    if bundle_version < 2:
        return _only_scaled(model, output_kinds)
    answers = tuple(_answer(fields) for fields in model.items("answers"))
    given = [kind for answer in answers for kind in _output_kinds(answer)]
    if given != list(output_kinds):
        model.fail("answers", f"give {', '.join(given)}, the outputs are {', '.join(output_kinds)}")
    return answers


def _output_kinds(answer: AnswerConfig) -> list[str]:
    """Of its final numbers."""
    kinds = ["quantity", "quantity", "quantity", "flag"][: len(answer.suffixes)]
    return ["probability"] if answer.kind == "probability" else kinds


def _only_scaled(model: Fields, output_kinds: Sequence[str]) -> tuple[AnswerConfig, ...]:
    """Version 1: one number for each output."""
    scales = model.numbers("output_scale")
    if len(scales) != len(output_kinds):
        model.fail("output_scale", f"has {len(scales)} numbers for {len(output_kinds)} outputs")
    kinds = [_KINDS["probability" if kind == "probability" else "point"] for kind in output_kinds]
    return tuple(AnswerConfig(kind, scale) for kind, scale in zip(kinds, scales, strict=True))


def _answer(fields: Fields) -> AnswerConfig:
    kind = fields.text("kind")
    if kind not in _KINDS:
        fields.fail("kind", f"{kind!r} is unknown; known: {', '.join(KINDS)}")
    try:
        return AnswerConfig(
            _KINDS[kind],
            fields.number("scale"),
            fields.number("stretch"),
            fields.numbers("excess_at"),
            fields.numbers("excess"),
            fields.pair("trained_range"),
            fields.flag("relative"),
        )
    except ValueError as error:
        fields.fail("kind", str(error))
