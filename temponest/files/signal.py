"""Which signal an OTLP request in protobuf is of: the three differ only in what their records hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError

from .errors import FileError
from .otlp_json import REQUESTS

_TRACE_ID, _SPAN_ID = 16, 8
# The fields on the way to the records of each.
PLACES = {
    "traces": ("resource_spans", "scope_spans", "spans"),
    "metrics": ("resource_metrics", "scope_metrics", "metrics"),
    "logs": ("resource_logs", "scope_logs", "log_records"),
}


def records(signal: str, request: Any) -> Iterator[Any]:
    """Every span, metric or log record of a request."""
    resources, scopes, items = PLACES[signal]
    for group in getattr(request, resources):
        for scoped in getattr(group, scopes):
            yield from getattr(scoped, items)


def signal_of(body: bytes, where: str) -> str | None:
    """`traces`, `metrics` or `logs`; None where the request holds no record and fits all of them.

    Args:
        body: the request.
        where: its place, for errors.

    Raises:
        FileError: it is none of them.
    """
    empty = False
    for signal, kind in REQUESTS.items():
        try:
            found = list(records(signal, kind.FromString(body)))
        except DecodeError:
            continue
        if any(map(_TESTS[signal], found)):
            return signal
        empty = empty or not found
    if empty:
        return None
    raise FileError(where, "no OTLP request, as far as can be told; if it is one, give --signal")


def _is_span(one: Any) -> bool:
    # A name may be as long as an id; a second name beside it, and numbers, would be needed too.
    return (len(one.trace_id), len(one.span_id)) == (_TRACE_ID, _SPAN_ID) and one.start_time_unix_nano != 0


def _is_metric(one: Any) -> bool:
    return bool(one.name) and one.WhichOneof("data") is not None


def _is_log_record(one: Any) -> bool:
    # The others have text where its time is.
    return bool(one.time_unix_nano or one.observed_time_unix_nano or one.HasField("body"))


_TESTS: dict[str, Callable[[Any], bool]] = {
    "traces": _is_span,
    "metrics": _is_metric,
    "logs": _is_log_record,
}
