"""Pre-encoded load: the same OTLP requests for every receiver, with ids and times of their own each time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVICES = ("gateway", "auth", "agents", "billing", "search")
SPANS_PER_TRACE = 10
_ROUTES = ("/api/v1/agents/{id}", "/api/v1/agents", "/token", "/api/v1/users/{id}", "/search")
_QUERIES = ("SELECT id, name FROM agents WHERE id = $1", "SELECT 1 FROM users WHERE tenant = $1 AND id = $2")


def request(spans: int, seed: int) -> ExportTraceServiceRequest:
    """A request with that many spans of five services, ten attributes each, in traces of ten spans."""
    dice = random.Random(seed)  # noqa: S311 - a load to repeat, not a secret
    made = ExportTraceServiceRequest()
    scoped = {}
    for name in SERVICES:
        group = made.resource_spans.add()
        for key, value in (
            ("service.name", name),
            ("service.version", "1.0.0"),
            ("deployment.environment.name", "production"),
            ("service.instance.id", f"{name}-1"),
            ("telemetry.sdk.language", "python"),
        ):
            group.resource.attributes.add(key=key).value.string_value = value
        scoped[name] = group.scope_spans.add()
        scoped[name].scope.name = "shared.telemetry"
    for index in range(spans):
        number = index % SPANS_PER_TRACE
        if number == 0:
            trace_id, ids, begin = dice.randbytes(16), list[bytes](), dice.randrange(10**9)
        span = scoped[SERVICES[number // 2]].spans.add(trace_id=trace_id, span_id=dice.randbytes(8))
        span.parent_span_id = dice.choice(ids) if ids else b""
        ids.append(span.span_id)
        route = dice.choice(_ROUTES)
        span.name = f"GET {route}" if number % 2 == 0 else "SELECT agents"
        span.kind = 2 if number % 2 == 0 else 3  # type: ignore[assignment] # SERVER and CLIENT by number
        span.start_time_unix_nano = begin + number * 1_000_000 + dice.randrange(900_000)
        span.end_time_unix_nano = span.start_time_unix_nano + dice.randrange(100_000, 50_000_000)
        span.flags = 0x101
        for key, text in (
            ("http.request.method", dice.choice(("GET", "POST", "PUT"))),
            ("http.route", route),
            ("server.address", dice.choice(("auth", "agents", "db-1"))),
            ("url.scheme", "http"),
            ("network.protocol.version", "1.1"),
            ("user.id", f"user-{dice.randrange(10_000)}"),
            ("db.query.text", dice.choice(_QUERIES)),
            ("tenant", f"tenant-{dice.randrange(50)}"),
        ):
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="http.response.status_code").value.int_value = dice.choice(
            (200, 200, 200, 404, 500)
        )
        span.attributes.add(key="server.port").value.int_value = dice.choice((9000, 9002, 5432))
        if dice.random() < 0.02:
            span.status.code = 2  # type: ignore[assignment] # ERROR by number
            event = span.events.add(name="exception", time_unix_nano=span.start_time_unix_nano)
            event.attributes.add(key="exception.type").value.string_value = "ValueError"
    return made


@dataclass
class _Template:
    """An encoded request and where its ids and times are in it."""

    content: npt.NDArray[np.uint8]
    trace_ids: npt.NDArray[np.int64]
    span_ids: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.int64]


class Load:
    """An endless supply of encoded requests.

    Args:
        spans: spans in a request.
        variety: distinct requests to begin with.
        seed: makes ids repeatable.
    """

    def __init__(self, spans: int = 1000, variety: int = 16, seed: int = 1) -> None:
        self.spans = spans
        self._dice = np.random.default_rng(seed)
        self._templates = [_template(request(spans, seed * 1000 + number)) for number in range(variety)]

    def bodies(self, count: int) -> Iterator[bytes]:
        """`count` requests that start when they are asked for."""
        for number in range(count):
            yield self.body(number, time.time_ns())

    def body(self, number: int, start_ns: int) -> bytes:
        """One request whose first span starts about `start_ns`."""
        template = self._templates[number % len(self._templates)]
        content = template.content.copy()
        trace_mask = self._dice.integers(0, 256, 16, np.uint8)
        span_mask = self._dice.integers(0, 256, 8, np.uint8)
        content[template.trace_ids[:, None] + np.arange(16)] ^= trace_mask
        content[template.span_ids[:, None] + np.arange(8)] ^= span_mask
        times = template.values + np.int64(start_ns)
        content[template.times[:, None] + np.arange(8)] = times.astype("<i8").view(np.uint8).reshape(-1, 8)
        return content.tobytes()

    def trace_ids(self, body: bytes) -> list[bytes]:
        """The distinct trace ids in a request."""
        parsed = ExportTraceServiceRequest.FromString(body)
        every = (s.trace_id for r in parsed.resource_spans for c in r.scope_spans for s in c.spans)
        return list(dict.fromkeys(every))


def _template(made: ExportTraceServiceRequest) -> _Template:
    content = made.SerializeToString()
    spans = [span for group in made.resource_spans for scoped in group.scope_spans for span in scoped.spans]
    trace_ids, span_ids, times, values = [], [], [], []
    at = 0
    for span in spans:
        at = content.index(b"\x0a\x10" + span.trace_id, at)
        trace_ids.append(at + 2)
        at = content.index(b"\x12\x08" + span.span_id, at)
        span_ids.append(at + 2)
        if span.parent_span_id:
            at = content.index(b"\x22\x08" + span.parent_span_id, at)
            span_ids.append(at + 2)
        for tag, moment in ((b"\x39", span.start_time_unix_nano), (b"\x41", span.end_time_unix_nano)):
            at = content.index(tag + moment.to_bytes(8, "little"), at)
            times.append(at + 1)
            values.append(moment)
    return _Template(
        np.frombuffer(content, np.uint8),
        *(np.array(one, np.int64) for one in (trace_ids, span_ids, times, values)),
    )
