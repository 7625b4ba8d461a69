"""What people ask about traces, in our words: services, operations, one trace, traces that match."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..model.budget import Budget
from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from ..model.source import CancelledError, Edge, Operation, SpanSource
from ..model.span import Kind, Span, Status, Value
from ..traceql.candidates import chunks
from ..traceql.engine import CutOff, load
from ..traceql.rules.alias_names import aliases_of

# A search stops when its traces have this many spans: as objects they are some 100 MB, and again as JSON.
MAX_SPANS = 100_000


@dataclass(frozen=True, slots=True)
class SpanQuery:
    """A search as forms and Jaeger's API put it: every test must hold on one and the same span.

    Attributes:
        service: `service.name` of the span's resource; empty is any.
        operation: the span's name; empty is any.
        tags: attribute names (span, resource, scope, event or link) and the text form of their value.
        min_duration_ns, max_duration_ns: of the span, inclusive; 0 is unbounded.
        start_ns, end_ns: window of the span's start, end exclusive; 0 is unbounded.
        limit: how many traces.
    """

    service: str = ""
    operation: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    min_duration_ns: int = 0
    max_duration_ns: int = 0
    start_ns: int = 0
    end_ns: int = 0
    limit: int = 100


@dataclass(slots=True)
class FoundTraces:
    """Traces newest first, complete; `cut_off` says why there may be more."""

    traces: list[list[Span]]
    cut_off: CutOff | None


class Traces:
    """Questions about traces, answered from one source.

    Args:
        source: where the spans are.
    """

    def __init__(self, source: SpanSource) -> None:
        self._source = source

    def services(self, budget: Budget) -> list[str]:
        """Names of the services, sorted."""
        return self._source.services(budget.cancelled)

    def operations(self, service: str, kind: Kind | None, budget: Budget) -> list[Operation]:
        """Span names of a service with their kinds, sorted; only of `kind` when it is given."""
        every = self._source.operations(service, budget.cancelled)
        return [one for one in every if kind is None or one.kind == kind]

    def edges(self, start_ns: int, end_ns: int, budget: Budget) -> list[Edge]:
        """Calls from one service to another in a window."""
        every = self._source.edges(start_ns, end_ns, budget.cancelled)
        return [edge for edge in every if edge.parent != edge.child]

    def trace(self, trace_id: bytes, budget: Budget) -> list[Span]:
        """The spans of a trace by start; empty when there is no such trace."""
        return self._source.traces([trace_id], budget.cancelled).get(trace_id, [])

    def by_ids(self, trace_ids: Sequence[bytes], budget: Budget) -> dict[bytes, list[Span]]:
        """The traces that exist among these ids."""
        return self._source.traces(list(trace_ids), budget.cancelled)

    def find(self, query: SpanQuery, budget: Budget) -> FoundTraces:
        """Traces with a span that passes every test, newest first."""
        matches = _predicate(query)
        found: list[list[Span]] = []
        cut_off: CutOff | None = None
        request = FetchRequest(
            query.start_ns, query.end_ns, _conditions(query), all_conditions=True, limit=query.limit
        )
        spans = 0
        try:
            for chunk in chunks(self._source.search(request, budget.cancelled)):
                for trace in load(self._source, chunk, budget):
                    if any(map(matches, trace.spans)):
                        found.append(trace.spans)
                        spans += len(trace.spans)
                if len(found) > query.limit:
                    cut_off = CutOff.LIMIT
                    break
                if spans >= MAX_SPANS:
                    cut_off = CutOff.SIZE
                    break
        except CancelledError:
            if not budget.spent():
                raise
            cut_off = CutOff.TIME
        found.sort(key=lambda spans: min(span.start_ns for span in spans), reverse=True)
        return FoundTraces(found[: query.limit], cut_off)


def _conditions(query: SpanQuery) -> tuple[Condition, ...]:
    conditions = []
    if query.service and query.service != "unknown_service":
        service = Attribute(AttributeScope.RESOURCE, "service.name")
        conditions.append(Condition(service, Operator.EQ, (query.service,)))
    if query.operation:
        name = Attribute(AttributeScope.INTRINSIC, "name")
        conditions.append(Condition(name, Operator.EQ, (query.operation,)))
    duration = Attribute(AttributeScope.INTRINSIC, "duration")
    if query.min_duration_ns:
        conditions.append(Condition(duration, Operator.GE, (query.min_duration_ns,)))
    if query.max_duration_ns:
        conditions.append(Condition(duration, Operator.LE, (query.max_duration_ns,)))
    for key, text in query.tags:
        condition = _tag_condition(key, text)
        if condition is not None:
            conditions.append(condition)
    return tuple(conditions)


def _tag_condition(key: str, text: str) -> Condition | None:
    if key == "error" and text in ("true", "false"):
        if text == "false":
            return None
        status = Attribute(AttributeScope.INTRINSIC, "status")
        return Condition(status, Operator.EQ, (int(Status.ERROR),))
    if key in _MAGIC or key.startswith("resource."):
        return None
    operands: list[Operand] = [text]
    if text in ("true", "false"):
        operands.append(text == "true")
    try:
        operands.append(int(text) if text.lstrip("-").isdecimal() else float(text))
    except ValueError:
        # Lists and mappings are compared by their JSON text, which no store keeps: ask for the key alone.
        if text[:1] in ("[", "{"):
            return None
    scopes = (AttributeScope.EVENT, AttributeScope.LINK, AttributeScope.INSTRUMENTATION)
    anywhere = Attribute(AttributeScope.ANY, key)
    # ANY stops at the span's own value; a resource may have another one.
    resource = Attribute(AttributeScope.RESOURCE, key)
    others = (resource, *(Attribute(scope, key) for scope in scopes), *aliases_of(anywhere))
    return Condition(anywhere, Operator.EQ, tuple(operands), others)


_MAGIC: dict[str, Callable[[Span], str]] = {
    "span.kind": lambda span: Kind(span.kind).name.lower(),
    "span.status": lambda span: Status(span.status).name.lower(),
    "scope.name": lambda span: span.scope.name,
    "scope.version": lambda span: span.scope.version,
}


def _predicate(query: SpanQuery) -> Callable[[Span], bool]:
    tests = [_tag_test(key, text) for key, text in query.tags]

    def matches(span: Span) -> bool:
        return (
            (not query.service or span.resource.service_name == query.service)
            and (not query.operation or span.name == query.operation)
            and span.duration_ns >= query.min_duration_ns
            and (not query.max_duration_ns or span.duration_ns <= query.max_duration_ns)
            and span.start_ns >= query.start_ns
            and (not query.end_ns or span.start_ns < query.end_ns)
            and all(test(span) for test in tests)
        )

    return matches


def _tag_test(key: str, text: str) -> Callable[[Span], bool]:
    if key == "error" and text in ("true", "false"):
        return lambda span: (span.status == Status.ERROR) is (text == "true")
    if key in _MAGIC:
        read = _MAGIC[key]
        return lambda span: read(span) == text.lower() or read(span) == text
    if key.startswith("resource."):
        name = key.removeprefix("resource.")
        return lambda span: text_of(span.resource.attributes.get(name)) == text
    names = (key, *(alias.name for alias in aliases_of(Attribute(AttributeScope.ANY, key))))

    def test(span: Span) -> bool:
        places = (
            span.attributes,
            span.resource.attributes,
            span.scope.attributes,
            *(event.attributes for event in span.events),
            *(link.attributes for link in span.links),
        )
        return any(name in place and text_of(place[name]) == text for place in places for name in names)

    return test


def text_of(value: Value) -> str | None:
    """The text form of an attribute's value: what people type to find it."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case float():
            return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case bytes():
            return value.hex()
        case _:
            return json.dumps(value, default=lambda one: one.hex(), separators=(",", ":"))
