"""Tempo's HTTP API, as far as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

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

    def search(
        self, query: str, *, limit: int = 20, start: int | None = None, end: int | None = None
    ) -> list[TraceSummary]:
        """Traces with a span that `query` (TraceQL) selects, newest first; times in seconds."""
        found = self.get("/api/search", q=query, limit=limit, start=start, end=end)
        return [
            TraceSummary(
                trace_id=item["traceID"].zfill(32),
                service=item.get("rootServiceName", ""),
                name=item.get("rootTraceName", ""),
                start_ns=int(item.get("startTimeUnixNano", 0)),
                duration_ms=int(item.get("durationMs", 0)),
            )
            for item in found.get("traces") or ()
        ]

    def trace(self, trace_id: str) -> Trace | None:
        """A trace by its id in hex; None when the server has none with this id."""
        try:
            return parse(self.get(f"/api/v2/traces/{trace_id}"))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
