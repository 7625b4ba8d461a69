"""Text → tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..model.duration import DURATION, MAX_DURATION_CHARACTERS, parse_duration
from ..model.query_text import quoted
from .errors import ParseError

# The grammar walks brackets one inside the other; a query this long is no query.
MAX_LENGTH = 100_000


class TokenKind(StrEnum):
    """What a token is, as error messages call it."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    DURATION = "duration"
    BYTES = "size"
    SYMBOL = "symbol"
    END = "end of query"


@dataclass(frozen=True, slots=True)
class Token:
    """A token from `start` up to before `end`; `value` is the text, number, nanoseconds or bytes."""

    kind: TokenKind
    value: str | float
    start: int
    end: int

    def __str__(self) -> str:
        return (
            self.kind.value if self.kind is TokenKind.END else f"{self.kind.value} {str(self.value)[:40]!r}"
        )


# Longest first: the first alternative that matches wins.
_SYMBOL = re.compile(r"\|=|\|~|\|>|!=|!~|!>|=~|==|>=|<=|[{}()\[\],|=<>+\-*/%^!]")
_SPACE = re.compile(r"(?:\s|#[^\n]*)+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?|0x[0-9a-fA-F]++")
_BYTES = re.compile(r"(\d++(?:\.\d*+)?|\.\d++)\s?((?:[kKMGTPE]i?)?B)(?!\w)")
_POWERS = "kmgtpe"


def tokenize(text: str) -> list[Token]:
    """Split a query into tokens, the last of kind END.

    Raises:
        ParseError: at a character no token starts with, an open string or a bad number.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(f"the query has more than {MAX_LENGTH} characters", text, MAX_LENGTH)
    tokens: list[Token] = []
    position = 0
    while True:
        space = _SPACE.match(text, position)
        if space:
            position = space.end()
        if position >= len(text):
            tokens.append(Token(TokenKind.END, "", len(text), len(text)))
            return tokens
        token = _next(text, position)
        tokens.append(token)
        position = token.end


def _next(text: str, start: int) -> Token:
    if text[start] in '"`':
        value, end = quoted(text, start, ParseError)
        return Token(TokenKind.STRING, value, start, end)
    if name := _NAME.match(text, start):
        return Token(TokenKind.NAME, name.group(), start, name.end())
    if number := _NUMBER.match(text, start):
        return _number(text, start, number)
    if symbol := _SYMBOL.match(text, start):
        return Token(TokenKind.SYMBOL, symbol.group(), start, symbol.end())
    if text[start] == "'":
        raise ParseError("strings are in double quotes or backticks", text, start)
    raise ParseError(f"unexpected character {text[start]!r}", text, start)


def _number(text: str, start: int, number: re.Match[str]) -> Token:
    if size := _BYTES.match(text, start):
        return Token(TokenKind.BYTES, float(size[1]) * _unit(size[2]), start, size.end())
    if duration := DURATION.match(text, start):
        if len(duration.group()) > MAX_DURATION_CHARACTERS:
            raise ParseError("duration out of range", text, start)
        return Token(TokenKind.DURATION, float(parse_duration(duration.group())), start, duration.end())
    if _NAME.match(text, number.end()):
        reason = "bad number; durations end in ns, us, ms, s, m, h, d or w, sizes in B, KB, KiB, MB, MiB"
        raise ParseError(reason, text, start)
    digits = number.group()
    value = float(int(digits, 16)) if digits.startswith("0x") else float(digits)
    return Token(TokenKind.NUMBER, value, start, number.end())


def _unit(unit: str) -> int:
    if unit == "B":
        return 1
    base = 1024 if "i" in unit else 1000
    return int(base ** (_POWERS.index(unit[0].lower()) + 1))


def parse_size(text: str) -> float | None:
    """Bytes of a size such as `20KB`; None where it is none."""
    found = _BYTES.fullmatch(text.strip())
    return float(found[1]) * _unit(found[2]) if found else None
