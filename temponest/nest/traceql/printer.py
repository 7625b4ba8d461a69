"""Tree → text that parses to the same tree; also how error messages quote a part of a query."""

from __future__ import annotations

import re
from typing import TypeAlias

from ..model.fetch import Attribute, AttributeScope
from ..model.span import Kind, Status
from .parse_fields import COMPARISON, FIELD_BINDING
from .tokens import MAX_INTEGER
from .tree import (
    Aggregate,
    Binary,
    Coalesce,
    Compare,
    FieldRef,
    Filter,
    GroupBy,
    Literal,
    MetricsMath,
    MetricsQuery,
    OverTime,
    Pipeline,
    Query,
    ScalarFilter,
    ScalarOperation,
    Select,
    SpansetOperation,
    Threshold,
    TopK,
    Type,
    Unary,
)

Node: TypeAlias = (
    Aggregate
    | Binary
    | Coalesce
    | Compare
    | FieldRef
    | Filter
    | GroupBy
    | Literal
    | MetricsMath
    | MetricsQuery
    | OverTime
    | Pipeline
    | ScalarFilter
    | ScalarOperation
    | Select
    | SpansetOperation
    | Threshold
    | TopK
    | Unary
)

_PLAIN_ATTRIBUTE = re.compile(r"[^\s{}()=~!<>&|^,\"]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_DURATION_UNITS = (("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000))
_SMALL_UNITS = (("ms", 1_000_000), ("us", 1_000), ("ns", 1))


def print_query(query: Query) -> str:
    """The canonical text of a query."""
    text = print_node(query.body)
    if query.hints:
        text += " with (" + ", ".join(f"{name} = {print_node(value)}" for name, value in query.hints) + ")"
    return text


def print_node(node: Node) -> str:
    """The canonical text of any part of a query."""
    match node:
        case Literal():
            return _literal(node)
        case FieldRef():
            return _field_ref(node)
        case Unary() | Binary():
            return _field_operation(node)
        case Filter():
            return "{ }" if node.expression is None else f"{{ {print_node(node.expression)} }}"
        case SpansetOperation():
            return f"{_spanset_side(node.left)} {node.operator} {_spanset_side(node.right)}"
        case Pipeline():
            return " | ".join(_stage(stage) for stage in node.stages)
        case ScalarFilter() | ScalarOperation():
            return f"{_scalar_side(node.left)} {node.operator} {_scalar_side(node.right)}"
        case Aggregate():
            return f"{node.function}({'' if node.operand is None else print_node(node.operand)})"
        case GroupBy():
            return f"by({print_node(node.expression)})"
        case Coalesce():
            return "coalesce()"
        case Select():
            return f"select({_list(node.fields)})"
        case TopK():
            return f"{node.function}({node.k})"
        case Threshold():
            return f"{node.operator} {print_node(node.value)}"
        case _:
            return _metrics(node)


def _field_ref(node: FieldRef) -> str:
    name = attribute_name(node.attribute)
    if not node.parent:
        return name
    return "parent" + name if name.startswith(".") else "parent." + name


def attribute_name(attribute: Attribute) -> str:
    """An attribute as queries write it: `.name`, `span.name`, `resource."a b"`, or the intrinsic's name."""
    if attribute.scope is AttributeScope.INTRINSIC:
        return attribute.name
    prefix = "" if attribute.scope is AttributeScope.ANY else attribute.scope.value
    name = attribute.name
    if not _PLAIN_ATTRIBUTE.fullmatch(name) or (not prefix and name[0].isdigit()):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    return f"{prefix}.{name}"


def print_duration(nanoseconds: int) -> str:
    """A duration in the largest units that keep it exact: `1h30m`, `1.5s` is `1s500ms`."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    parts = []
    for unit, size in (*_DURATION_UNITS, *_SMALL_UNITS):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + ("".join(parts) or "0s")


def _literal(literal: Literal) -> str:
    value = literal.value
    match literal.type:
        case Type.STRING:
            return '"' + "".join(_ESCAPES.get(char, char) for char in str(value)) + '"'
        case Type.BOOLEAN:
            return "true" if value else "false"
        case Type.DURATION:
            return print_duration(int(value))
        case Type.STATUS:
            return Status(int(value)).name.lower()
        case Type.KIND:
            return Kind(int(value)).name.lower()
        case Type.INTEGER if value == -MAX_INTEGER - 1:
            return "minInt"
        case _:
            return repr(value)


def _field_operation(node: Unary | Binary) -> str:
    if isinstance(node, Unary):
        if node.operator in ("exists", "absent"):
            return f"{_field_side(node.operand)} {'!=' if node.operator == 'exists' else '='} nil"
        return node.operator + _field_side(node.operand)
    left = _field_side(node.left, node.operator if node.operator != "^" else "")
    match node.right:
        case Unary(operator="-", operand=Literal()) if FIELD_BINDING[node.operator] == COMPARISON:
            right = print_node(node.right)
        case _:
            right = _field_side(node.right)
    return f"{left} {node.operator} {right}"


def _field_side(node: Node, parent: str = "") -> str:
    """A side of an operation, bracketed unless it is a leaf or a left side that binds at least as tightly."""
    if isinstance(node, Literal | FieldRef):
        return print_node(node)
    if isinstance(node, Binary) and parent and FIELD_BINDING[node.operator] >= FIELD_BINDING[parent]:
        return print_node(node)
    return f"({print_node(node)})"


def _spanset_side(node: Node) -> str:
    return print_node(node) if isinstance(node, Filter) else f"({print_node(node)})"


def _scalar_side(node: Node) -> str:
    return print_node(node) if isinstance(node, Aggregate | Literal) else f"({print_node(node)})"


def _stage(node: Node) -> str:
    return f"({print_node(node)})" if isinstance(node, Pipeline) else print_node(node)


def _list(fields: tuple[FieldRef, ...]) -> str:
    return ", ".join(print_node(field) for field in fields)


def _metrics(node: MetricsQuery | MetricsMath | OverTime | Compare) -> str:
    match node:
        case OverTime():
            arguments = [] if node.measured is None else [print_node(node.measured)]
            arguments += [repr(quantile) for quantile in node.quantiles]
            by = f" by({_list(node.by)})" if node.by else ""
            return f"{node.function}({', '.join(arguments)}){by}"
        case Compare():
            window = f", {node.start_ns}, {node.end_ns}" if node.start_ns or node.end_ns else ""
            return f"compare({print_node(node.selection)}, {node.top}{window})"
        case MetricsQuery():
            head = f"{print_node(node.pipeline)} | {print_node(node.function)}"
        case MetricsMath():
            head = f"{_metrics_side(node.left)} {node.operator} {_metrics_side(node.right)}"
    for stage in node.stages:
        head += (" | " if isinstance(stage, TopK) else " ") + print_node(stage)
    return head


def _metrics_side(node: Node) -> str:
    return print_node(node) if isinstance(node, Literal) else f"({print_node(node)})"
