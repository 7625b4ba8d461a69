"""What must not leave the process: secrets in query strings, URLs and headers."""

from __future__ import annotations

import re

REDACTED = "REDACTED"
"""Stands where a query value, a user or a password was (semantic conventions, `url.full`, `url.query`)."""

_SENSITIVE = (
    "access_token|api_?key|auth|authorization|awsaccesskeyid|client_secret|code|credential|id_token|jwt|key|"
    "pass|passwd|password|pwd|refresh_token|secret|session|session_?id|sig|signature|token|"
    "x-amz-credential|x-amz-security-token|x-amz-signature|x-goog-credential|x-goog-signature|"
    r"[\w.-]*(?:api[_-]?key|password|passwd|secret|token)"
)
_QUERY_VALUE = re.compile(rf"((?:^|[&;?])(?:{_SENSITIVE})=)[^&;#]*", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/?#@]*@")

SENSITIVE_HEADERS = re.compile(
    r"^(?:authorization|proxy-authorization|cookie|set-cookie|.*(?:api[_-]?key|password|passwd|secret|token).*)$",
    re.IGNORECASE,
)
"""Names of headers whose values are replaced even where capturing them was asked for."""


def redact_query(query: str) -> str:
    """Replace the values of keys that carry secrets; keys, order and everything else stay."""
    if "=" not in query:
        return query
    return _QUERY_VALUE.sub(rf"\1{REDACTED}", query)


def redact_url(url: str) -> str:
    """Redact the query of a URL, and its user and password if it has any."""
    if "@" in url:
        url = _CREDENTIALS.sub(f"{REDACTED}:{REDACTED}@", url, count=1)
    return redact_query(url) if "?" in url else url
