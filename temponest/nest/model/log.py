"""Log records, all that may be asked of a store of them, and the seam between query engines and that store.

Names and meanings are those of the OpenTelemetry logs data model. The rules of `source.py` hold here too: who
owns what is returned, from which thread a source may be called, and when it is cancelled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from .source import CancelCheck
from .span import Attributes, Resource, Scope, Value

Ints: TypeAlias = npt.NDArray[np.int64]
T = TypeVar("T")


@dataclass(slots=True)
class LogRecord:
    """One log record.

    Attributes:
        time_ns: when it happened; when it was observed, where the sender does not say.
        observed_ns: when a collector or SDK saw it; 0 where nobody says.
        severity: OTLP's number: 1 to 4 trace, then debug, info, warn, error, fatal; 0 unknown.
        severity_text: the level as the source calls it.
        body: the message; any value.
        attributes: its own.
        resource: who sent it, shared and not to be changed.
        scope: the logger, likewise.
        trace_id: 16 bytes, empty where the record belongs to no trace.
        span_id: 8 bytes, likewise.
        event_name: what kind of event it is, where it is one.
        flags: the W3C trace flags in the lowest byte.
        dropped_attributes: how many the sender or the nest left out.
    """

    time_ns: int
    observed_ns: int
    severity: int
    severity_text: str
    body: Value
    attributes: Attributes
    resource: Resource
    scope: Scope
    trace_id: bytes = b""
    span_id: bytes = b""
    event_name: str = ""
    flags: int = 0
    dropped_attributes: int = 0


class TextOperator(StrEnum):
    """How a filter looks at a line of text. Regular expressions are RE2 and match anywhere in the line."""

    CONTAINS = "|="
    LACKS = "!="
    MATCH = "|~"
    NOT_MATCH = "!~"


@dataclass(frozen=True, slots=True)
class TextFilter:
    """A test of a body as text; it holds when it holds for any of the texts (for `|=` and `|~`) or all."""

    operator: TextOperator
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which log records are wanted. A source may return more, except beyond the window.

    Attributes:
        start_ns: earliest time, inclusive.
        end_ns: latest time, exclusive.
        resource: whether records of a resource are wanted; asked once for each distinct one.
        texts: tests of the body as text; all must hold.
        trace_ids: only records of these traces; of all records when empty.
        newest_first: the order of the batches, see `LogSource.logs`.
    """

    start_ns: int
    end_ns: int
    resource: Callable[[Resource], bool] = lambda _: True
    texts: tuple[TextFilter, ...] = ()
    trace_ids: tuple[bytes, ...] = ()
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Coded(Generic[T]):
    """A column by its distinct values: row `i` has `values[codes[i]]`."""

    codes: Ints
    values: Sequence[T]


class UnreadableError(Exception):
    """A batch can no longer be read: its segment is damaged, or was dropped meanwhile. Go on without it."""


class LogBatch(Protocol):
    """Some log records as columns, each read when it is asked for; every method may raise `UnreadableError`.

    Attributes:
        rows: how many.
        bound_ns: no record of this batch or of one that comes later is newer than that, where the newest
            come first; none is older, where the oldest do.
    """

    rows: int
    bound_ns: int

    def times(self) -> Ints:
        """When each happened, nanoseconds."""
        ...

    def resources(self) -> Coded[Resource]:
        """Who sent it."""
        ...

    def scopes(self) -> Coded[Scope]:
        """The logger."""
        ...

    def lines(self) -> Coded[str]:
        """The body as text."""
        ...

    def attribute_names(self) -> Sequence[str]:
        """Names of attributes that a record may have, sorted."""
        ...

    def attribute(self, name: str) -> Coded[Value]:
        """An attribute of the records, None where a record has none."""
        ...

    def field(self, name: str) -> Coded[Value]:
        """A field by its name in `LogRecord`, ids in hex; None where nothing is said."""
        ...

    def take(self, rows: Ints) -> LogBatch:
        """Some of the records, by ascending numbers."""
        ...

    def records(self) -> list[LogRecord]:
        """The records whole."""
        ...


class LogSource(Protocol):
    """What log queries may ask."""

    def logs(self, request: LogRequest, cancelled: CancelCheck) -> Iterator[LogBatch]:
        """Records that may be wanted. Batches come by `bound_ns`, within one records are in any order."""
        ...

    def resources(self, start_ns: int, end_ns: int, cancelled: CancelCheck) -> list[Resource]:
        """Every resource that has a record which may lie in the window."""
        ...


def text_of(value: Value) -> str:
    """A value as text: strings as they are, arrays and maps as JSON, bytes in base64, nothing as nothing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        case int() | float():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return json.dumps(value, default=text_of, ensure_ascii=False, separators=(",", ":"))
