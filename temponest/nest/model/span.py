"""The records of a trace, as the nest holds them between its rooms.

Names, kinds and meanings are those of the OpenTelemetry trace data model (OTLP 1.x). Identifiers are bytes,
times are integer nanoseconds since the Unix epoch in UTC, attribute values keep their OTLP type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

# An OTLP AnyValue. None is the empty value; arrays are tuples and key-value lists are dicts.
Value: TypeAlias = "str | bool | int | float | bytes | tuple[Value, ...] | dict[str, Value] | None"
Attributes: TypeAlias = dict[str, Value]


class Kind(IntEnum):
    """SpanKind, with OTLP's numbers."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Status(IntEnum):
    """Status code of a span, with OTLP's numbers."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(slots=True)
class Resource:
    """Who produced a span: one object shared by every span of the batch it came in."""

    attributes: Attributes
    dropped_attributes: int = 0

    @property
    def service_name(self) -> str:
        """The `service.name` attribute, or `unknown_service` as the resource specification says."""
        name = self.attributes.get("service.name")
        return name if isinstance(name, str) and name else "unknown_service"


@dataclass(slots=True)
class Scope:
    """The instrumentation scope: the library that made a span."""

    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(slots=True)
class Event:
    """Something that happened at one moment of a span."""

    time_ns: int
    name: str
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0


@dataclass(slots=True)
class Link:
    """A pointer from a span to another span, in this trace or another."""

    trace_id: bytes
    span_id: bytes
    trace_state: str = ""
    attributes: Attributes = field(default_factory=dict)
    dropped_attributes: int = 0
    flags: int = 0


@dataclass(slots=True)
class Span:
    """One span: 16-byte trace id, 8-byte span id; `parent_span_id` is empty for a root."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    attributes: Attributes
    resource: Resource
    scope: Scope
    events: list[Event] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    trace_state: str = ""
    flags: int = 0
    dropped_attributes: int = 0
    dropped_events: int = 0
    dropped_links: int = 0

    @property
    def duration_ns(self) -> int:
        """Time from start to end, in nanoseconds; never negative."""
        return max(0, self.end_ns - self.start_ns)
