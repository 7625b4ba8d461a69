"""Stages one after the other over a frame. Each distinct line and each distinct label is looked at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..model.duration import parse_duration
from ..model.log import Coded, TextFilter, TextOperator
from ..model.regex import matcher, searcher
from .extract import DETAILS, ENTRY, ERROR, extractor
from .frame import GONE, Frame, Layer, Texts
from .tokens import parse_size
from .tree import (
    CompareOperator,
    Comparison,
    Decolorize,
    Drop,
    Json,
    Junction,
    Keep,
    LabelFilter,
    LabelFormat,
    LabelMatch,
    LineFormat,
    Logfmt,
    MatchOperator,
    Pattern,
    Regexp,
    Stage,
    Template,
    Unit,
    Unpack,
)

Mask: TypeAlias = npt.NDArray[np.bool_]

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMPARE: dict[CompareOperator, Callable[[float, float], bool]] = {
    CompareOperator.EQ: lambda one, other: one == other,
    CompareOperator.NE: lambda one, other: one != other,
    CompareOperator.LT: lambda one, other: one < other,
    CompareOperator.LE: lambda one, other: one <= other,
    CompareOperator.GT: lambda one, other: one > other,
    CompareOperator.GE: lambda one, other: one >= other,
}
_EVERY: Mapping[str, str] = {}


def run(frame: Frame, stages: Sequence[Stage]) -> Frame:
    """The records that pass every stage, with their lines and labels as the stages leave them."""
    for stage in stages:
        if not frame.rows:
            break
        frame = _apply(frame, stage)
    return frame


def _apply(frame: Frame, stage: Stage) -> Frame:
    match stage:
        case TextFilter():
            lines = frame.lines()
            return frame.take(np.flatnonzero(_tested(lines, text_test(stage))))
        case LabelMatch() | Comparison() | Junction():
            return _filtered(frame, stage)
        case Json() | Logfmt() | Regexp() | Pattern() | Unpack():
            return _extracted(frame, stage)
        case LineFormat():
            made = _filled(frame, stage.template)
            return frame.with_lines(Coded(np.arange(frame.rows), made))
        case LabelFormat():
            return _formatted(frame, stage)
        case Drop():
            return _dropped(frame, stage)
        case Keep():
            return _kept(frame, stage)
        case Decolorize():
            lines = frame.lines()
            return frame.with_lines(Coded(lines.codes, [_COLOURS.sub("", line) for line in lines.values]))


def text_test(one: TextFilter) -> Callable[[str], bool]:
    """Whether a line passes a line filter."""
    if one.operator in (TextOperator.CONTAINS, TextOperator.LACKS):
        tests = [_contains(text) for text in one.texts]
    else:
        tests = [searcher(text) for text in one.texts]
    if one.operator in (TextOperator.CONTAINS, TextOperator.MATCH):
        return lambda line: any(test(line) for test in tests)
    return lambda line: not any(test(line) for test in tests)


def match_test(one: LabelMatch) -> Callable[[str], bool]:
    """Whether the text of a label satisfies a matcher; one that is absent is empty."""
    match one.operator:
        case MatchOperator.EQ:
            return lambda text: text == one.value
        case MatchOperator.NE:
            return lambda text: text != one.value
        case MatchOperator.MATCH:
            return matcher(one.value)
        case MatchOperator.NOT_MATCH:
            test = matcher(one.value)
            return lambda text: not test(text)


def number(text: str, unit: Unit) -> float | None:
    """The text of a label as a number, nanoseconds or bytes; None where it is none."""
    try:
        if unit is Unit.DURATION:
            return float(parse_duration(text.strip()))
        if unit is Unit.BYTES:
            size = parse_size(text)
            return float(text) if size is None else size
        return float(text)
    except ValueError:
        return None


def _contains(text: str) -> Callable[[str], bool]:
    return lambda line: text in line


def _tested(column: Coded[str] | Texts, test: Callable[[str], bool]) -> Mask:
    distinct = np.array([test(value or "") for value in column.values], np.bool_)
    mask: Mask = distinct[column.codes]
    return mask


def _filtered(frame: Frame, stage: LabelFilter) -> Frame:
    failed = np.zeros(frame.rows, np.bool_)
    mask = _mask(frame, stage, failed)
    if failed.any():
        # What cannot be compared stays, marked: dropping it would hide that the filter does not fit.
        labels = [
            _EVERY,
            {ERROR: "LabelFilterErr", DETAILS: "a label is not of the type it is compared with"},
        ]
        frame = frame.with_layer(Layer(failed.astype(np.int64), labels))
        mask |= failed
    return frame.take(np.flatnonzero(mask))


def _mask(frame: Frame, node: LabelFilter, failed: Mask) -> Mask:
    match node:
        case LabelMatch():
            return _tested(frame.label(node.name), match_test(node))
        case Junction():
            left, right = _mask(frame, node.left, failed), _mask(frame, node.right, failed)
            return left & right if node.both else left | right
        case Comparison():
            column = frame.label(node.name)
            compare = _COMPARE[node.operator]
            numbers = [None if text is None else number(text, node.unit) for text in column.values]
            bad = np.array(
                [value is None and bool(text) for value, text in zip(numbers, column.values, strict=True)],
                np.bool_,
            )
            failed |= bad[column.codes]
            holds = np.array(
                [value is not None and compare(value, node.value) for value in numbers], np.bool_
            )
            mask: Mask = holds[column.codes]
            return mask


def _extracted(frame: Frame, stage: Json | Logfmt | Regexp | Pattern | Unpack) -> Frame:
    lines = frame.lines()
    extract = extractor(stage)
    # A value may be distinct and still belong to no record any more: only those that do are parsed.
    used = np.unique(lines.codes)
    found: list[dict[str, str]] = [{}] * len(lines.values)
    for code in used.tolist():
        found[code] = extract(lines.values[code])
    if isinstance(stage, Unpack):
        entries = [labels.pop(ENTRY, line) for labels, line in zip(found, lines.values, strict=True)]
        frame = frame.with_lines(Coded(lines.codes, entries))
    return frame.with_layer(Layer(lines.codes, found, parsed=True))


def _formatted(frame: Frame, stage: LabelFormat) -> Frame:
    labels: list[dict[str, str]] = [{} for _ in range(frame.rows)]
    for name, source in stage.moves:
        if isinstance(source, Template):
            for row, text in enumerate(_filled(frame, source)):
                labels[row][name] = text
        else:
            column = frame.label(source)
            for row, code in enumerate(column.codes.tolist()):
                value = column.values[code]
                if value is not None:
                    labels[row] |= {source: GONE, name: value}
    return frame.with_layer(Layer(np.arange(frame.rows), labels))


def _filled(frame: Frame, template: Template) -> list[str]:
    """A template for each record."""
    columns = [_named(frame, name) for name in template.names]
    made = []
    for row in range(frame.rows):
        parts = [template.texts[0]]
        for column, text in zip(columns, template.texts[1:], strict=True):
            parts += (column.values[column.codes[row]] or "", text)
        made.append("".join(parts))
    return made


def _named(frame: Frame, name: str) -> Texts:
    if name == "__line__":
        lines = frame.lines()
        return Coded(lines.codes, lines.values)
    if name == "__timestamp__":
        return Coded(np.arange(frame.rows), [str(time) for time in frame.batch.times().tolist()])
    return frame.label(name)


def _dropped(frame: Frame, stage: Drop) -> Frame:
    codes = np.zeros(frame.rows, np.int64)
    frame = frame.with_layer(Layer(codes, [dict.fromkeys(stage.names, GONE)]))
    for one in stage.matches:
        gone = _tested(frame.label(one.name), match_test(one))
        frame = frame.with_layer(Layer(gone.astype(np.int64), [_EVERY, {one.name: GONE}]))
    return frame


def _kept(frame: Frame, stage: Keep) -> Frame:
    for one in stage.matches:
        gone = ~_tested(frame.label(one.name), match_test(one))
        frame = frame.with_layer(Layer(gone.astype(np.int64), [_EVERY, {one.name: GONE}]))
    # What went wrong stays, else nobody would see it.
    only = frozenset({*stage.names, *(one.name for one in stage.matches), ERROR, DETAILS})
    return frame.with_layer(Layer(np.zeros(frame.rows, np.int64), [_EVERY], only=only))
