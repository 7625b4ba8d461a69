"""Tempo's HTTP API, as far as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx

from .trace import Trace, parse

TIMEOUT = 30.0  # seconds; Tempo's own default for a query


class ApiError(Exception):
    """The server cannot be reached, or refused; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """One line of a search: who started the trace, when (ns since the epoch) and how long it took (ms)."""

    trace_id: str
    service: str
    name: str
    start_ns: int
    duration_ms: int


class Tempo:
    """A client of Grafana Tempo or of the nest.

    Args:
        url: base address, `http://localhost:3200` for instance.
        token: bearer token, where the server asks for one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out.

        Raises:
            ApiError: no answer, an error status, or no JSON.
        """
        wanted = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = self._client.get(path, params=wanted, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            raise ApiError(
                f"{self._client.base_url} does not answer ({error}). Is the nest running?"
            ) from None
        if answer.is_error:
            raise ApiError(f"{answer.status_code} {answer.reason_phrase}: {answer.text.strip()}")
        try:
            document: dict[str, Any] = answer.json()
        except ValueError:
            raise ApiError(f"{answer.url} did not answer with JSON. Is this Tempo's address?") from None
        return document

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
            if str(error).startswith(str(HTTPStatus.NOT_FOUND.value)):
                return None
            raise
