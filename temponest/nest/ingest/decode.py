"""OTLP bodies: protobuf checked, JSON made into protobuf, before anything is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..model.signal import Signal
from . import logs
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


def from_json(signal: Signal, body: bytes) -> tuple[bytes, Partial | None]:
    """An OTLP/JSON body as protobuf; unknown fields are ignored, as the specification asks.

    Returns:
        See `check`.

    Raises:
        Refused: no JSON, or not of the request's shape.
    """
    try:
        document = _hex_to_base64(json.loads(body))
        if not isinstance(document, dict):
            raise ValueError("it is not an object")
        message = json_format.ParseDict(document, REQUESTS[signal](), ignore_unknown_fields=True)
    # The JSON reader of protobuf also raises TypeError and AttributeError where a value has another type.
    except (ValueError, TypeError, AttributeError, RecursionError, json_format.ParseError) as error:
        raise malformed(f"the body is no OTLP {signal.name.lower()} request in JSON: {error}") from None
    return _admitted(message, message.SerializeToString())


def _admitted(message: Message, encoded: bytes) -> tuple[bytes, Partial | None]:
    if not isinstance(message, ExportLogsServiceRequest):
        return encoded, None
    changed, partial = logs.admit(message, len(encoded))
    return message.SerializeToString() if changed else encoded, partial


def _hex_to_base64(document: Any) -> Any:
    if isinstance(document, list):
        return [_hex_to_base64(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode()
        if name in _HEX_FIELDS and isinstance(item, str)
        else _hex_to_base64(item)
        for name, item in document.items()
    }
