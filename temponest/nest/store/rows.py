"""Spans and log records as OTLP groups them, by resource and scope, and what both have alike."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from .arrays import Ints, ids, parents, spread
from .attributes import AttributeColumns, capped
from .resources import resources


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of some bodies, in their order.

    Attributes:
        own: their own fields.
        scopes: of the groups they came in.
        resources: of the groups that these came in.
        scope_of: which scope each record has.
        resource_of: which resource each record has.
    """

    own: pa.StructArray
    scopes: pa.Array
    resources: pa.Array
    scope_of: Ints
    resource_of: Ints

    @classmethod
    def of(cls, requests: pa.ListArray, scopes: str, records: str) -> Rows:
        """Flatten what the wire decoder made.

        Args:
            requests: groups by resource, a list a body.
            scopes: the field of such a group that has groups by scope.
            records: the field of these that has the records.
        """
        by_resource = requests.flatten()
        scope_lists = by_resource.field(scopes)
        by_scope = scope_lists.flatten()
        record_lists = by_scope.field(records)
        scope_of = parents(record_lists)
        return cls(
            record_lists.flatten(),
            by_scope.field("scope"),
            by_resource.field("resource"),
            scope_of,
            parents(scope_lists)[scope_of],
        )

    def columns(self, attributes: AttributeColumns) -> dict[str, pa.Array]:
        """Ids, resource, service, scope, flags and attributes as columns."""
        kept, dropped = capped(self.own.field("attributes"), self.own.field("dropped_attributes"))
        return {
            "trace_id": ids(self.own.field("trace_id"), 16),
            "span_id": ids(self.own.field("span_id"), 8),
            **resources(self.resources, self.resource_of),
            "scope": spread(self.scopes.dictionary_encode(), self.scope_of),
            "flags": self.own.field("flags"),
            "dropped_attributes": dropped,
            **attributes.decode(kept),
        }
