"""A filter over columns: each test is answered once a distinct value, then spread over the rows.

The tests themselves are those of `evaluate`, so that a span matches here exactly when it matches there.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..model.fetch import AttributeScope
from ..model.span import Value
from .conditions import COMPUTED, OF_TRACE
from .evaluate import field_function
from .field_refs import expression_fields
from .rows import Rows, is_intrinsic
from .tree import Binary, FieldExpression, FieldRef, Filter, Literal, Pipeline, Select

Mask: TypeAlias = npt.NDArray[np.bool_]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SINGLE = (
    AttributeScope.ANY,
    AttributeScope.SPAN,
    AttributeScope.RESOURCE,
    AttributeScope.INSTRUMENTATION,
)


def is_columnar(field: FieldRef) -> bool:
    """Whether a store can give this field as a column."""
    attribute = field.attribute
    if attribute.scope is AttributeScope.INTRINSIC:
        name = attribute.name
        return name not in COMPUTED and name not in OF_TRACE and not name.startswith(("event:", "link:"))
    return attribute.scope in _SINGLE


def column_filters(pipeline: Pipeline) -> list[FieldExpression] | None:
    """The filters of a pipeline that looks at each span alone, or None when it looks at whole traces."""
    filters = []
    for stage in pipeline.stages:
        match stage:
            case Filter(expression=None) | Select():
                continue
            case Filter(expression=expression) if expression is not None:
                if not all(map(is_columnar, expression_fields(expression))):
                    return None
                filters.append(expression)
            case _:
                return None
    return filters


def mask_of(filters: list[FieldExpression], rows: Rows) -> Mask:
    """Which rows pass every filter."""
    mask: Mask = np.ones(len(rows.start_ns), bool)
    for expression in filters:
        mask &= _mask(expression, rows)
    return mask


def _mask(node: FieldExpression, rows: Rows) -> Mask:
    if isinstance(node, Binary) and node.operator == "&&":
        return _mask(node.left, rows) & _mask(node.right, rows)
    if isinstance(node, Binary) and node.operator == "||":
        return _mask(node.left, rows) | _mask(node.right, rows)
    quick = _duration_mask(node, rows)
    if quick is not None:
        return quick
    fields = list(dict.fromkeys(expression_fields(node)))
    if len(fields) == 1:
        return _by_distinct_value(node, fields[0], rows)
    return _by_row(node, fields, rows)


def _duration_mask(node: FieldExpression, rows: Rows) -> Mask | None:
    match node:
        case Binary(operator=symbol, left=FieldRef() as field, right=Literal(value=int() | float() as value)):
            if symbol in _COMPARE and is_intrinsic(field, "duration") and not isinstance(value, bool):
                mask: Mask = _COMPARE[symbol](rows.durations_ns(), value)
                return mask
    return None


def _by_distinct_value(node: FieldExpression, field: FieldRef, rows: Rows) -> Mask:
    column = rows.column(field)
    values = column.values
    test = field_function(node, lambda _field: lambda _trace, index: values[index])
    results = [test(None, index) is True for index in range(len(values))]  # type: ignore[arg-type]  # unread
    mask: Mask = np.array(results, bool)[column.codes]
    return mask


def _by_row(node: FieldExpression, fields: list[FieldRef], rows: Rows) -> Mask:
    columns = {field: rows.column(field) for field in fields}

    def resolve(field: FieldRef) -> Callable[[object, int], Value]:
        column = columns[field]
        return lambda _trace, index: column.values[column.codes[index]]

    test = field_function(node, resolve)
    count = len(rows.start_ns)
    return np.fromiter((test(None, index) is True for index in range(count)), bool, count)  # type: ignore[arg-type]  # unread
