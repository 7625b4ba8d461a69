"""Attributes and other values of OTLP as JSON that people query.

What JSON has no word for, bytes and nested key-value lists and infinities, is an object with the one key
`$otlp`, which holds OTLP's own JSON of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from ..otlp_json import document, into


def object_text(attributes: Iterable[KeyValue]) -> str:
    """Attributes as the text of a JSON object."""
    return json.dumps({one.key: _plain(one.value) for one in attributes}, ensure_ascii=False)


def attributes(text: str) -> Iterator[KeyValue]:
    """The attributes of such a text.

    Raises:
        ValueError: one of them is no value of OTLP.
    """
    for key, found in json.loads(text).items():
        made = KeyValue(key=key)
        _fill(made.value, found)
        yield made


def value_text(value: AnyValue) -> str:
    """A value as JSON text."""
    return json.dumps(_plain(value), ensure_ascii=False)


def fill(value: AnyValue, text: str) -> None:
    """Make `value` what such a text says.

    Raises:
        ValueError: it is no value of OTLP.
    """
    _fill(value, json.loads(text))


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value"):
        return getattr(value, kind)
    if kind == "double_value" and math.isfinite(value.double_value):
        return value.double_value
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return {"$otlp": document(value)}


def _fill(value: AnyValue, found: Any) -> None:
    match found:
        case bool():
            value.bool_value = found
        case str():
            value.string_value = found
        case int():
            value.int_value = found
        case float():
            value.double_value = found
        case list():
            value.array_value.SetInParent()
            for one in found:
                _fill(value.array_value.values.add(), one)
        case {"$otlp": own}:
            into(value, own)
        case _:
            raise ValueError(f"an attribute is {found!r}, which is no value of OTLP")
