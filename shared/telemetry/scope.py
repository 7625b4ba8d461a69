"""Instrumentation scopes: who records within a service."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

# Added by version 1.26 of the SDK.
_HAS_ATTRIBUTES: Final = hasattr(InstrumentationScope, "attributes")


def scope_of(
    name: str, version: str | None, schema_url: str | None, attributes: Attributes
) -> InstrumentationScope:
    """The scope of a tracer or meter; without attributes where the SDK knows none."""
    if _HAS_ATTRIBUTES:
        return InstrumentationScope(name, version, schema_url, attributes)
    return InstrumentationScope(name, version, schema_url)


def attributes_of(scope: InstrumentationScope) -> Attributes:
    """The scope's attributes; None where the SDK knows none."""
    return scope.attributes if _HAS_ATTRIBUTES else None
