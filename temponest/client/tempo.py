"""Tempo's HTTP API, as far as the tools need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from .api import Api, ApiError
from .trace import Trace, parse


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of a search: who started the trace, when (ns since the epoch) and how long it took (ms)."""

    trace_id: str
    service: str
    name: str
    start_ns: int
    duration_ms: int


class Tempo(Api):
    """A client of Grafana Tempo or of the nest."""

    name = "Tempo"
    _one_at_a_time = False

    def search(
        self, query: str, *, limit: int = 20, start: int | None = None, end: int | None = None
    ) -> list[TraceSummary]:
        """Traces with a span that `query` (TraceQL) selects, newest first; times in seconds."""
        return self.ask("/api/search", _summaries, q=_newest(query), limit=limit, start=start, end=end)

    def trace(self, trace_id: str) -> Trace | None:
        """A trace by its id in hex; None when the server has none with this id."""
        try:
            return self.ask(f"/api/v2/traces/{quote(trace_id, safe='')}", _trace)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def encoded(self, trace_ids: Sequence[str]) -> Iterator[bytes]:
        """The traces that exist, in OTLP's protobuf; the nest answers many at once, Tempo one by one.

        An answer is an `ExportTraceServiceRequest` on the wire, with one trace or several.
        """
        if not self._one_at_a_time and len(trace_ids) > 1:
            try:
                yield from self._encoded(",".join(trace_ids))
                return
            except ApiError as error:
                if error.status != HTTPStatus.BAD_REQUEST:
                    raise
                self._one_at_a_time = True
        for one in trace_ids:
            yield from self._encoded(one)

    def _encoded(self, trace_ids: str) -> Iterator[bytes]:
        try:
            # The v1 answer has the spans at its top, where the v2 answer wraps them.
            body = self.get_bytes(f"/api/traces/{quote(trace_ids, safe=',')}", "application/protobuf")
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return
        if body:
            yield body

    def tags(self) -> list[str]:
        """Names of the attributes of spans and resources, without their scope, sorted."""
        return self.ask("/api/v2/search/tags", _tags)

    def values(self, attribute: str) -> list[str]:
        """Values of an attribute as text, sorted.

        Args:
            attribute: with its scope, `resource.service.name`, or `.name` for any scope.
        """
        return self.ask(f"/api/v2/search/tag/{quote(attribute, safe='')}/values", _values)


def _newest(query: str) -> str:
    # Without this hint Tempo stops at the first matches that it comes across, the newest or not.
    return query if re.search(r"\bwith\s*\(", query) else f"{query} with (most_recent=true)"


def _trace(document: dict[str, Any]) -> Trace | None:
    # Tempo 3 has an empty trace for an id that it does not know.
    return None if document.get("trace") == {} else parse(document)


def _summaries(document: dict[str, Any]) -> list[TraceSummary]:
    return [
        TraceSummary(
            trace_id=item["traceID"].zfill(32),
            service=item.get("rootServiceName", ""),
            name=item.get("rootTraceName", ""),
            start_ns=int(item.get("startTimeUnixNano", 0)),
            duration_ms=int(item.get("durationMs", 0)),
        )
        for item in document.get("traces") or ()
    ]


def _tags(document: dict[str, Any]) -> list[str]:
    named = {scope["name"]: scope.get("tags") or () for scope in document["scopes"]}
    return sorted({tag for scope in ("resource", "span") for tag in named.get(scope, ())})


def _values(document: dict[str, Any]) -> list[str]:
    return sorted({str(item["value"]) for item in document["tagValues"]})
