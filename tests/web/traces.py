"""Traces of a small shop of services, the same for every run: what the stand-in serves."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

Value = str | int | float | bool | list[str]
INTERNAL, SERVER, CLIENT = 1, 2, 3
MS = 1_000_000
STACKTRACE = """Traceback (most recent call last):
  File "app/runs.py", line 88, in run
    answer = await model.complete(prompt)
TimeoutError: upstream model timed out after 2.0 s
"""


@dataclass
class Record:
    """One span as the stand-in keeps it; times in nanoseconds."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    service: str
    name: str
    kind: int
    start: int
    duration: int
    attributes: dict[str, Value] = field(default_factory=dict)
    resource: dict[str, Value] = field(default_factory=dict)
    error: str | None = None
    events: list[tuple[int, str, dict[str, Value]]] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)


class Maker:
    """Makes traces from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same data in every run is what is wanted

    def id(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def span(
        self,
        parent: Record | None,
        service: str,
        name: str,
        kind: int,
        start: int,
        duration: int,
        **attributes: Value,
    ) -> Record:
        return Record(
            trace_id=parent.trace_id if parent else self.id(16),
            span_id=self.id(8),
            parent_id=parent.span_id if parent else b"",
            service=service,
            name=name,
            kind=kind,
            start=start,
            duration=max(1000, duration),
            attributes={key.replace("__", "."): value for key, value in attributes.items()},
            resource={
                "service.name": service,
                "service.version": "1.4.2" if service.endswith("agents") else "1.1.0",
                "deployment.environment.name": "demo",
                "telemetry.sdk.name": "temponest",
                "host.name": "nest-1",
            },
        )

    def run_agent(self, start: int) -> list[Record]:
        """POST /api/v1/agents/{id}/run: verifies the token at auth, queries, runs tools, posts a webhook."""
        r = self.random
        slow = r.random() < 0.12
        version = "1.5.0-rc1" if slow and r.random() < 0.9 else "1.4.2"
        unit = r.lognormvariate(0, 0.35) * MS
        failed = r.random() < 0.06
        root = self.span(
            None,
            "temponest-agents",
            "POST /api/v1/agents/{agent_id}/run",
            SERVER,
            start,
            0,
            http__request__method="POST",
            http__route="/api/v1/agents/{agent_id}/run",
            http__response__status_code=502 if failed else 200,
            url__path=f"/api/v1/agents/{r.randrange(40)}/run",
            user_agent__original="python-httpx/0.28.1",
            enduser__tier=r.choice(["free", "free", "pro", "team"]),
        )
        spans = [root]
        root.resource["service.version"] = version
        at = start + int(0.4 * unit)
        call = self.span(
            root,
            "temponest-agents",
            "GET",
            CLIENT,
            at,
            int(6.2 * unit),
            http__request__method="GET",
            url__full="http://localhost:9002/api/v1/token/verify",
            server__address="localhost",
            server__port=9002,
            http__response__status_code=200,
        )
        verify = self.span(
            call,
            "temponest-auth",
            "GET /api/v1/token/verify",
            SERVER,
            at + int(0.7 * unit),
            int(4.6 * unit),
            http__route="/api/v1/token/verify",
            http__response__status_code=200,
        )
        hit = r.random() < 0.7
        cache = self.span(
            verify,
            "temponest-auth",
            "GET",
            CLIENT,
            verify.start + int(0.5 * unit),
            int(0.6 * unit),
            db__system__name="redis",
            db__operation__name="GET",
            cache__hit=hit,
        )
        spans += [call, verify, cache]
        if not hit:
            spans.append(
                self.span(
                    verify,
                    "temponest-auth",
                    "SELECT users",
                    CLIENT,
                    cache.start + cache.duration + int(0.2 * unit),
                    int(2.4 * unit),
                    db__system__name="postgresql",
                    db__operation__name="SELECT",
                    db__query__text="SELECT id, email, role FROM users WHERE id = $1",
                    db__namespace="auth",
                )
            )
        at = call.start + call.duration + int(0.3 * unit)
        load = self.span(
            root,
            "temponest-agents",
            "SELECT agents",
            CLIENT,
            at,
            int(1.9 * unit),
            db__system__name="postgresql",
            db__operation__name="SELECT",
            db__query__text="SELECT id, name, model, prompt FROM agents WHERE id = $1",
            db__namespace="agents",
        )
        run = self.span(
            root,
            "temponest-agents",
            "run agent",
            INTERNAL,
            load.start + load.duration + int(0.2 * unit),
            0,
            agent__model=r.choice(["small", "small", "large"]),
            agent__steps=3,
        )
        spans += [load, run]
        at = run.start + int(0.3 * unit)
        for step in range(3):
            took = int(r.uniform(2.5, 6) * unit * (9 if slow and step == 1 else 1))
            tool = self.span(
                run,
                "temponest-agents",
                f"step {['plan', 'search', 'answer'][step]}",
                INTERNAL,
                at,
                took,
                agent__step=step,
                gen_ai__operation__name="execute_tool",
            )
            spans.append(tool)
            if step == 1:
                n = r.randrange(12, 40)
                gap = took // (n + 1)
                spans += [
                    self.span(
                        tool,
                        "temponest-agents",
                        "SELECT documents",
                        CLIENT,
                        at + gap // 2 + i * gap,
                        int(gap * 0.8),
                        db__system__name="postgresql",
                        db__operation__name="SELECT",
                        db__namespace="agents",
                        db__query__text="SELECT body FROM documents WHERE id = $1",
                    )
                    for i in range(n)
                ]
            at += took + int(0.2 * unit)
        if failed:
            spans[-1].error = "upstream model timed out"
            run.error = "upstream model timed out"
            root.error = "502 Bad Gateway"
            run.events.append(
                (
                    at - int(0.1 * unit),
                    "exception",
                    {
                        "exception.type": "TimeoutError",
                        "exception.message": "upstream model timed out after 2.0 s",
                        "exception.stacktrace": STACKTRACE,
                    },
                )
            )
        run.duration = at - run.start
        run.events.append(
            (run.start + run.duration // 2, "model.selected", {"model": str(run.attributes["agent.model"])})
        )
        save = self.span(
            root,
            "temponest-agents",
            "INSERT runs",
            CLIENT,
            at + int(0.2 * unit),
            int(2.2 * unit),
            db__system__name="postgresql",
            db__operation__name="INSERT",
            db__query__text="INSERT INTO runs (agent_id, status, output) VALUES ($1, $2, $3)",
        )
        put = self.span(
            root,
            "temponest-agents",
            "SET",
            CLIENT,
            save.start + save.duration,
            int(0.5 * unit),
            db__system__name="redis",
            db__operation__name="SET",
        )
        root.duration = put.start + put.duration + int(0.4 * unit) - start
        hook = self.span(
            root,
            "temponest-agents",
            "POST",
            CLIENT,
            root.start + root.duration - int(0.2 * unit),
            int(8 * unit),
            http__request__method="POST",
            url__full="https://hooks.example.com/agents",
            server__address="hooks.example.com",
            http__response__status_code=204,
        )
        return [*spans, save, put, hook]

    def small(self, start: int) -> list[Record]:
        """A login, a list of agents, or a 404."""
        r = self.random
        unit = r.lognormvariate(0, 0.5) * MS
        service, name, status, took = r.choice(
            [
                ("temponest-auth", "POST /api/v1/login", 200, 48.0),
                ("temponest-auth", "GET /api/v1/users", 200, 3.1),
                ("temponest-agents", "GET /api/v1/agents", 200, 5.2),
                ("temponest-agents", "GET /api/v1/agents", 200, 4.1),
                ("temponest-agents", "GET /api/v1/agents/{agent_id}", 404, 2.2),
            ]
        )
        method, _, route = name.partition(" ")
        root = self.span(
            None,
            service,
            name,
            SERVER,
            start,
            int(took * unit),
            http__request__method=method,
            http__route=route,
            http__response__status_code=status,
            enduser__tier=r.choice(["free", "pro", "team"]),
        )
        query = self.span(
            root,
            service,
            "SELECT users" if "auth" in service else "SELECT agents",
            CLIENT,
            start + int(0.4 * unit),
            int(1.4 * unit),
            db__system__name="postgresql",
            db__operation__name="SELECT",
        )
        return [root, query]


def demo_traces(now: int, count: int = 260, window_s: int = 3300) -> list[list[Record]]:
    """Traces that ended before `now` (unix nanoseconds), spread over the window, newest last."""
    maker = Maker(7)
    times = sorted(maker.random.uniform(3, window_s) for _ in range(count))
    return [
        (maker.run_agent if maker.random.random() < 0.5 else maker.small)(now - int(before * 1e9))
        for before in reversed(times)
    ]


def large_trace(count: int, now: int) -> list[Record]:
    """One trace of `count` spans over 24 services: wide and deep as real ones are."""
    maker = Maker(11)
    r = maker.random
    services = [f"service-{i:02}" for i in range(24)]
    root = maker.span(None, services[0], "GET /checkout", SERVER, now - 60_000 * MS, 30_000 * MS)
    spans = [root]
    frontier = [root]
    while len(spans) < count:
        parent = frontier[r.randrange(max(0, len(frontier) - 400), len(frontier))]
        service = parent.service if r.random() < 0.7 else r.choice(services)
        start = parent.start + int(r.random() * parent.duration * 0.7)
        duration = int((parent.start + parent.duration - start) * r.uniform(0.05, 0.9))
        child = maker.span(
            parent,
            service,
            f"operation {r.randrange(60)}",
            r.choice([1, 2, 3]),
            start,
            duration,
            http__route=f"/api/v1/items/{{id}}/{r.randrange(9)}",
            http__response__status_code=200,
            db__system__name="postgresql",
            db__query__text="SELECT id, name, price FROM items WHERE id = $1",
            thread__id=r.randrange(64),
            net__peer__name=f"{service}.internal",
            retry=r.randrange(3),
            cached=r.random() < 0.5,
        )
        if r.random() < 0.004:
            child.error = "deadline exceeded"
        spans.append(child)
        if duration > 20_000:
            frontier.append(child)
    return spans


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
    return AnyValue(string_value=value)


def _pairs(attributes: dict[str, Value]) -> Iterator[KeyValue]:
    return (KeyValue(key=key, value=_value(value)) for key, value in attributes.items())


def encode(spans: list[Record]) -> TracesData:
    """The OTLP message of one trace; its bytes are also Tempo's first protobuf form of a trace."""
    groups: dict[tuple[tuple[str, str], ...], ScopeSpans] = {}
    data = TracesData()
    for span in spans:
        key = tuple((name, str(value)) for name, value in span.resource.items())
        if key not in groups:
            group = ResourceSpans(
                resource=Resource(attributes=_pairs(span.resource)), scope_spans=[ScopeSpans()]
            )
            group.scope_spans[0].scope.name = "shared.telemetry"
            data.resource_spans.append(group)
            groups[key] = data.resource_spans[-1].scope_spans[0]
        groups[key].spans.append(
            Span(
                trace_id=span.trace_id,
                span_id=span.span_id,
                parent_span_id=span.parent_id,
                name=span.name,
                kind=span.kind,  # type: ignore[arg-type] # the generated enum is an int
                start_time_unix_nano=span.start,
                end_time_unix_nano=span.start + span.duration,
                attributes=_pairs(span.attributes),
                events=[
                    Span.Event(time_unix_nano=t, name=n, attributes=_pairs(a)) for t, n, a in span.events
                ],
                links=[Span.Link(trace_id=t, span_id=s) for t, s in span.links],
                status=Status(code=Status.STATUS_CODE_ERROR, message=span.error) if span.error else Status(),
            )
        )
    return data


def delimited(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, out = len(body), bytearray()
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(out) + bytes([size]) + body
