"""The messages of `tempopb.StreamingQuerier`, by name and number of each field.

Tempo defines them in `pkg/tempopb/tempo.proto` (Apache-2.0); only the fields that are asked for and answered
here are listed. Their JSON is that of the HTTP API, so answers are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from opentelemetry.proto.common.v1 import common_pb2

_Proto = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Proto.TYPE_STRING,
    "uint32": _Proto.TYPE_UINT32,
    "uint64": _Proto.TYPE_UINT64,
    "int64": _Proto.TYPE_INT64,
    "double": _Proto.TYPE_DOUBLE,
}
_PACKAGE = "tempopb"
# The same on the wire as Tempo's own copy of it.
_KEY_VALUE = "opentelemetry.proto.common.v1.KeyValue"


@dataclass(frozen=True, slots=True)
class _Field:
    """One field; `kind` is a scalar type or a message, for a map that of its values (keys are text)."""

    name: str
    kind: str
    repeated: bool = False
    mapped: bool = False


_Fields: TypeAlias = dict[int, _Field]


def _some(name: str, kind: str) -> _Field:
    return _Field(name, kind, repeated=True)


_METRICS = _Field("metrics", "MetadataMetrics")
_TAG_METRICS: _Fields = {
    1: _Field("inspectedBytes", "uint64"),
    2: _Field("totalJobs", "uint32"),
    3: _Field("completedJobs", "uint32"),
}
_ANSWERED: _Fields = {
    2: _Field("metrics", "SearchMetrics"),
    3: _Field("status", "PartialStatus"),
    4: _Field("message", "string"),
}
_MESSAGES: dict[str, _Fields] = {
    "SearchRequest": {
        1: _Field("Tags", "string", mapped=True),
        2: _Field("MinDurationMs", "uint32"),
        3: _Field("MaxDurationMs", "uint32"),
        4: _Field("Limit", "uint32"),
        5: _Field("start", "uint32"),
        6: _Field("end", "uint32"),
        8: _Field("Query", "string"),
        9: _Field("SpansPerSpanSet", "uint32"),
    },
    "SearchResponse": {1: _some("traces", "TraceSearchMetadata"), 2: _Field("metrics", "SearchMetrics")},
    "TraceSearchMetadata": {
        1: _Field("traceID", "string"),
        2: _Field("rootServiceName", "string"),
        3: _Field("rootTraceName", "string"),
        4: _Field("startTimeUnixNano", "uint64"),
        5: _Field("durationMs", "uint32"),
        6: _Field("spanSet", "SpanSet"),
        7: _some("spanSets", "SpanSet"),
        8: _Field("serviceStats", "ServiceStats", mapped=True),
    },
    "ServiceStats": {1: _Field("spanCount", "uint32"), 2: _Field("errorCount", "uint32")},
    "SpanSet": {
        1: _some("spans", "Span"),
        2: _Field("matched", "uint32"),
        3: _some("attributes", _KEY_VALUE),
    },
    "Span": {
        1: _Field("spanID", "string"),
        2: _Field("name", "string"),
        3: _Field("startTimeUnixNano", "uint64"),
        4: _Field("durationNanos", "uint64"),
        5: _some("attributes", _KEY_VALUE),
    },
    "SearchMetrics": {
        1: _Field("inspectedTraces", "uint32"),
        2: _Field("inspectedBytes", "uint64"),
        3: _Field("totalBlocks", "uint32"),
        4: _Field("completedJobs", "uint32"),
        5: _Field("totalJobs", "uint32"),
    },
    "SearchTagsRequest": {
        1: _Field("scope", "string"),
        2: _Field("query", "string"),
        3: _Field("start", "uint32"),
        4: _Field("end", "uint32"),
        5: _Field("maxTagsPerScope", "uint32"),
    },
    "SearchTagsResponse": {1: _some("tagNames", "string"), 2: _METRICS},
    "SearchTagsV2Response": {
        1: _some("scopes", "SearchTagsV2Scope"),
        2: _METRICS,
    },
    "SearchTagsV2Scope": {1: _Field("name", "string"), 2: _some("tags", "string")},
    "SearchTagValuesRequest": {
        1: _Field("tagName", "string"),
        2: _Field("query", "string"),
        4: _Field("start", "uint32"),
        5: _Field("end", "uint32"),
        6: _Field("maxTagValues", "uint32"),
    },
    "SearchTagValuesResponse": {1: _some("tagValues", "string"), 2: _METRICS},
    "SearchTagValuesV2Response": {1: _some("tagValues", "TagValue"), 2: _METRICS},
    "TagValue": {1: _Field("type", "string"), 2: _Field("value", "string")},
    "MetadataMetrics": _TAG_METRICS,
    "QueryRangeRequest": {
        1: _Field("query", "string"),
        2: _Field("start", "uint64"),
        3: _Field("end", "uint64"),
        4: _Field("step", "uint64"),
        16: _Field("exemplars", "uint32"),
    },
    "QueryRangeResponse": {1: _some("series", "TimeSeries"), **_ANSWERED},
    "TimeSeries": {
        1: _some("labels", _KEY_VALUE),
        2: _some("samples", "Sample"),
        4: _some("exemplars", "Exemplar"),
    },
    "Sample": {1: _Field("value", "double"), 2: _Field("timestamp_ms", "int64")},
    "Exemplar": {
        1: _some("labels", _KEY_VALUE),
        2: _Field("value", "double"),
        3: _Field("timestamp_ms", "int64"),
    },
    "QueryInstantRequest": {
        1: _Field("query", "string"),
        2: _Field("start", "uint64"),
        3: _Field("end", "uint64"),
    },
    "QueryInstantResponse": {1: _some("series", "InstantSeries"), **_ANSWERED},
    "InstantSeries": {1: _some("labels", _KEY_VALUE), 2: _Field("value", "double")},
}
_ENUMS = {"PartialStatus": ("COMPLETE", "PARTIAL")}


def _file() -> descriptor_pb2.FileDescriptorProto:
    made = descriptor_pb2.FileDescriptorProto(
        name="temponest/tempopb.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[common_pb2.DESCRIPTOR.name],
    )
    for enum, words in _ENUMS.items():
        added_enum = made.enum_type.add(name=enum)
        for number, word in enumerate(words):
            added_enum.value.add(name=word, number=number)
    for name, fields in _MESSAGES.items():
        message = made.message_type.add(name=name)
        for number, field in fields.items():
            added = message.field.add(name=field.name, number=number)
            repeated = field.repeated or field.mapped
            added.label = _Proto.LABEL_REPEATED if repeated else _Proto.LABEL_OPTIONAL
            if field.mapped:
                entry = message.nested_type.add(name=field.name[0].upper() + field.name[1:] + "Entry")
                entry.options.map_entry = True
                _typed(entry.field.add(name="key", number=1, label=_Proto.LABEL_OPTIONAL), "string")
                _typed(entry.field.add(name="value", number=2, label=_Proto.LABEL_OPTIONAL), field.kind)
                _typed(added, f"{name}.{entry.name}")
            else:
                _typed(added, field.kind)
    return made


def _typed(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
        return
    field.type = _Proto.TYPE_ENUM if kind in _ENUMS else _Proto.TYPE_MESSAGE
    field.type_name = f".{kind}" if kind == _KEY_VALUE else f".{_PACKAGE}.{kind}"


# A pool of its own: a program that has Tempo's generated code loaded keeps it.
_pool = DescriptorPool()
_pool.AddSerializedFile(common_pb2.DESCRIPTOR.serialized_pb)
_pool.Add(_file())


def message(name: str) -> type[Message]:
    """The class of a message of `tempopb`."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
