"""Durations in ranges, steps and offsets: numbers, and what is computed of the query's step and range."""

from __future__ import annotations

import math
from collections.abc import Callable

from .errors import ParseError, QueryError
from .stream import Stream
from .tokens import Kind
from .tree import DurationExpression, DurationOperation, Span

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_SIGNED = 3
# What fits into 64 bits of nanoseconds, as everywhere in Prometheus.
_MOST_SECONDS = 2**63 / 1e9
# Brackets nest by recursion.
_MAX_DEPTH = 50


def duration(stream: Stream, least: int = 1, depth: int = 0) -> DurationExpression:
    """The duration of a range or a step: any arithmetic.

    Raises:
        ParseError: there is none, or it is not positive.
    """
    start = stream.now.start
    value = _expression(stream, least, depth)
    if isinstance(value, float) and value <= 0:
        raise ParseError("duration must be greater than 0", stream.text, start)
    return value


def offset(stream: Stream) -> DurationExpression:
    """The duration of an offset: a number with a sign, a call, or anything in brackets."""
    return _operand(stream, 0, "offset")


def _expression(stream: Stream, least: int, depth: int) -> DurationExpression:
    start = stream.now.start
    left = _operand(stream, depth, "subquery or range selector")
    while (precedence := _PRECEDENCE.get(stream.now.text, 0)) >= least:
        operator = stream.advance()
        right = _expression(stream, precedence if operator.text == "^" else precedence + 1, depth + 1)
        if operator.text in {"/", "%"} and right == 0.0:
            word = "division" if operator.text == "/" else "modulo"
            raise ParseError(f"{word} by zero", stream.text, operator.start)
        left = DurationOperation(operator.text, (left, right), Span(start, stream.last_end))
    return left


def _operand(stream: Stream, depth: int, where: str) -> DurationExpression:
    now = stream.now
    if depth > _MAX_DEPTH:
        raise stream.error(f"durations are nested more than {_MAX_DEPTH} deep")
    if now.text in {"+", "-"}:
        stream.advance()
        inner = (
            _operand(stream, depth + 1, where)
            if where == "offset"
            else _expression(stream, _SIGNED, depth + 1)
        )
        if now.text == "+":
            return inner
        if isinstance(inner, float):
            return -inner
        return DurationOperation("-", (inner,), Span(now.start, stream.last_end))
    if now.kind in {Kind.NUMBER, Kind.DURATION}:
        value = stream.number()
        if abs(value) > _MOST_SECONDS:
            raise ParseError("duration out of range", stream.text, now.start)
        return value
    if now.text == "(":
        stream.advance()
        inner = _expression(stream, 1, depth + 1)
        stream.expect(")", "duration")
        return inner
    if now.keyword in {"step", "range", "min_of", "max_of"}:
        stream.advance()
        stream.expect("(", "duration")
        operands: tuple[DurationExpression, ...] = ()
        if now.keyword in {"min_of", "max_of"}:
            first = _expression(stream, 1, depth + 1)
            stream.expect(",", "duration")
            operands = (first, _expression(stream, 1, depth + 1))
        stream.expect(")", "duration")
        return DurationOperation(now.keyword, operands, Span(now.start, stream.last_end))
    raise stream.unexpected(where, "number, duration, step(), or range()")


_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "%": math.fmod,
    "^": lambda left, right: left**right,
    "min_of": min,
    "max_of": max,
}


def milliseconds(value: DurationExpression, step_ms: int, range_ms: int, *, signed: bool = False) -> int:
    """A duration in ms, once the step and the range of the query are known.

    Raises:
        QueryError: it is no finite number, or not positive where it is not `signed`.
    """
    if isinstance(value, float):
        return round(value * 1000)
    try:
        seconds = _seconds(value, step_ms / 1000, range_ms / 1000)
    except (ArithmeticError, ValueError):
        seconds = math.nan
    where = f"{value.span.start}:{value.span.end}"
    if isinstance(seconds, complex) or math.isnan(seconds) or math.isinf(seconds):
        raise QueryError(f"{where}: the duration is no finite number")
    if seconds <= 0 and not signed:
        raise QueryError(f"{where}: duration must be greater than 0")
    if abs(seconds) > _MOST_SECONDS:
        raise QueryError(f"{where}: duration is out of range")
    return int(seconds * 1000)


def _seconds(value: DurationExpression, step: float, length: float) -> float:
    if isinstance(value, float):
        return value
    if value.operator == "step":
        return step
    if value.operator == "range":
        return length
    operands = [_seconds(one, step, length) for one in value.operands]
    if len(operands) == 1:
        return -operands[0]
    return _OPERATIONS[value.operator](operands[0], operands[1])
