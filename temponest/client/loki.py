"""Loki's HTTP API, as far as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .api import Api, ApiError
from .prometheus import Series

# What the nest answers with log records whole as, where it is accepted.
OTLP = "application/x-protobuf"
# Every stream that came as OTLP has this label.
EVERY_STREAM = '{service_name=~".+"}'


@dataclass(frozen=True, slots=True)
class Line:
    """A log line: when (ns since the epoch), its text, and every label it has."""

    time_ns: int
    text: str
    labels: dict[str, str]

    @property
    def service(self) -> str:
        """Who wrote it."""
        return self.labels.get("service_name", "unknown_service")

    @property
    def level(self) -> str:
        """How bad it is, `unknown` where nobody says."""
        return self.labels.get("detected_level") or self.labels.get("level") or "unknown"

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, empty where it has none."""
        return self.labels.get("trace_id", "")

    @property
    def span_id(self) -> str:
        """The span, likewise."""
        return self.labels.get("span_id", "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A log line as Loki keeps it: time (ns), text, labels of its stream, and structured metadata."""

    time_ns: int
    text: str
    stream: dict[str, str]
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """The oldest lines of a window.

    Attributes:
        encoded: the records whole, an `ExportLogsServiceRequest` in protobuf, where the server is a nest.
        entries: what another server knows of them.
        cut_off: whether the server ran out of time, so that some may lack.
    """

    encoded: bytes = b""
    entries: tuple[Entry, ...] = ()
    cut_off: bool = False


class Loki(Api):
    """A client of Grafana Loki or of the nest."""

    name = "Loki"

    def lines(
        self, query: str, start_ns: int, end_ns: int, *, limit: int = 100, newest_first: bool = True
    ) -> list[Line]:
        """Lines of a window that `query` (LogQL) selects, in order of time.

        Args:
            query: selects lines; one that counts them has no lines.
            start_ns: beginning of the window.
            end_ns: its end, left out.
            limit: lines at most; those that come first in the order.
            newest_first: the order.

        Raises:
            ValueError: the query counts lines.
        """
        direction = "backward" if newest_first else "forward"
        data = self.get(
            "/loki/api/v1/query_range",
            query=query,
            start=start_ns,
            end=end_ns,
            limit=limit,
            direction=direction,
        )["data"]
        if data["resultType"] != "streams":
            raise ValueError("the query counts lines and has none to show")
        found = [
            Line(int(value[0]), value[1], dict(stream["stream"]))
            for stream in data["result"]
            for value in stream["values"]
        ]
        return sorted(found, key=lambda line: line.time_ns, reverse=newest_first)

    def page(self, query: str, start_ns: int, end_ns: int, limit: int) -> Page:
        """The oldest lines of a window that `query` (LogQL) selects, with all that the server knows of them.

        Args:
            query: selects lines.
            start_ns: beginning of the window.
            end_ns: its end, left out.
            limit: lines at most.

        Raises:
            ApiError: no answer, an error status, or another API's answer.
        """
        answer = self._answer(
            "/loki/api/v1/query_range",
            # Loki knows nothing of the first, and answers as always.
            f"{OTLP}, application/json;q=0.9",
            {"query": query, "start": start_ns, "end": end_ns, "limit": limit, "direction": "forward"},
            {"X-Loki-Response-Encoding-Flags": "categorize-labels"},
        )
        cut_off = "TempoNest-Cut-Off" in answer.headers
        if answer.headers.get("content-type", "").startswith(OTLP):
            return Page(encoded=answer.content, cut_off=cut_off)
        try:
            return Page(entries=tuple(_entries(answer.json())), cut_off=cut_off)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise ApiError(
                f"{answer.url} does not answer with log lines. Is the address right, and --query no count?"
            ) from None

    def of_trace(self, trace_id: str, start_ns: int, end_ns: int, *, limit: int = 1000) -> list[Line]:
        """Lines of one trace, oldest first."""
        query = f'{EVERY_STREAM} | trace_id="{trace_id}"'
        return self.lines(query, start_ns, end_ns, limit=limit, newest_first=False)

    def count(self, query: str, time_ns: int) -> list[Series]:
        """The value of a query that counts lines, at one time."""
        data = self.get("/loki/api/v1/query", query=query, time=time_ns)["data"]
        return [
            Series(item["metric"], [(float(item["value"][0]), float(item["value"][1]))])
            for item in data["result"]
        ]


def _entries(document: dict[str, Any]) -> list[Entry]:
    return [
        Entry(int(value[0]), value[1], dict(stream["stream"]), _metadata(value))
        for stream in document["data"]["result"]
        for value in stream["values"]
    ]


def _metadata(value: list[Any]) -> dict[str, str]:
    """Structured metadata beside a line, where there is any."""
    return dict(value[2].get("structuredMetadata") or {}) if len(value) > 2 else {}
