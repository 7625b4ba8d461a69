"""OTLP bodies: protobuf checked, JSON made into protobuf, before anything is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..model.signal import Signal
from . import json_parts, logs
from .errors import malformed
from .partial import Partial

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
}

# Written as hex in OTLP/JSON where protobuf's JSON has base64 (OTLP, "JSON Protobuf Encoding").
_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def check(signal: Signal, body: bytes) -> tuple[bytes, Partial | None]:
    """Refuse a body that is no `Export*ServiceRequest`.

    One walk by protobuf's own decoder, which also bounds how deep values nest (100 levels).

    Returns:
        What is to be kept, and what the sender is told of records that are not.

    Raises:
        Refused: the bytes are something else.
    """
    try:
        message = REQUESTS[signal].FromString(body)
    except DecodeError:
        raise malformed(f"the body is no OTLP {signal.name.lower()} request in protobuf") from None
    return _admitted(message, body)


def from_json(
    signal: Signal, body: bytes | bytearray, limit: int, claim: Callable[[int], None]
) -> Iterator[tuple[bytes, Partial | None]]:
    """An OTLP/JSON body as protobuf; unknown fields are ignored, as the specification asks.

    Args:
        signal: what it holds.
        body: the JSON.
        limit: a body of more bytes comes in parts, each from about so many bytes of it.
        claim: told of the room that reading takes beside the body, before it is taken.

    Yields:
        See `check`, for each part.

    Raises:
        Refused: no JSON, not of the request's shape, or too much of it in one piece.
    """
    try:
        for document in _documents(signal, body, limit, claim):
            part = _encoded(signal, document)
            # Only one part is objects at a time.
            document.clear()
            yield part
    # The JSON reader of protobuf also raises TypeError and AttributeError where a value has another type.
    except (ValueError, TypeError, AttributeError, RecursionError, json_format.ParseError) as error:
        raise malformed(f"the body is no OTLP {signal.name.lower()} request in JSON: {error}") from None


def _encoded(signal: Signal, document: dict[str, Any]) -> tuple[bytes, Partial | None]:
    message = REQUESTS[signal]()
    json_format.ParseDict(document, message, ignore_unknown_fields=True)
    return _admitted(message, message.SerializeToString())


def _documents(
    signal: Signal, body: bytes | bytearray, limit: int, claim: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    if len(body) > limit:
        yield from json_parts.split(signal, body, limit, _loads, claim)
        return
    claim(json_parts.weigh(body))
    document = _loads(body)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    yield document


def _admitted(message: Message, encoded: bytes) -> tuple[bytes, Partial | None]:
    if not isinstance(message, ExportLogsServiceRequest):
        return encoded, None
    changed, partial = logs.admit(message, len(encoded))
    return message.SerializeToString() if changed else encoded, partial


def _hex_to_base64(found: dict[str, Any]) -> dict[str, Any]:
    for name in _HEX_FIELDS & found.keys():
        if isinstance(found[name], str):
            found[name] = base64.b64encode(bytes.fromhex(found[name])).decode()
    return found


# Each object is changed as it is read: a changed copy of all would take as much again.
_loads = partial(json.loads, object_hook=_hex_to_base64)
