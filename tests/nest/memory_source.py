"""The contract of `model/source.py` in its plainest form: a list of spans, asked by brute force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import re2

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from temponest.nest.model.source import CancelCheck, CancelledError, Columns, Edge, Operation
from temponest.nest.model.span import Span, Value


class MemorySource:
    """A SpanSource over a list; `add` more at any time. `batch` traces come at once."""

    def __init__(self, spans: Iterable[Span] = (), batch: int = 3) -> None:
        self.spans: list[Span] = list(spans)
        self.batch = batch

    def add(self, spans: Iterable[Span]) -> None:
        self.spans.extend(spans)

    def search(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        newest: dict[bytes, int] = {}
        for span in self._matching(request):
            newest[span.trace_id] = max(newest.get(span.trace_id, 0), span.start_ns)
        ids = sorted(newest, key=lambda one: newest[one], reverse=True)
        for offset in range(0, len(ids), self.batch):
            _check(cancelled)
            yield ids[offset : offset + self.batch]

    def traces(self, trace_ids: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        _check(cancelled)
        found: dict[bytes, list[Span]] = {}
        for span in sorted(self.spans, key=lambda one: one.start_ns):
            if span.trace_id in trace_ids and span not in found.setdefault(span.trace_id, []):
                found[span.trace_id].append(span)
        return found

    def columns(
        self, request: FetchRequest, attributes: Sequence[Attribute], cancelled: CancelCheck
    ) -> Iterator[Columns]:
        wanted = {*attributes, *(condition.attribute for condition in request.conditions)}
        for condition in request.conditions:
            wanted.update(condition.aliases)
        matching = list(self._matching(request))
        for offset in range(0, len(matching), self.batch):
            _check(cancelled)
            some = matching[offset : offset + self.batch]
            yield Columns(
                [span.trace_id for span in some],
                [span.span_id for span in some],
                [span.start_ns for span in some],
                [span.duration_ns for span in some],
                {one: [self._value(span, one) for span in some] for one in wanted},
            )

    def attribute_names(
        self, start_ns: int, end_ns: int, cancelled: CancelCheck
    ) -> dict[AttributeScope, list[str]]:
        _check(cancelled)
        names: dict[AttributeScope, set[str]] = {}
        for span in self._matching(FetchRequest(start_ns, end_ns)):
            names.setdefault(AttributeScope.SPAN, set()).update(span.attributes)
            names.setdefault(AttributeScope.RESOURCE, set()).update(span.resource.attributes)
            names.setdefault(AttributeScope.INSTRUMENTATION, set()).update(span.scope.attributes)
            for event in span.events:
                names.setdefault(AttributeScope.EVENT, set()).update(event.attributes)
            for link in span.links:
                names.setdefault(AttributeScope.LINK, set()).update(link.attributes)
        return {scope: sorted(found) for scope, found in names.items() if found}

    def attribute_values(
        self, attribute: Attribute, request: FetchRequest, limit: int, cancelled: CancelCheck
    ) -> list[Value]:
        _check(cancelled)
        counts: Counter[Value] = Counter()
        for span in self._matching(request):
            values = self._values(span, attribute)
            counts.update(
                one for value in values for one in (value if isinstance(value, tuple) else (value,))
            )
        return [value for value, _ in counts.most_common(limit) if value is not None]

    def services(self, cancelled: CancelCheck) -> list[str]:
        _check(cancelled)
        return sorted({span.resource.service_name for span in self.spans})

    def operations(self, service: str, cancelled: CancelCheck) -> list[Operation]:
        _check(cancelled)
        mine = {(span.name, span.kind) for span in self.spans if span.resource.service_name == service}
        return [Operation(name, kind) for name, kind in sorted(mine)]

    def edges(self, start_ns: int, end_ns: int, cancelled: CancelCheck) -> list[Edge]:
        _check(cancelled)
        by_id = {(span.trace_id, span.span_id): span for span in self.spans}
        calls: Counter[tuple[str, str]] = Counter()
        for span in self._matching(FetchRequest(start_ns, end_ns)):
            parent = by_id.get((span.trace_id, span.parent_span_id))
            if parent and parent.resource.service_name != span.resource.service_name:
                calls[parent.resource.service_name, span.resource.service_name] += 1
        return [Edge(parent, child, count) for (parent, child), count in sorted(calls.items())]

    def _matching(self, request: FetchRequest) -> Iterator[Span]:
        for span in self.spans:
            if span.start_ns < request.start_ns or (request.end_ns and span.start_ns >= request.end_ns):
                continue
            results = [self._holds(span, condition) for condition in request.conditions]
            if not results or (all(results) if request.all_conditions else any(results)):
                yield span

    def _holds(self, span: Span, condition: Condition) -> bool:
        names = (condition.attribute, *condition.aliases)
        if condition.operator is Operator.ABSENT:
            return not any(self._values(span, name) for name in names)
        if condition.operator is Operator.EXISTS:
            return any(self._values(span, name) for name in names)
        return any(
            _compares(condition.operator, value, operand)
            for name in names
            for value in self._values(span, name)
            for operand in condition.operands
        )

    def _value(self, span: Span, attribute: Attribute) -> Value:
        values = self._values(span, attribute)
        return values[0] if values else None

    def _values(self, span: Span, attribute: Attribute) -> list[Value]:
        """Every value of an attribute on a span; more than one only for events and links."""
        name = attribute.name
        found: list[Value]
        match attribute.scope:
            case AttributeScope.SPAN:
                found = [span.attributes.get(name)]
            case AttributeScope.RESOURCE:
                found = [span.resource.attributes.get(name)]
            case AttributeScope.ANY:
                own = span.attributes.get(name)
                found = [own if own is not None else span.resource.attributes.get(name)]
            case AttributeScope.INSTRUMENTATION:
                found = [span.scope.attributes.get(name)]
            case AttributeScope.EVENT:
                found = [event.attributes.get(name) for event in span.events]
            case AttributeScope.LINK:
                found = [link.attributes.get(name) for link in span.links]
            case AttributeScope.INTRINSIC:
                found = self._intrinsic(span, name)
        return [value for value in found if value is not None]

    def _intrinsic(self, span: Span, name: str) -> list[Value]:
        trace = [one for one in self.spans if one.trace_id == span.trace_id]
        roots = sorted((one for one in trace if not one.parent_span_id), key=lambda one: one.start_ns)
        simple: dict[str, list[Value]] = {
            "name": [span.name],
            "kind": [int(span.kind)],
            "status": [int(span.status)],
            "statusMessage": [span.status_message],
            "duration": [span.duration_ns],
            "traceDuration": [max(one.end_ns for one in trace) - min(one.start_ns for one in trace)],
            "rootName": [roots[0].name if roots else ""],
            "rootServiceName": [roots[0].resource.service_name if roots else ""],
            "trace:id": [span.trace_id.hex()],
            "span:id": [span.span_id.hex()],
            "span:parentID": [span.parent_span_id.hex() or None],
            "event:name": [event.name for event in span.events],
            "link:traceID": [link.trace_id.hex() for link in span.links],
            "link:spanID": [link.span_id.hex() for link in span.links],
            "instrumentation:name": [span.scope.name],
            "instrumentation:version": [span.scope.version],
        }
        return simple[name]


def _compares(operator: Operator, value: Value, operand: Operand) -> bool:
    if isinstance(value, tuple):
        if operator in (Operator.NE, Operator.NOT_MATCH):
            opposite = Operator.EQ if operator is Operator.NE else Operator.MATCH
            return not any(_compares(opposite, one, operand) for one in value)
        return any(_compares(operator, one, operand) for one in value)
    if operator in (Operator.MATCH, Operator.NOT_MATCH):
        if not isinstance(value, str):
            return False
        return bool(re2.fullmatch(str(operand), value)) is (operator is Operator.MATCH)
    if isinstance(value, bool) and operator not in (Operator.EQ, Operator.NE):
        return False
    numbers = _is_number(value) and _is_number(operand)
    if not numbers and type(value) is not type(operand):
        return False
    match operator:
        case Operator.EQ:
            return value == operand
        case Operator.NE:
            return value != operand
        case Operator.LT:
            return value < operand  # type: ignore[operator]  # the types were just found equal
        case Operator.LE:
            return value <= operand  # type: ignore[operator]  # same
        case Operator.GT:
            return value > operand  # type: ignore[operator]  # same
        case _:
            return value >= operand  # type: ignore[operator]  # same


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(cancelled: CancelCheck) -> None:
    if cancelled():
        raise CancelledError
