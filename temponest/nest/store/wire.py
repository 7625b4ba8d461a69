"""OTLP as columns: protobuf bytes straight into Arrow arrays, without an object for a span.

The descriptors below name OTLP's own field numbers, but declare repeated messages that are better kept whole
(attributes, events, links, resource, scope, status) as bytes, which protobuf encodes alike. A distinct
attribute is then decoded once however often it occurs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import ptars
import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES, _STRING, _INT64, _UINT32 = (
    _Field.TYPE_BYTES,
    _Field.TYPE_STRING,
    _Field.TYPE_INT64,
    _Field.TYPE_UINT32,
)
_FIXED64, _FIXED32, _DOUBLE, _BOOL = (
    _Field.TYPE_FIXED64,
    _Field.TYPE_FIXED32,
    _Field.TYPE_DOUBLE,
    _Field.TYPE_BOOL,
)
_INT32 = _Field.TYPE_INT32

# message → (number, name, type, repeated); numbers from opentelemetry/proto/{trace,logs}/v1/*.proto.
# kind and severity are enums there: int32 on the wire, and an unknown number is kept.
_MESSAGES: dict[str, tuple[tuple[int, str, int | str, bool], ...]] = {
    "Request": ((1, "resource_spans", "ResourceSpans", True),),
    "ResourceSpans": ((1, "resource", _BYTES, False), (2, "scope_spans", "ScopeSpans", True)),
    "ScopeSpans": ((1, "scope", _BYTES, False), (2, "spans", "Span", True)),
    "Span": (
        (1, "trace_id", _BYTES, False),
        (2, "span_id", _BYTES, False),
        (3, "trace_state", _BYTES, False),
        (4, "parent_span_id", _BYTES, False),
        (5, "name", _BYTES, False),
        (6, "kind", _INT32, False),
        (7, "start", _FIXED64, False),
        (8, "end", _FIXED64, False),
        (9, "attributes", _BYTES, True),
        (10, "dropped_attributes", _UINT32, False),
        (11, "events", _BYTES, True),
        (12, "dropped_events", _UINT32, False),
        (13, "links", _BYTES, True),
        (14, "dropped_links", _UINT32, False),
        (15, "status", _BYTES, False),
        (16, "flags", _FIXED32, False),
    ),
    "LogsRequest": ((1, "resource_logs", "ResourceLogs", True),),
    "ResourceLogs": ((1, "resource", _BYTES, False), (2, "scope_logs", "ScopeLogs", True)),
    "ScopeLogs": ((1, "scope", _BYTES, False), (2, "log_records", "LogRecord", True)),
    "LogRecord": (
        (1, "time", _FIXED64, False),
        (2, "severity", _INT32, False),
        (3, "severity_text", _BYTES, False),
        (5, "body", _BYTES, False),
        (6, "attributes", _BYTES, True),
        (7, "dropped_attributes", _UINT32, False),
        (8, "flags", _FIXED32, False),
        (9, "trace_id", _BYTES, False),
        (10, "span_id", _BYTES, False),
        (11, "observed", _FIXED64, False),
        (12, "event_name", _BYTES, False),
    ),
    "KeyValue": ((1, "key", _BYTES, False), (2, "value", "AnyValue", False)),
    "Status": ((2, "message", _BYTES, False), (3, "code", _INT32, False)),
}
# AnyValue.value is a oneof: absent members are null.
_ANY_VALUE = (
    (1, "str", _BYTES),
    (2, "bool", _BOOL),
    (3, "int", _INT64),
    (4, "float", _DOUBLE),
    (5, "array", _BYTES),
    (6, "kvlist", _BYTES),
    (7, "bytes", _BYTES),
)

# The decoder keeps the interpreter for itself while it decodes: a millisecond or so for this many bytes.
_STEP_BYTES = 1024 * 1024


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="temponest/wire.proto", package="temponest", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field_name, kind, repeated in fields:
            field = message.field.add(name=field_name, number=number)
            field.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".temponest.{kind}"
            else:
                field.type = _Field.Type.ValueType(kind)
    value = file.message_type.add(name="AnyValue")
    value.oneof_decl.add(name="value")
    for number, field_name, kind in _ANY_VALUE:
        member = value.field.add(name=field_name, number=number, oneof_index=0)
        member.label, member.type = _Field.LABEL_OPTIONAL, _Field.Type.ValueType(kind)
    return file


class Wire:
    """The decoders of a process; making them takes a few milliseconds."""

    def __init__(self) -> None:
        file = descriptor_pool.DescriptorPool().AddSerializedFile(_file().SerializeToString())
        pool = ptars.HandlerPool([file])
        messages = file.message_types_by_name
        self._request = pool.get_for_message(messages["Request"])
        self._logs = pool.get_for_message(messages["LogsRequest"])
        self._any_value = pool.get_for_message(messages["AnyValue"])
        self._key_value = pool.get_for_message(messages["KeyValue"])
        self._status = pool.get_for_message(messages["Status"])

    def requests(self, bodies: Sequence[bytes], between: Callable[[], None] | None = None) -> pa.ListArray:
        """`ExportTraceServiceRequest` bodies as resource spans, one list a body.

        Args:
            bodies: the messages.
            between: called after steps of a megabyte; by default all is one step.

        Raises:
            ValueError: one of the bodies is no such message.
        """
        if between is None:
            return self._request.list_to_record_batch(list(bodies)).column(0)
        made: list[pa.ListArray] = []
        for step in _steps(bodies):
            made.append(self._request.list_to_record_batch(step).column(0))
            between()
        return pa.concat_arrays(made) if made else self.requests(bodies)

    def log_requests(self, bodies: Sequence[bytes]) -> pa.ListArray:
        """`ExportLogsServiceRequest` bodies as resource logs, one list a body.

        Raises:
            ValueError: one of the bodies is no such message.
        """
        return self._logs.list_to_record_batch(list(bodies)).column(0)

    def strings(self, encoded: pa.BinaryArray) -> pa.BinaryArray:
        """The strings in `AnyValue` messages, null where they hold something else or nothing."""
        return self._any_value.array_to_record_batch(encoded).column(0)

    def key_values(self, encoded: pa.BinaryArray) -> tuple[pa.BinaryArray, pa.StructArray]:
        """`KeyValue` messages as keys and values; `values` has a member for each type, null where absent."""
        batch = self._key_value.array_to_record_batch(encoded)
        return batch.column(0), batch.column(1)

    def statuses(self, encoded: pa.BinaryArray) -> tuple[pa.Int32Array, pa.BinaryArray]:
        """`Status` messages as codes and messages."""
        batch = self._status.array_to_record_batch(encoded)
        return batch.column(1), batch.column(0)


def _steps(bodies: Sequence[bytes]) -> Iterator[list[bytes]]:
    step: list[bytes] = []
    size = 0
    for body in bodies:
        step.append(body)
        size += len(body)
        if size >= _STEP_BYTES:
            yield step
            step, size = [], 0
    if step:
        yield step
