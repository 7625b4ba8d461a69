"""What the encoder writes is what the official encoder writes, for any span."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from shared.telemetry.otlp.attributes import Extended, Prepared
from shared.telemetry.otlp.request import assemble
from shared.telemetry.otlp.spans import encode_resource, encode_scope, encode_span
from shared.telemetry.scrub import is_secret_name
from shared.telemetry.trace.provider import TracerProvider
from shared.telemetry.trace.span import Span

# Scrubbing is tested on its own; here nothing generated may look like a secret.
TEXT = st.text(max_size=20).filter(lambda text: "=" not in text and ":" not in text)
KEYS = st.one_of(
    st.sampled_from(["http.route", "db.query.text", "n", "ok"]),
    st.text(alphabet=string.ascii_lowercase + ".é", min_size=1, max_size=10),
).filter(lambda key: not is_secret_name(key))
INTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 1, 200, -1]))
FLOATS = st.one_of(st.floats(allow_nan=False), st.sampled_from([0.0, 1.0, -0.0, 200.0]))
SCALARS = st.one_of(TEXT, INTS, FLOATS, st.booleans(), st.binary(max_size=10), st.none())
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=8)
SIMPLE: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    KEYS, st.one_of(TEXT, INTS, FLOATS, st.booleans()), max_size=3
)
TIMES = st.integers(1, 2**63 - 1)
STATES = st.sampled_from([TraceState(), TraceState([("a", "1")]), TraceState([("a", "1"), ("b@c", "x y")])])
CONTEXTS = st.builds(
    SpanContext,
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    STATES,
)

PROVIDER = TracerProvider(resource=Resource({"service.name": "s", "n": 1}))
TRACER = PROVIDER.get_tracer("scope", "1.0", attributes={"a": "b"})


@st.composite
def spans(draw: st.DrawFn) -> Span:
    parent = draw(st.none() | CONTEXTS.filter(lambda context: context.trace_flags.sampled))
    context = Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context())
    if draw(st.booleans()):
        context = set_span_in_context(TRACER.start_span("above", context), context)
    at_start = draw(ATTRIBUTES)
    own = {key: value for key, value in draw(SIMPLE).items() if key not in at_start}
    span = TRACER.start_span(
        draw(TEXT),
        context,
        draw(st.sampled_from(SpanKind)),
        draw(st.sampled_from([Prepared(at_start), Extended(Prepared(at_start), own), at_start])),
        [
            Link(context, attributes)
            for context, attributes in draw(st.lists(st.tuples(CONTEXTS, ATTRIBUTES), max_size=2))
        ],
        draw(TIMES),
    )
    assert isinstance(span, Span)
    for key, value in draw(ATTRIBUTES).items():
        span.set_attribute(key, value)
    for name, attributes, time in draw(st.lists(st.tuples(TEXT, ATTRIBUTES, TIMES), max_size=3)):
        span.add_event(name, attributes, time)
    if draw(st.booleans()):
        span.set_status(draw(st.sampled_from(StatusCode)), None)
    if draw(st.booleans()):
        span.set_status(StatusCode.ERROR, draw(TEXT))
    span.end(draw(TIMES))
    return span


@settings(max_examples=300, deadline=None)
@given(span=spans())
def test_a_span_is_the_message_of_the_official_encoder(span: Span) -> None:
    expected = encode_spans([span]).resource_spans[0].scope_spans[0].spans[0]
    for message, link in zip(expected.links, span.links, strict=True):
        # The official encoder leaves this field of the protocol out.
        message.trace_state = link.context.trace_state.to_header()

    assert trace_pb2.Span.FromString(encode_span(span)) == expected


@settings(max_examples=100, deadline=None)
@given(attributes=ATTRIBUTES, names=st.lists(TEXT, max_size=4), url=TEXT)
def test_a_request_is_the_message_of_the_official_encoder(
    attributes: dict[str, Any], names: list[str], url: str
) -> None:
    provider = TracerProvider(resource=Resource(attributes, url))
    ended: list[Span] = []
    groups: dict[bytes, list[bytes]] = {}
    for number, name in enumerate(names):
        tracer = provider.get_tracer(f"scope{number % 2}", "1.0", url, attributes)
        span = tracer.start_span(name)
        assert isinstance(span, Span)
        span.end()
        ended.append(span)
        groups.setdefault(encode_scope(span.instrumentation_scope), []).append(encode_span(span))

    body = assemble(encode_resource(provider.resource), groups.items()) if ended else b""

    assert ExportTraceServiceRequest.FromString(body) == encode_spans(ended)


@pytest.mark.parametrize(
    ("value", "text"),
    [(2**63, "9223372036854775808"), (-(2**63) - 1, "-9223372036854775809"), ("a\ud800", "a?")],
)
def test_what_protobuf_cannot_carry_is_sent_as_text(value: Any, text: str) -> None:
    span = TRACER.start_span("s", attributes={"k": value})
    span.end()
    assert isinstance(span, Span)

    message = trace_pb2.Span.FromString(encode_span(span))

    assert message.attributes[0].value.string_value == text
