"""A tree as text that means the same, with brackets around whatever could be read otherwise."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, is_dataclass

from temponest.nest.promql.tree import (
    Aggregation,
    Binary,
    DurationExpression,
    Expression,
    FunctionCall,
    Matching,
    Number,
    Paren,
    Range,
    Selector,
    Span,
    String,
    Subquery,
    Unary,
    unwrapped,
)


def printed(node: Expression) -> str:
    """The text of a tree."""
    match node:
        case Number():
            return _number(node.value)
        case String():
            return _quoted(node.value)
        case Paren():
            return f"({printed(node.expression)})"
        case Unary():
            return f"{node.operator}{_operand(node.expression)}"
        case Binary():
            words = [node.operator, *(["bool"] if node.as_bool else []), *_matching(node.matching)]
            return f"{_operand(node.left)} {' '.join(words)} {_operand(node.right)}"
        case Selector():
            return _selector(node) + _modifiers(node)
        case Range():
            return f"{_selector(node.selector)}[{_duration(node.duration)}]{_modifiers(node.selector)}"
        case Subquery():
            step = "" if node.step is None else _duration(node.step)
            return f"{printed(node.expression)}[{_duration(node.duration)}:{step}]{_modifiers(node)}"
        case FunctionCall():
            return f"{node.name}({', '.join(map(printed, node.arguments))})"
        case Aggregation():
            grouping = f" {'without' if node.without else 'by'} {_labels(node.labels)} "
            inner = [one for one in (node.parameter, node.expression) if one is not None]
            return f"{node.operator}{grouping}({', '.join(map(printed, inner))})"


def meaning(node: object) -> object:
    """What two trees of one meaning have in common: no places, no brackets; NaN equals NaN."""
    if isinstance(node, Paren):
        return meaning(unwrapped(node))
    if isinstance(node, tuple):
        return tuple(map(meaning, node))
    if is_dataclass(node):
        parts = (getattr(node, one.name) for one in fields(node))
        return (type(node).__name__, *(meaning(part) for part in parts if not isinstance(part, Span)))
    return repr(node)


def _operand(node: Expression) -> str:
    signed = isinstance(node, Number) and math.copysign(1, node.value) < 0
    return f"({printed(node)})" if signed or isinstance(node, Binary | Unary) else printed(node)


def _number(value: float) -> str:
    sign = "-" if math.copysign(1, value) < 0 and not math.isnan(value) else ""
    return sign + {"inf": "Inf", "nan": "NaN"}.get(repr(abs(value)), repr(abs(value)))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _labels(labels: tuple[str, ...]) -> str:
    named = (one if re.fullmatch(r"[a-zA-Z_]\w*", one, re.ASCII) else _quoted(one) for one in labels)
    return f"({', '.join(named)})"


def _matching(matching: Matching) -> list[str]:
    if matching == Matching():
        return []
    words = [f"{'on' if matching.on else 'ignoring'} {_labels(matching.labels)}"]
    if matching.many:
        words.append(f"group_{matching.many} {_labels(matching.include)}")
    for side, value in (("left", matching.fill_left), ("right", matching.fill_right)):
        if value is not None:
            words.append(f"fill_{side}({_number(value)})")
    return words


def _selector(node: Selector) -> str:
    # The matcher of a name before the braces is the last one.
    matchers = node.matchers[:-1] if node.name else node.matchers
    inside = ", ".join(f"{_quoted(one.name)}{one.operator.value}{_quoted(one.value)}" for one in matchers)
    return f"{node.name}{{{inside}}}"


def _modifiers(node: Selector | Subquery) -> str:
    text = f" {node.extension}" if isinstance(node, Selector) and node.extension else ""
    if node.at is not None:
        text += f" @ {node.at}()" if isinstance(node.at, str) else f" @ {node.at / 1000!r}"
    return text + ("" if node.offset == 0.0 else f" offset {_bracketed(node.offset)}")


def _duration(value: DurationExpression) -> str:
    if isinstance(value, float):
        return f"{'-' if value < 0 else ''}{round(abs(value) * 1000)}ms"
    if value.operator in {"step", "range", "min_of", "max_of"}:
        return f"{value.operator}({', '.join(map(_duration, value.operands))})"
    if len(value.operands) == 1:
        return f"-{_bracketed(value.operands[0])}"
    return f" {value.operator} ".join(map(_bracketed, value.operands))


def _bracketed(value: DurationExpression) -> str:
    return _duration(value) if isinstance(value, float) and value >= 0 else f"({_duration(value)})"
