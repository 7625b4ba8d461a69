"""Spans for tests, with as little ceremony as possible; identifiers are small numbers, times seconds."""

from __future__ import annotations

from temponest.nest.model.span import Attributes, Event, Kind, Link, Resource, Scope, Span, Status

# A moment with nanoseconds that no float can hold.
T0 = 1_700_000_000_123_456_789
SECOND = 1_000_000_000


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big") if number else b""


def span(
    trace: int,
    number: int,
    parent: int = 0,
    name: str = "op",
    *,
    service: str = "shop",
    at: float = 0,
    takes: float = 1,
    kind: int = Kind.INTERNAL,
    status: int = Status.UNSET,
    message: str = "",
    attributes: Attributes | None = None,
    resource: Attributes | None = None,
    scope: Scope | None = None,
    events: list[Event] | None = None,
    links: list[Link] | None = None,
) -> Span:
    """A span that starts `at` seconds after T0 and takes `takes` seconds."""
    start = T0 + round(at * SECOND)
    return Span(
        trace_id=trace_id(trace),
        span_id=span_id(number),
        parent_span_id=span_id(parent),
        name=name,
        kind=kind,
        start_ns=start,
        end_ns=start + round(takes * SECOND),
        status=status,
        status_message=message,
        attributes=attributes or {},
        resource=Resource({"service.name": service, **(resource or {})}),
        scope=scope or Scope(),
        events=events or [],
        links=links or [],
    )


def two_services() -> list[Span]:
    """One trace over two services with an error, an event and a link, and an older, faster one."""
    return [
        span(1, 1, 0, "GET /orders", service="web", at=100, takes=3, kind=Kind.SERVER),
        span(
            1,
            2,
            1,
            "POST",
            service="web",
            at=100.5,
            takes=2,
            kind=Kind.CLIENT,
            attributes={"http.request.method": "POST", "http.response.status_code": 500, "big": 2**60},
        ),
        span(
            1,
            3,
            2,
            "POST /pay",
            service="pay",
            at=101,
            takes=1,
            kind=Kind.SERVER,
            status=Status.ERROR,
            message="card refused",
            attributes={"http.response.status_code": 500, "retry": True, "cost": 1.5},
            resource={"host.name": "a"},
            scope=Scope("fastapi", "1.0"),
            events=[Event(T0 + 101 * SECOND + 1000, "exception", {"exception.type": "Refused"})],
            links=[Link(trace_id(2), span_id(1), attributes={"why": "retry"})],
        ),
        span(2, 1, 0, "GET /health", service="web", at=50, takes=0.001, kind=Kind.SERVER),
    ]
