"""All that may be asked of a store of spans, as plain data.

An engine turns its query into a `FetchRequest`; a store answers with at least what was asked for and may
return more. The engine filters again, so a store needs only those parts that make it fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Operand: TypeAlias = str | bool | int | float


class AttributeScope(StrEnum):
    """Where an attribute lives. `ANY` is TraceQL's unscoped `.name`: span first, then resource."""

    ANY = "any"
    SPAN = "span"
    RESOURCE = "resource"
    EVENT = "event"
    LINK = "link"
    INSTRUMENTATION = "instrumentation"
    INTRINSIC = "intrinsic"


class Operator(StrEnum):
    """How a condition compares an attribute with its operands."""

    EXISTS = "exists"
    ABSENT = "absent"
    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute or intrinsic by scope and name.

    Intrinsic names are TraceQL's: `name`, `kind`, `status`, `statusMessage`, `duration`, `traceDuration`,
    `rootName`, `rootServiceName`, `trace:id`, `span:id`, `span:parentID`, `event:name`, `link:traceID`,
    `link:spanID`, `instrumentation:name`, `instrumentation:version`. A root has no `span:parentID`; texts
    that a span does not set are empty, not absent, and so are those of a root that has not arrived.
    """

    scope: AttributeScope
    name: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on one attribute of one span.

    Several operands mean "any of them". Durations and times are integer nanoseconds, kinds and statuses are
    OTLP's numbers, ids are lower-case hex. Comparing values of different types is never true, except that
    integers and floats compare as numbers. An absent attribute satisfies only `ABSENT`. An array satisfies
    `NE` and `NOT_MATCH` when no element is equal or matches, and any other comparison when one element does.

    Regular expressions are RE2 and anchored at both ends. `aliases` are other names of the same attribute
    (`http.status_code` has been renamed `http.response.status_code`): the condition holds when it holds for
    the attribute or any alias; `ABSENT` holds when none of them is there.
    """

    attribute: Attribute
    operator: Operator
    operands: tuple[Operand, ...] = ()
    aliases: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which spans are wanted.

    Attributes:
        start_ns: earliest start of a span, inclusive; 0 is unbounded.
        end_ns: latest start of a span, exclusive; 0 is unbounded.
        conditions: tests on single spans.
        all_conditions: True when a span must satisfy every condition, False when any one is enough.
            No conditions at all means every span.
        limit: how many traces the caller expects to take; a hint for how much to read at once.
    """

    start_ns: int = 0
    end_ns: int = 0
    conditions: tuple[Condition, ...] = ()
    all_conditions: bool = True
    limit: int = 20
