"""The tools an agent sees. Answers are short texts: first an overview, details only when asked for."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, ParamSpec
from urllib.parse import quote

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from temponest import __version__
from temponest.client.api import ApiError
from temponest.client.loki import Loki
from temponest.client.tempo import Tempo
from temponest.client.trace import Trace

from . import render, series

INSTRUCTIONS = """\
Traces of services, logs and metrics. Begin with `services`, find traces with `search_traces` (TraceQL),
look at one with `trace_topology`, then `trace_errors`, `trace_logs`, `critical_path` or `span_details`.
`what_differs` tells what failing or slow spans have in common. Span ids may be shortened."""

P = ParamSpec("P")
Since = Annotated[str, Field(description="how far to look back, for example 15m, 1h, 2d")]
TraceId = Annotated[str, Field(description="trace id in hexadecimal")]
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
POINTS = 24
VALUES = 50
# Clocks differ, and work goes on after the last span has ended.
LOGS_BEFORE, LOGS_AFTER = 60_000_000_000, 600_000_000_000


def create_server(tempo: Tempo, prometheus: Tempo, loki: Loki) -> MCPServer:
    """The server with its tools.

    Args:
        tempo: client of Tempo's API.
        prometheus: client of Prometheus' API.
        loki: client of Loki's API.
    """
    server = MCPServer("temponest", instructions=INSTRUCTIONS, version=__version__)
    tools = _Tools(tempo, prometheus, loki)
    for tool in (
        tools.services,
        tools.attribute_names,
        tools.attribute_values,
        tools.search_traces,
        tools.trace_topology,
        tools.span_details,
        tools.trace_errors,
        tools.trace_logs,
        tools.critical_path,
        tools.what_differs,
        tools.trace_metrics,
        tools.prometheus_metrics,
    ):
        server.tool(structured_output=False)(_bounded(tool))
    return server


def _bounded(tool: Callable[P, str]) -> Callable[P, str]:
    """The tool with an answer, or an error, that an agent can afford, whatever the telemetry is."""

    @functools.wraps(tool)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return render.bounded(tool(*args, **kwargs))
        except (ApiError, ValueError) as error:
            raise ToolError(render.bounded(_said(error))) from None

    return bounded


def _said(error: Exception) -> str:
    if isinstance(error, ApiError) and error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"{error}\nStart temponest mcp with --token, or with TEMPONEST_TOKEN in its environment."
    return str(error)


def window(since: str) -> tuple[int, int]:
    """Start and end in seconds of the time up to now.

    Raises:
        ToolError: `since` is no duration.
    """
    match = re.fullmatch(r"(\d{1,6})([smhd])", since.strip())
    if match is None:
        raise ToolError(f"since={since!r} is no duration: write for example 15m, 1h or 2d")
    end = int(time.time()) + 1
    return end - int(match.group(1)) * _UNITS[match.group(2)], end


class _Tools:
    """One method a tool; its docstring and parameters are what the agent reads."""

    def __init__(self, tempo: Tempo, prometheus: Tempo, loki: Loki) -> None:
        self._tempo = tempo
        self._prometheus = prometheus
        self._loki = loki

    def services(self, since: Since = "1h") -> str:
        """Services with their number of spans, failed spans and 95th percentile of duration."""
        start, end = window(since)
        by = "by (resource.service.name)"
        found: list[dict[str, float]] = []
        for query in (
            f"{{ }} | count_over_time() {by}",
            f"{{ status = error }} | count_over_time() {by}",
            f"{{ }} | quantile_over_time(duration, 0.95) {by}",
        ):
            answer = self._tempo.get("/api/metrics/query", q=query, start=start, end=end)
            found.append(
                {
                    labels.split("=", 1)[1].split(", p=")[0]: samples[0]
                    for labels, samples in series.tempo_series(answer)
                }
            )
        spans, errors, slowest = found
        return render.services(spans, errors, slowest) or f"no spans in the last {since}"

    def attribute_names(
        self,
        scope: Annotated[str, Field(description="span, resource, event, link or empty for all")] = "",
        containing: Annotated[str, Field(description="only names with this text; empty for all")] = "",
    ) -> str:
        """Names of attributes that queries can use, by scope; of many the first, and how others begin."""
        answer = self._tempo.get("/api/v2/search/tags", scope=scope or None)
        found = (
            (one["name"], [tag for tag in one.get("tags") or () if containing in tag])
            for one in answer.get("scopes") or ()
        )
        lines = [
            f"{name}: {render.some(tags, 'names', 'ask for those containing a text')}"
            for name, tags in found
            if tags
        ]
        return "\n".join(lines) or "no attributes"

    def attribute_values(
        self,
        name: Annotated[str, Field(description="such as resource.service.name, span.http.route or name")],
        query: Annotated[str, Field(description="TraceQL filter the spans must match")] = "",
    ) -> str:
        """Values of an attribute, the most frequent first."""
        path = f"/api/v2/search/tag/{quote(name, safe='')}/values"
        answer = self._tempo.get(path, q=query or None, limit=VALUES + 1)
        values = [render.short(str(one["value"])) for one in answer.get("tagValues") or ()]
        if len(values) > VALUES:
            values[VALUES:] = ["... more; narrow them down with query"]
        return "\n".join(values) or "no values"

    def search_traces(
        self,
        query: Annotated[
            str, Field(description="TraceQL, for example { status = error } or { duration > 1s }")
        ] = "{ }",
        since: Since = "1h",
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> str:
        """Newest traces with a span that matches: id, start, duration, root service and name."""
        start, end = window(since)
        return render.summaries(self._tempo.search(query, limit=limit, start=start, end=end))

    def trace_topology(self, trace_id: TraceId) -> str:
        """A trace as a tree of spans without attributes; many alike spans are one line."""
        return render.topology(self._trace(trace_id))

    def span_details(
        self,
        trace_id: TraceId,
        span_ids: Annotated[list[str], Field(max_length=10, description="ids or the start of ids")],
        containing: Annotated[str, Field(description="only attributes with this text; empty for all")] = "",
    ) -> str:
        """Attributes and events of a few spans."""
        return render.details(self._trace(trace_id), span_ids, containing)

    def trace_errors(self, trace_id: TraceId) -> str:
        """The failed spans of a trace with exceptions and attributes; where many failed, ten and a count."""
        return render.errors(self._trace(trace_id))

    def trace_logs(
        self,
        trace_id: TraceId,
        containing: Annotated[str, Field(description="only lines with this text; empty for all")] = "",
    ) -> str:
        """Log lines written during a trace, oldest first, each with level, service and span."""
        trace = self._trace(trace_id)
        start, end = trace.start_ns - LOGS_BEFORE, trace.end_ns + LOGS_AFTER
        found = self._loki.of_trace(trace_id.lower().zfill(32), start, end)
        return render.logs([line for line in found if containing in line.text], trace)

    def critical_path(self, trace_id: TraceId) -> str:
        """Which spans the trace waited for, by their share of its duration."""
        return render.path(self._trace(trace_id))

    def what_differs(
        self,
        selection: Annotated[str, Field(description="TraceQL filter, for example { status = error }")],
        among: Annotated[str, Field(description="TraceQL filter of the spans to compare with")] = "{ }",
        since: Since = "1h",
    ) -> str:
        """Attribute values that are more frequent in the selected spans than in the others."""
        start, end = window(since)
        query = f"{among} | compare({selection}, 20)"
        return series.differences(self._tempo.get("/api/metrics/query", q=query, start=start, end=end))

    def trace_metrics(
        self,
        query: Annotated[str, Field(description="for example { } | rate() by (resource.service.name)")],
        since: Since = "1h",
    ) -> str:
        """Series counted from spans by a TraceQL metrics query; durations are in seconds."""
        start, end = window(since)
        step = f"{max(1, (end - start) // POINTS)}s"
        answer = self._tempo.get("/api/metrics/query_range", q=query, start=start, end=end, step=step)
        return series.table(series.tempo_series(answer))

    def prometheus_metrics(
        self,
        query: Annotated[
            str, Field(description="PromQL, for example rate(http_server_request_duration_seconds_count[5m])")
        ],
        since: Since = "1h",
    ) -> str:
        """Series of recorded metrics by a PromQL query."""
        start, end = window(since)
        step = max(1, (end - start) // POINTS)
        answer = self._prometheus.get("/api/v1/query_range", query=query, start=start, end=end, step=step)
        return series.table(series.prometheus_series(answer))

    def _trace(self, trace_id: str) -> Trace:
        trace = self._tempo.trace(trace_id)
        if trace is None:
            raise ToolError(f"there is no trace {trace_id}")
        return trace
