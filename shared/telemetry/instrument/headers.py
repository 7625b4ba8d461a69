"""Request and response headers on a span, where the operator asked for them by name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..config import words
from .redact import REDACTED, SENSITIVE_HEADERS
from .semconv import Attributes

_VARIABLE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"


class HeaderCapture:
    """Picks the headers to record of one direction; none unless the environment names some.

    Names are regular expressions, comma separated, matched against the whole name without regard to case.
    Values of headers that carry credentials are replaced always; the variable ending in SANITIZE_FIELDS adds
    more names.

    Args:
        side: "server" or "client".
        direction: "request" or "response".
    """

    def __init__(self, side: str, direction: str) -> None:
        self._prefix = f"http.{direction}.header."
        self._wanted = _any_of(f"{_VARIABLE}{side.upper()}_{direction.upper()}")
        self._sanitized = _any_of(f"{_VARIABLE}SANITIZE_FIELDS")

    def __bool__(self) -> bool:
        return self._wanted is not None

    def __call__(self, headers: Iterable[tuple[bytes, bytes]]) -> Attributes:
        """Attributes for the wanted ones among `headers`: lists of strings, as the conventions ask."""
        captured: Attributes = {}
        if self._wanted is None:
            return captured
        for raw, value in headers:
            name = raw.decode("latin-1").lower()
            if not self._wanted.fullmatch(name):
                continue
            secret = SENSITIVE_HEADERS.match(name) or (self._sanitized and self._sanitized.fullmatch(name))
            values = captured.setdefault(self._prefix + name, [])
            if isinstance(values, list):
                values.append(REDACTED if secret else value.decode("latin-1"))
        return captured


def _any_of(variable: str) -> re.Pattern[str] | None:
    listed = words(variable, "")
    return re.compile("|".join(f"(?:{name})" for name in listed), re.IGNORECASE) if listed else None
