"""TraceQL for what people ask most, so that they need not know the language."""

from __future__ import annotations

import json
import re

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PLAIN = re.compile(r"[\w.:/-]+")


def spans_with(service: str | None, tags: dict[str, str]) -> str:
    """A query for spans of a service that have all of these attributes.

    Args:
        service: `service.name`; any without one.
        tags: values by name of the attribute, on the span or its resource; what looks like a number or a
            truth value is found as text, too.
    """
    conditions = [] if service is None else [f"resource.service.name = {_text(service)}"]
    conditions += [_equals(name, value) for name, value in tags.items()]
    return f"{{ {' && '.join(conditions)} }}" if conditions else "{}"


def _equals(name: str, value: str) -> str:
    attribute = f".{name}" if _PLAIN.fullmatch(name) else f".{_text(name)}"
    as_text = f"{attribute} = {_text(value)}"
    typed = value in {"true", "false"} or _NUMBER.fullmatch(value)
    return f"({attribute} = {value} || {as_text})" if typed else as_text


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
