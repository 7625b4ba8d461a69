"""Who sent a row: the columns of its resource and its instrumentation scope, the last of every table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope

from .value import attributes, object_text

Row: TypeAlias = dict[str, Any]

SERVICE: pa.Field = pa.field("service", pa.string())
COLUMNS: list[pa.Field] = [
    pa.field("resource", pa.string()),
    pa.field("resource_schema_url", pa.string()),
    pa.field("scope_name", pa.string()),
    pa.field("scope_version", pa.string()),
    pa.field("scope_attributes", pa.string()),
    pa.field("scope_schema_url", pa.string()),
]


def origin(group: Any, scoped: Any) -> Row:
    """Values of these columns for everything of one scope of one resource."""
    service = [one.value.string_value for one in group.resource.attributes if one.key == "service.name"]
    return {
        "service": service[0] if service else "",
        "resource": object_text(group.resource.attributes),
        "resource_schema_url": group.schema_url,
        "scope_name": scoped.scope.name,
        "scope_version": scoped.scope.version,
        "scope_attributes": object_text(scoped.scope.attributes),
        "scope_schema_url": scoped.schema_url,
    }


class Scopes:
    """The scopes of a request that is put together from rows.

    Args:
        add_resource: adds a `ResourceSpans`, or what it is called for another signal, to the request.
        add_scope: adds a `ScopeSpans`, likewise, to one of those.
    """

    def __init__(self, add_resource: Callable[[], Any], add_scope: Callable[[Any], Any]) -> None:
        self._add_resource = add_resource
        self._add_scope = add_scope
        self._resources: dict[tuple[str, str], Message] = {}
        self._first: dict[tuple[str, str], Row] = {}
        self._scopes: dict[tuple[Any, ...], Any] = {}

    def of(self, row: Row, report: Sequence[str] = ()) -> Any:
        """The scope that a row belongs to.

        Args:
            row: the row.
            report: columns that no two rows of one report have alike: where the first of a resource come
                again, a report of it begins, and with it a resource of its own in the request.
        """
        if report:
            self._begin(row, {name: row[name] for name in report})
        key = tuple(row[column.name] for column in COLUMNS)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = self._add_scope(self._resource(row))
            found.schema_url = row["scope_schema_url"]
            scope = InstrumentationScope(name=row["scope_name"], version=row["scope_version"])
            scope.attributes.extend(attributes(row["scope_attributes"]))
            if scope.ByteSize():
                found.scope.CopyFrom(scope)
        return found

    def _begin(self, row: Row, series: Row) -> None:
        resource = (row["resource"], row["resource_schema_url"])
        if self._first.setdefault(resource, series) == series and resource in self._resources:
            del self._resources[resource]
            self._scopes = {key: one for key, one in self._scopes.items() if key[:2] != resource}

    def _resource(self, row: Row) -> Any:
        key = (row["resource"], row["resource_schema_url"])
        found: Any = self._resources.get(key)
        if found is None:
            found = self._resources[key] = self._add_resource()
            found.schema_url = row["resource_schema_url"]
            if known := list(attributes(row["resource"])):
                found.resource.attributes.extend(known)
        return found
