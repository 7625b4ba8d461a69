"""Query strings of Jaeger's APIs → what the questions need. Version 1 counts in µs and ms, 3 in RFC 3339."""

from __future__ import annotations

import json
import time

from starlette.datastructures import QueryParams

from ...model.span import Kind
from ...questions.red import RedQuery
from ...questions.traces import SpanQuery, text_of
from ...traceql.intervals import aligned
from ..errors import RequestError
from ..params import duration_ns, integer, rfc3339_ns

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
TWO_DAYS_NS = 2 * 24 * 3600 * 1_000_000_000
HOUR_MS = 3600 * 1_000
SEVEN_DAYS_MS = 7 * 24 * HOUR_MS
MILLISECOND = 1_000_000


def kind(text: str) -> Kind | None:
    """A span kind by its word; None for an empty one.

    Raises:
        RequestError: there is no such kind.
    """
    if not text:
        return None
    try:
        return Kind[text.upper()]
    except KeyError:
        kinds = ", ".join(one.name.lower() for one in Kind)
        raise RequestError(f"unsupported span kind {text[:32]!r}: one of {kinds}") from None


def search_v1(params: QueryParams) -> SpanQuery:
    """Parameters of /api/traces without `traceID`; the window is the last two days where none is given."""
    now_us = time.time_ns() // 1_000
    start = integer(params, "start", None)
    end = integer(params, "end", None)
    end_us = now_us if end is None else end
    start_us = end_us - TWO_DAYS_NS // 1_000 if start is None else start
    return _checked(
        SpanQuery(
            service=params.get("service", ""),
            operation=_operation(params.get("operation", "")),
            tags=(*_json_tags(params, "tags"), *_colon_tags(params.getlist("tag"))),
            min_duration_ns=duration_ns(params, "minDuration"),
            max_duration_ns=duration_ns(params, "maxDuration"),
            start_ns=max(0, start_us) * 1_000,
            # Jaeger's window includes its last microsecond.
            end_ns=(end_us + 1) * 1_000,
            limit=_limit(params, "limit"),
        )
    )


def search_v3(params: QueryParams) -> SpanQuery:
    """Parameters of /api/v3/traces and /api/v3/trace-summaries, in camelCase or snake_case."""

    def value(camel: str, snake: str) -> str:
        return params.get(f"query.{camel}") or params.get(f"query.{snake}") or ""

    bounds = {}
    for camel, snake in (("startTimeMin", "start_time_min"), ("startTimeMax", "start_time_max")):
        text = value(camel, snake)
        if not text:
            raise RequestError(f"query.{camel} is required, for example 2026-01-31T12:00:00Z")
        bounds[camel] = rfc3339_ns(text, f"query.{camel}")
    if bounds["startTimeMin"] >= bounds["startTimeMax"]:
        raise RequestError("query.startTimeMin must be before query.startTimeMax")
    depth = "query.searchDepth" if "query.searchDepth" in params else "query.search_depth"
    if "query.numTraces" in params:
        depth = "query.numTraces"
    low, high = (
        name if name in params else snake
        for name, snake in (
            ("query.durationMin", "query.duration_min"),
            ("query.durationMax", "query.duration_max"),
        )
    )
    return _checked(
        SpanQuery(
            service=value("serviceName", "service_name"),
            operation=_operation(value("operationName", "operation_name")),
            tags=_json_tags(params, "query.attributes"),
            min_duration_ns=duration_ns(params, low),
            max_duration_ns=duration_ns(params, high),
            start_ns=max(0, bounds["startTimeMin"]),
            end_ns=bounds["startTimeMax"] + 1,
            limit=_limit(params, depth),
        )
    )


def dependencies(params: QueryParams) -> tuple[int, int]:
    """The window of /api/dependencies in nanoseconds: `lookback` before `endTs`, both in milliseconds."""
    end_ms = integer(params, "endTs", time.time_ns() // 1_000_000 + 1)
    lookback_ms = integer(params, "lookback", SEVEN_DAYS_MS)
    return max(0, end_ms - lookback_ms) * 1_000_000, (end_ms + 1) * 1_000_000


def red(params: QueryParams) -> RedQuery:
    """Parameters of /api/metrics/...; all times in milliseconds, the window ends at `endTs`."""
    services = params.getlist("service")
    if not services:
        raise RequestError("parameter 'service' is required")
    step_ns = integer(params, "step", 5_000, at_least=1) * MILLISECOND
    lookback_ns = integer(params, "lookback", HOUR_MS, at_least=1) * MILLISECOND
    rate_ns = integer(params, "ratePer", 10 * 60 * 1_000, at_least=1) * MILLISECOND
    end_ns = integer(params, "endTs", time.time_ns() // MILLISECOND) * MILLISECOND
    window = max(1, round(rate_ns / step_ns))
    start_ns = end_ns - lookback_ns - window * step_ns
    try:
        quantile = float(params.get("quantile") or 0.95)
    except ValueError:
        quantile = -1
    if not 0 <= quantile <= 1:
        raise RequestError(f"quantile={params.get('quantile', '')[:32]!r} is not between 0 and 1")
    kinds = [one for text in params.getlist("spanKind") if (one := kind(text)) is not None]
    return RedQuery(
        services=services,
        kinds=kinds or [Kind.SERVER],
        by_operation=params.get("groupByOperation", "").lower() in ("true", "1"),
        quantile=quantile,
        window=window,
        intervals=aligned(max(0, start_ns), end_ns, step_ns),
    )


def _operation(text: str) -> str:
    return "" if text == "all" else text


def _limit(params: QueryParams, name: str) -> int:
    limit = integer(params, name, DEFAULT_LIMIT)
    if not 0 < limit <= MAX_LIMIT:
        raise RequestError(f"{name} must be from 1 to {MAX_LIMIT}, not {limit}")
    return limit


def _checked(query: SpanQuery) -> SpanQuery:
    if query.max_duration_ns and query.max_duration_ns < query.min_duration_ns:
        raise RequestError("'maxDuration' must be at least 'minDuration'")
    return query


def _json_tags(params: QueryParams, name: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for text in params.getlist(name):
        if not text:
            continue
        try:
            tags = json.loads(text)
        except ValueError:
            tags = None
        if not isinstance(tags, dict):
            raise RequestError(f'{name} is a JSON object such as {{"http.status_code":"500"}}')
        found.extend((str(key), text_of(value) or "") for key, value in tags.items())
    return tuple(found)


def _colon_tags(tags: list[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for text in tags:
        key, colon, value = text.partition(":")
        if not colon:
            raise RequestError(f"malformed 'tag' parameter, expecting key:value, received: {text[:64]}")
        found.append((key, value))
    return tuple(found)
