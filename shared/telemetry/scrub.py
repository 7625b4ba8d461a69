"""Secrets are taken out of what telemetry carries: by the name of an attribute, and inside of free text.

Free text is what a program did not choose: exception messages, stack traces, SQL, URLs. A value is a
secret when a known name stands before it (`password=...`, `"api_key": "..."`, `Authorization: Bearer ...`)
or when it is the password of a URL (`scheme://user:password@host`).
"""

from __future__ import annotations

import re

REDACTED = "REDACTED"
"""What stands in the place of a secret. The word is the one of the semantic conventions for `url.query`."""

_NAMES = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "client[-_]?secret",
    "secret[-_]?key",
    "token",
    "(?:access|refresh|id|auth|session|csrf|bearer)[-_]?token",
    "(?:x[-_])?api[-_]?key",
    "(?:x[-_])?auth[-_]?token",
    "private[-_]?key",
    "(?:proxy[-_])?authorization",
    "(?:set[-_])?cookie",
    "session[-_]?id",
    "credentials?",
)
_SECRET_NAME = re.compile(rf"(?:.*[./])?(?:{'|'.join(_NAMES)})", re.IGNORECASE | re.DOTALL)
_SECRET_IN_TEXT = re.compile(
    rf"""
    (?P<name>(?<![A-Za-z0-9])(?:[A-Za-z0-9]+[-_.])*?(?:{"|".join(_NAMES)})(?![A-Za-z0-9_-])
        \\?["']?\s*(?:=>|[=:])\s*)
    (?P<scheme>(?:bearer|basic|digest|token)\s+)?
    (?:\\?"(?P<double>(?:[^"\\]|\\[^"])*)\\?" | \\?'(?P<single>(?:[^'\\]|\\[^'])*)\\?'
        | (?P<bare>[^\s,;&"'<>)\]}}]+))
    | (?P<url>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)
    """,
    re.IGNORECASE | re.VERBOSE,
)

_VALUE_IN_ERROR = re.compile(
    r"""
      (?P<argument> invalid\ input\ for\ query\ argument\ \$\d+[^:\n]*:\ ) [^\n]*
    | (?P<cast>     invalid\ input\ syntax\ for\ type\ [^:"\n]+:\ ) ".*?(?:"(?=\n)|\Z)
    | (?P<value>    invalid\ value\ ) ".*?(?:"(?=\ for\ ")|\Z)
    | (?P<detail>   \nDETAIL:\ +) .*?(?=\nHINT:|\n\n|\Z)
    | (?P<command>  Command\ \#\ \d+\ \(\S+\ ) .*?(?=\)\ of\ pipeline\ caused\ error:|\Z)
    | (?P<unknown>  ,\ with\ args\ beginning\ with:\ ) [^\n]*
    | (?P<option>   Unknown\ option\ or\ number\ of\ arguments\ for\ [A-Z ]+-\ ) '.*?(?:'(?=\n)|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
"""Where PostgreSQL, asyncpg, Redis and redis-py quote the values they were given."""


def is_secret_name(name: str) -> bool:
    """Whether an attribute of this name carries a secret as its whole value.

    The last part of a dotted name counts, so `http.request.header.authorization` does and
    `gen_ai.usage.input_tokens` does not.
    """
    return _SECRET_NAME.fullmatch(name) is not None


def scrub(text: str) -> str:
    """The text with every secret that a known name announces replaced by `REDACTED`."""
    if "=" not in text and ":" not in text:
        return text
    return _SECRET_IN_TEXT.sub(_redact, text)


def scrub_error(text: str) -> str:
    """The same for the words of an exception: also without the values that database drivers quote in them."""
    if "invalid" in text or "DETAIL" in text or "Command #" in text or "arg" in text:
        text = _VALUE_IN_ERROR.sub(_redact_value, text)
    return scrub(text)


def _redact_value(found: re.Match[str]) -> str:
    return f"{found[found.lastgroup or 0]}{REDACTED}"


def _redact(found: re.Match[str]) -> str:
    if (url := found["url"]) is not None:
        return f"{url}{REDACTED}"
    whole = found[0]
    for group in ("double", "single", "bare"):
        if found[group] is not None:
            start, end = found.start(group) - found.start(), found.end(group) - found.start()
            return f"{whole[:start]}{REDACTED}{whole[end:]}"
    return REDACTED
