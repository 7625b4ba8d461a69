"""Secrets are taken out of what telemetry carries: by the name of an attribute, and inside of free text.

Free text is what a program did not choose: exception messages, stack traces, SQL, URLs. A value is a
secret when a known name stands before it (`password=...`, `"api_key": "..."`, `Authorization: Bearer ...`)
or when it is the password of a URL (`scheme://user:password@host`).
"""

from __future__ import annotations

import re
from functools import lru_cache

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
_SECRET_WORD = re.compile(rf"(?:.*[-_./])?(?:{'|'.join(_NAMES)})", re.IGNORECASE)

# A part of every name: text without any of them, which is most, is not looked at closer.
_HINT = re.compile("pass|pwd|secret|token|key|authorization|cookie|session|credential")
# Every quantifier below is possessive: hostile text is read once.
_NAMED = re.compile(r"""(?<![A-Za-z0-9_./-])([A-Za-z0-9_./-]++)\\?+["']?+\s*+(?:=>|[=:])\s*+""")
_VALUE = re.compile(
    r"""
    (?:(?:bearer|basic|digest|token)\s++)?+
    (?: \\?"(?P<double>(?:[^"\\]|\\[^"])*+) | \\?'(?P<single>(?:[^'\\]|\\[^'])*+)
        | (?P<bare>[^\s,;&"'<>)\]}]++) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*+:)[^\s/@]++(?=@)")


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
    """The text with every secret that a known name announces replaced by `REDACTED`.

    Takes time proportional to the length of the text, whatever is in it.
    """
    if ":" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    if ("=" not in text and ":" not in text) or _HINT.search(text.lower()) is None:
        return text
    pieces: list[str] = []
    done = 0
    for named in _NAMED.finditer(text):
        # What is behind the name may have been taken as an earlier value.
        if named.start() < done or not _announces(named[1]):
            continue
        value = _VALUE.match(text, named.end())
        if value is not None:
            start, end = value.span(value.lastgroup or 0)
            pieces += (text[done:start], REDACTED)
            done = end
    return "".join((*pieces, text[done:])) if pieces else text


def scrub_error(text: str) -> str:
    """The same for the words of an exception: also without the values that database drivers quote in them."""
    if "invalid" in text or "DETAIL" in text or "Command #" in text or "arg" in text:
        text = _VALUE_IN_ERROR.sub(_redact_value, text)
    return scrub(text)


def _redact_value(found: re.Match[str]) -> str:
    return f"{found[found.lastgroup or 0]}{REDACTED}"


@lru_cache(maxsize=1024)
def _announces(word: str) -> bool:
    return len(word) < 200 and _SECRET_WORD.fullmatch(word) is not None
