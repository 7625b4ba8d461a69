"""Query strings of Tempo's API → what the questions need. Times come in seconds and leave in nanoseconds."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from ...model.fetch import Attribute, AttributeScope
from ...traceql.printer import attribute_name, print_duration
from ...traceql.tokens import INTRINSICS
from ..errors import RequestError
from ..params import duration_ns, integer, rfc3339_ns

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
DEFAULT_LIMIT = 20
DEFAULT_SPANS_PER_SET = 3
MAX_LIMIT = 10_000

_LOGFMT = re.compile(r'\s*([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')


@dataclass(frozen=True, slots=True)
class SearchParams:
    """One search."""

    query: str
    start_ns: int
    end_ns: int
    limit: int
    spans_per_set: int


def window(params: QueryParams) -> tuple[int, int]:
    """`start` and `end` in seconds, or (0, 0) when either is missing."""
    start, end = integer(params, "start", 0), integer(params, "end", 0)
    if (start or end) and end <= start:
        raise RequestError(f"end ({end}) must be after start ({start})")
    return start * SECOND, end * SECOND


def search(params: QueryParams) -> SearchParams:
    """Parameters of /api/search; the legacy `tags`, `minDuration` and `maxDuration` become TraceQL."""
    start_ns, end_ns = window(params)
    limit = integer(params, "limit", DEFAULT_LIMIT, at_least=1)
    if limit > MAX_LIMIT:
        raise RequestError(f"limit must be at most {MAX_LIMIT}, not {limit}")
    query = params.get("q", "").strip()
    legacy = _legacy(params)
    if query and legacy:
        raise RequestError("q cannot be combined with tags, minDuration or maxDuration")
    if not query:
        query = "{ " + " && ".join(legacy) + " }"
    return SearchParams(query, start_ns, end_ns, limit, integer(params, "spss", DEFAULT_SPANS_PER_SET))


def _legacy(params: QueryParams) -> list[str]:
    tests = []
    tags = params.get("tags", "")
    position = 0
    while tags[position:].strip():
        match = _LOGFMT.match(tags, position)
        if match is None:
            raise RequestError(
                f"tags are written key=value, separated by spaces; found {tags[position:][:64]!r}"
            )
        key, value = match.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        tests.append(_legacy_test(key, value))
        position = match.end()
    for name, symbol in (("minDuration", ">="), ("maxDuration", "<=")):
        limit = duration_ns(params, name)
        if limit:
            tests.append(f"traceDuration {symbol} {print_duration(limit)}")
    return tests


def _legacy_test(key: str, value: str) -> str:
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if key == "status" and value in ("ok", "error", "unset"):
        return f"status = {value}"
    if key == "error" and value == "true":
        return "status = error"
    if key in ("name", "root.name", "root.service.name"):
        intrinsic = {"name": "name", "root.name": "rootName", "root.service.name": "rootServiceName"}[key]
        return f"{intrinsic} = {quoted}"
    name = attribute_name(Attribute(AttributeScope.ANY, key))
    if value in ("true", "false") or re.fullmatch(r"-?\d{1,18}(\.\d+)?", value):
        return f"({name} = {quoted} || {name} = {value})"
    return f"{name} = {quoted}"


@dataclass(frozen=True, slots=True)
class MetricsParams:
    """One metrics query; `step_ns` 0 leaves the choice to the engine."""

    query: str
    start_ns: int
    end_ns: int
    step_ns: int
    exemplars: int


def metrics(params: QueryParams) -> MetricsParams:
    """Parameters of /api/metrics/query_range and /api/metrics/query; the last hour where no time is given."""
    query = params.get("q") or params.get("query") or ""
    if not query.strip():
        raise RequestError("q is required: a TraceQL query that ends in a function such as | rate()")
    start_ns, end_ns = _moment(params, "start"), _moment(params, "end")
    if not end_ns:
        end_ns = time.time_ns()
    if not start_ns:
        start_ns = end_ns - (duration_ns(params, "since") or HOUR)
    if end_ns <= start_ns:
        raise RequestError("end must be after start")
    return MetricsParams(query, start_ns, end_ns, _step(params), integer(params, "exemplars", 0))


def _moment(params: QueryParams, name: str) -> int:
    """A time in seconds (fractions allowed), nanoseconds or RFC 3339; 0 where it is missing."""
    text = params.get(name, "")
    if not text:
        return 0
    if re.fullmatch(r"\d+", text):
        # Seconds have at most 12 digits for the next 29,000 years.
        return int(text) if len(text) > 12 else int(text) * SECOND
    if re.fullmatch(r"\d+\.\d+", text):
        return round(float(text) * SECOND)
    return rfc3339_ns(text, name)


def _step(params: QueryParams) -> int:
    text = params.get("step", "")
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return round(float(text) * SECOND)
    return duration_ns(params, "step")


def tag(text: str) -> Attribute:
    """The attribute that a tag in a path means: `span.x`, `resource.x`, `.x`, an intrinsic, or bare `x`."""
    if text in INTRINSICS:
        return Attribute(AttributeScope.INTRINSIC, INTRINSICS[text])
    head, dot, name = text.partition(".")
    if dot and name and not head:
        return Attribute(AttributeScope.ANY, _unquoted(name))
    for scope in AttributeScope:
        if (
            dot
            and name
            and head == scope.value
            and scope not in (AttributeScope.ANY, AttributeScope.INTRINSIC)
        ):
            return Attribute(scope, _unquoted(name))
    return Attribute(AttributeScope.ANY, _unquoted(text))


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
