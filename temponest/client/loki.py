"""Loki's HTTP API, as far as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass

from .api import Api
from .prometheus import Series

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


class Loki(Api):
    """A client of Grafana Loki or of the nest."""

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
