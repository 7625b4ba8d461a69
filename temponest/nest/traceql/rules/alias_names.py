"""`span.http.status_code` also finds `http.response.status_code`: both names of a renamed attribute.

Semantic conventions gave many attributes new, stable names. People and dashboards search by either, and
services send either; the name in the query is looked up first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...model.fetch import Attribute, AttributeScope
from ..tree import FieldRef, Query
from .transform import transform

# Old name → stable name (semantic conventions 1.23 for HTTP, 1.28 for databases, 1.26 for messaging).
RENAMED = {
    "http.method": "http.request.method",
    "http.status_code": "http.response.status_code",
    "http.url": "url.full",
    "http.target": "url.path",
    "http.scheme": "url.scheme",
    "http.user_agent": "user_agent.original",
    "http.request_content_length": "http.request.body.size",
    "http.response_content_length": "http.response.body.size",
    "http.client_ip": "client.address",
    "net.peer.name": "server.address",
    "net.peer.port": "server.port",
    "net.host.name": "server.address",
    "net.host.port": "server.port",
    "db.system": "db.system.name",
    "db.name": "db.namespace",
    "db.statement": "db.query.text",
    "db.operation": "db.operation.name",
    "db.sql.table": "db.collection.name",
    "messaging.destination": "messaging.destination.name",
    "messaging.operation": "messaging.operation.type",
    "deployment.environment": "deployment.environment.name",
}
_NAMES: dict[str, tuple[str, ...]] = {}
for _old, _new in RENAMED.items():
    _NAMES[_old] = (_new,)
    _NAMES[_new] = (*_NAMES.get(_new, ()), _old)

_SCOPES = (AttributeScope.ANY, AttributeScope.SPAN, AttributeScope.RESOURCE)


def alias_names(query: Query) -> Query:
    """Let each renamed attribute be found under its other names."""
    return transform(query, _with_aliases)


def aliases_of(attribute: Attribute) -> tuple[Attribute, ...]:
    """Other names of an attribute, in the same scope."""
    if attribute.scope not in _SCOPES:
        return ()
    return tuple(Attribute(attribute.scope, name) for name in _NAMES.get(attribute.name, ()))


def _with_aliases(node: Any) -> Any:
    if isinstance(node, FieldRef) and (aliases := aliases_of(node.attribute)):
        return replace(node, aliases=aliases)
    return node
