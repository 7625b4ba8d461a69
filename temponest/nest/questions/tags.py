"""What people ask while they write a query: which attributes are there, and which values do they have."""

from __future__ import annotations

from ..model.budget import Budget
from ..model.fetch import Attribute, AttributeScope
from ..model.source import SpanSource
from ..model.span import Kind, Status, Value
from ..traceql.conditions import fetch_request
from ..traceql.lenient import lenient_filter
from ..traceql.rules.alias_names import aliases_of
from .traces import text_of

# What autocompletion offers; the scoped spellings come first in Grafana's builder because both are listed.
INTRINSIC_NAMES = (
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:childCount",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
)
SCOPES = (
    AttributeScope.EVENT,
    AttributeScope.INSTRUMENTATION,
    AttributeScope.LINK,
    AttributeScope.RESOURCE,
    AttributeScope.SPAN,
)
# Identifiers and durations are all different: a list of them helps nobody to choose.
_UNLISTED = frozenset(
    {"duration", "traceDuration", "event:timeSinceStart", "trace:id", "span:id", "span:parentID"}
    | {"link:traceID", "link:spanID", "span:childCount", "parent"}
    | {"nestedSetLeft", "nestedSetRight", "nestedSetParent"}
)


class Tags:
    """Questions about attribute names and values, answered from one source.

    Args:
        source: where the spans are.
    """

    def __init__(self, source: SpanSource) -> None:
        self._source = source

    def names(
        self, scope: str, start_ns: int, end_ns: int, limit: int, budget: Budget
    ) -> dict[str, list[str]]:
        """Attribute names by scope, sorted; `scope` "" is every scope, "intrinsic" those built in.

        `limit` is per scope; 0 is none.
        """
        found: dict[str, list[str]] = {}
        if scope != AttributeScope.INTRINSIC:
            seen = self._source.attribute_names(start_ns, end_ns, budget.cancelled)
            found = {one.value: seen.get(one, []) for one in SCOPES if scope in ("", one.value)}
        if scope in ("", AttributeScope.INTRINSIC):
            found["intrinsic"] = list(INTRINSIC_NAMES)
        return {one: names[:limit] if limit else names for one, names in found.items()}

    def values(
        self, attribute: Attribute, query: str, start_ns: int, end_ns: int, limit: int, budget: Budget
    ) -> list[tuple[str, str]]:
        """(type, text) of an attribute's values on spans that match a filter, perhaps an incomplete one."""
        if attribute.scope is AttributeScope.INTRINSIC:
            if attribute.name == "status":
                return [
                    ("keyword", status.name.lower()) for status in (Status.OK, Status.ERROR, Status.UNSET)
                ]
            if attribute.name == "kind":
                return [("keyword", kind.name.lower()) for kind in Kind]
            if attribute.name in _UNLISTED:
                return []
        request = fetch_request(lenient_filter(query), start_ns, end_ns, limit)
        found: dict[tuple[str, str], None] = {}
        for one in (attribute, *aliases_of(attribute)):
            for value in self._source.attribute_values(one, request, limit, budget.cancelled):
                for element in value if isinstance(value, tuple) else (value,):
                    typed = _typed(element)
                    if typed:
                        found[typed] = None
        return list(found)[:limit]


def _typed(value: Value) -> tuple[str, str] | None:
    text = text_of(value)
    if text is None:
        return None
    match value:
        case bool():
            return "bool", text
        case int():
            return "int", text
        case float():
            # As Tempo writes them: whole ones with a point, too.
            return "float", f"{text}.0" if text.lstrip("-").isdigit() else text
        case _:
            return "string", text
