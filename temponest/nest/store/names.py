"""Which services, operations and attributes a block knows, read from its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..model.fetch import AttributeScope
from . import otlp
from .arrays import columns_of
from .schema import attribute_of

if TYPE_CHECKING:
    from .block import Block


def operations(block: Block) -> dict[str, list[tuple[str, int]]]:
    """For each service its span names with the kinds they were seen with."""
    table = block.read(["service", "name", "kind"])
    service, name = columns_of(table, "service"), columns_of(table, "name")
    services, names = service.dictionary.to_pylist(), name.dictionary.to_pylist()
    kinds = columns_of(table, "kind").to_numpy().astype(np.int64) & 0xFF
    codes = (service.indices.to_numpy().astype(np.int64) * len(names) + name.indices.to_numpy()) << 8 | kinds
    found: dict[str, list[tuple[str, int]]] = {}
    for code in np.unique(codes).tolist():
        pair, kind = code >> 8, code & 0xFF
        found.setdefault(services[pair // len(names)], []).append((names[pair % len(names)], kind))
    return found


def attribute_names(block: Block, *, listed: bool = True) -> dict[AttributeScope, set[str]]:
    """Attribute names by scope; those of events and links only if they are `listed`."""
    found: dict[AttributeScope, set[str]] = {
        AttributeScope.SPAN: {described[1] for name in block.names() if (described := attribute_of(name))},
        AttributeScope.RESOURCE: set(),
        AttributeScope.INSTRUMENTATION: set(),
        AttributeScope.EVENT: set(),
        AttributeScope.LINK: set(),
    }
    table = block.read(["resource", "scope", "rest"])
    for encoded in columns_of(table, "resource").unique().to_pylist():
        found[AttributeScope.RESOURCE].update(otlp.resource(encoded).attributes)
    for encoded in columns_of(table, "scope").unique().to_pylist():
        found[AttributeScope.INSTRUMENTATION].update(otlp.scope(encoded).attributes)
    for encoded in set(columns_of(table, "rest").flatten().to_pylist()):
        found[AttributeScope.SPAN].add(otlp.key_value(encoded)[0])
    if not listed or "events" not in block.names():
        return found
    table = block.read(["events", "links"])
    for encoded in columns_of(table, "events").flatten().to_pylist():
        found[AttributeScope.EVENT].update(otlp.event(encoded).attributes)
    for encoded in columns_of(table, "links").flatten().to_pylist():
        found[AttributeScope.LINK].update(otlp.link(encoded).attributes)
    return found
