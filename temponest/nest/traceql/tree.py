"""The tree of a TraceQL query: frozen nodes. `at` is a node's offset in the text, no part of equality."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ..model.fetch import Attribute


class Type(StrEnum):
    """Types as users know them; ATTRIBUTE is a value whose type is known only on the span."""

    ATTRIBUTE = "attribute"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    DURATION = "duration"
    STATUS = "status"
    KIND = "kind"


NUMERIC = frozenset({Type.INTEGER, Type.FLOAT, Type.DURATION})


# --- expressions on one span ---


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the query. Durations are nanoseconds, statuses and kinds OTLP's numbers."""

    type: Type
    value: str | bool | int | float
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class FieldRef:
    """An attribute or intrinsic of the span; `aliases` are looked up, in order, when it is absent."""

    attribute: Attribute
    parent: bool = False
    aliases: tuple[Attribute, ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `!x`, `x != nil` ("exists") or `x = nil` ("absent")."""

    operator: str
    operand: FieldExpression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, comparison, regular expression or logic on two expressions of the same span."""

    operator: str
    left: FieldExpression
    right: FieldExpression
    at: int = field(default=0, compare=False)


FieldExpression: TypeAlias = Literal | FieldRef | Unary | Binary


# --- expressions on the spans of one trace ---


@dataclass(frozen=True, slots=True)
class Filter:
    """`{ expression }`: the spans for which it is true; None is `{}`, every span."""

    expression: FieldExpression | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class SpansetOperation:
    """Logic (`&&`, `||`) or structure (`>>`, `!~`, `&<` ...) between two sets of spans."""

    operator: str
    left: SpansetExpression
    right: SpansetExpression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages joined by `|`, each working on the spansets of the one before."""

    stages: tuple[Stage, ...]
    at: int = field(default=0, compare=False)


SpansetExpression: TypeAlias = Filter | SpansetOperation | Pipeline


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count()`, or `avg`, `min`, `max`, `sum` of an expression over a spanset."""

    function: str
    operand: FieldExpression | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ScalarOperation:
    """Arithmetic between aggregates."""

    operator: str
    left: ScalarExpression
    right: ScalarExpression
    at: int = field(default=0, compare=False)


ScalarExpression: TypeAlias = Aggregate | ScalarOperation | Literal | Pipeline


@dataclass(frozen=True, slots=True)
class ScalarFilter:
    """Keeps the spansets for which the comparison of aggregates holds."""

    operator: str
    left: ScalarExpression
    right: ScalarExpression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class GroupBy:
    """`by(expression)`: splits each spanset by a value."""

    expression: FieldExpression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Coalesce:
    """`coalesce()`: joins the spansets of a trace into one."""

    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Select:
    """`select(fields)`: shows more fields with each span."""

    fields: tuple[FieldRef, ...]
    at: int = field(default=0, compare=False)


Stage: TypeAlias = SpansetExpression | ScalarFilter | GroupBy | Coalesce | Select | Aggregate


# --- metrics over many traces ---


@dataclass(frozen=True, slots=True)
class Compare:
    """`compare({selection}, top, start, end)`: what sets the selection apart; window in nanoseconds or 0."""

    selection: Filter
    top: int = 10
    start_ns: int = 0
    end_ns: int = 0
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class OverTime:
    """A function that turns spans into series: `rate`, `quantile_over_time(duration, .9) by (name)` ..."""

    function: str
    measured: FieldRef | None = None
    quantiles: tuple[float, ...] = ()
    by: tuple[FieldRef, ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TopK:
    """`topk(k)` or `bottomk(k)`, at every point in time."""

    function: str
    k: int
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """`> 10`: keeps the samples for which the comparison holds."""

    operator: str
    value: Literal
    at: int = field(default=0, compare=False)


SecondStage: TypeAlias = TopK | Threshold


@dataclass(frozen=True, slots=True)
class MetricsQuery:
    """Spans of a pipeline → series → second stages."""

    pipeline: Pipeline
    function: OverTime | Compare
    stages: tuple[SecondStage, ...] = ()
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class MetricsMath:
    """Arithmetic between series, or series and a number."""

    operator: str
    left: MetricsExpression
    right: MetricsExpression
    stages: tuple[SecondStage, ...] = ()
    at: int = field(default=0, compare=False)


MetricsExpression: TypeAlias = MetricsQuery | MetricsMath | Literal


# --- the whole ---


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query: a search (`Pipeline`) or metrics, and the hints of `with (...)`."""

    body: Pipeline | MetricsQuery | MetricsMath
    hints: tuple[tuple[str, Literal], ...] = ()

    @property
    def is_metrics(self) -> bool:
        """Whether the answer is series, not traces."""
        return not isinstance(self.body, Pipeline)
