"""Span limits, and the values that attributes may have (specification: common, "Attribute Limits")."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.util.types import AttributeValue as AnyValue

from ..otlp.attributes import PREPARED_AT_MOST, shown

logger = logging.getLogger(__name__)

SCALARS = frozenset({str, int, float, bool, bytes, NoneType})
"""Types whose values are immutable and encoded as they are."""

_MAX_DEPTH = 16


class Limits:
    """The SDK's `SpanLimits` with every "no limit" as a number, ready to be compared."""

    __slots__ = (
        "attributes",
        "event_attributes",
        "events",
        "length",
        "link_attributes",
        "links",
        "plain",
        "shares",
        "span_length",
    )

    def __init__(self, limits: SpanLimits) -> None:
        def bound(limit: int | None) -> int:
            return sys.maxsize if limit is None else limit

        self.attributes = bound(limits.max_span_attributes)
        self.events = bound(limits.max_events)
        self.links = bound(limits.max_links)
        self.event_attributes = limits.max_event_attributes
        self.link_attributes = limits.max_link_attributes
        self.length = limits.max_attribute_length
        self.span_length = limits.max_span_attribute_length
        # Prepared attributes and as many others then never reach the limit.
        self.shares = self.span_length is None and self.attributes >= 2 * PREPARED_AT_MOST
        # Values of these types need no look before they are stored.
        self.plain = SCALARS if self.span_length is None else SCALARS - {str}


def make_room(attributes: dict[str, AnyValue], most: int) -> int:
    """Let the oldest go until `most` are left, as the SDK does; returns how many went."""
    over = max(0, len(attributes) - most)
    for key in list(attributes)[:over]:
        del attributes[key]
    return over


def clean_value(value: Any, length: int | None, depth: int = 0) -> AnyValue:
    """An immutable copy of a value that OTLP can carry, strings cut to `length` characters.

    What is no attribute value becomes its `str()` when its type defines one, else None.
    """
    if isinstance(value, str):
        return value if length is None or len(value) <= length else value[:length]
    if type(value) in SCALARS or isinstance(value, bool | int | float | bytes):
        scalar: AnyValue = value
        return scalar
    if depth < _MAX_DEPTH:
        if isinstance(value, Sequence):
            return tuple([clean_value(item, length, depth + 1) for item in value])
        if isinstance(value, Mapping):
            return {
                str(key): clean_value(item, length, depth + 1)
                for key, item in value.items()
                if valid_key(key)
            }
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        logger.warning(
            "An attribute value of type %s cannot be recorded; use str, bool, int, float, bytes or a list",
            type(value),
        )
        return None
    return shown(value)


def valid_key(key: object) -> bool:
    """Whether this may name an attribute: a string that is not empty."""
    return isinstance(key, str) and key != ""
