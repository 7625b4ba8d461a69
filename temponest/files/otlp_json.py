"""OTLP/JSON, one request a line: ids in hexadecimal, enums as numbers, 64-bit integers as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import IO, Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .errors import FileError

# The nest takes no larger request.
MOST_BYTES = 64 * 1024 * 1024

REQUESTS: dict[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
SIGNALS = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}

# Hexadecimal in OTLP/JSON where protobuf's JSON has base64.
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def line(message: Message) -> bytes:
    """A request as a line."""
    return json.dumps(document(message), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def document(message: Message) -> Any:
    """A message as OTLP/JSON."""
    return _to_hex(json_format.MessageToDict(message, use_integers_for_enums=True))


def protobuf(signal: str, text: bytes) -> bytes:
    """A request in protobuf, for receivers that take less of JSON.

    Raises:
        ValueError: it has another shape.
    """
    message = REQUESTS[signal]()
    into(message, json.loads(text))
    return message.SerializeToString()


def into(message: Message, found: Any) -> None:
    """Fill a message from OTLP/JSON.

    Raises:
        ValueError: it has another shape.
    """
    try:
        json_format.ParseDict(_to_base64(found), message, ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from None


def requests(file: IO[bytes], name: str) -> Iterator[tuple[str, str, bytes]]:
    """Place, signal and text of each request in a file of lines, or in a file that is one document.

    Raises:
        FileError: a line is no request.
    """
    number = 0
    while text := file.readline(MOST_BYTES + 1):
        number += 1
        where = f"{name}:{number}"
        if len(text) > MOST_BYTES:
            raise FileError(where, f"the line is longer than {MOST_BYTES >> 20} MiB")
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except ValueError as error:
            if number > 1:
                cut = "" if text.endswith(b"\n") else "; the file is cut off in this line"
                raise FileError(where, f"no JSON ({error}){cut}") from None
            # People save one request indented.
            text += file.read(MOST_BYTES - len(text))
            try:
                found = json.loads(text)
            except ValueError as whole:
                raise FileError(name, f"neither a line nor the whole is JSON ({whole})") from None
        yield where, _signal(found, where), text


def _signal(found: Any, where: str) -> str:
    known = [signal for key, signal in SIGNALS.items() if isinstance(found, dict) and key in found]
    if len(known) != 1:
        raise FileError(where, f"no OTLP request: it has none of {', '.join(SIGNALS)}")
    return known[0]


def _to_hex(found: Any) -> Any:
    if isinstance(found, list):
        return [_to_hex(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        key: base64.b64decode(one).hex() if key in _IDS and isinstance(one, str) else _to_hex(one)
        for key, one in found.items()
    }


def _to_base64(found: Any) -> Any:
    if isinstance(found, list):
        return [_to_base64(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        key: base64.b64encode(bytes.fromhex(one)).decode()
        if key in _IDS and isinstance(one, str)
        else _to_base64(one)
        for key, one in found.items()
    }
