"""Text to tokens, as Prometheus' lexer splits it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from .errors import ParseError

# Repeats are possessive: a text that fails gives nothing back, so that hostile ones cost linear time.
_DURATION = r"(?:\d++(?:ms|[smhdwy]))++(?![\w])"
_DIGITS = r"\d(?:_?\d)*+"
_NUMBER = (
    r"0[xX]_?[0-9a-fA-F](?:_?[0-9a-fA-F])*+"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?+)?+|\.{_DIGITS})(?:[eE][+-]?\d++)?+"
)
# Longest first.
_OPERATORS = ("=~", "!~", "==", "!=", "<=", ">=", "</", ">/", *"(){}[],+-*/%^=<>@:!")
_TOKEN = re.compile(
    rf"""
    (?P<blank>[ \t\n\r]+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|`[^`]*+`)
    |(?P<duration>{_DURATION})
    |(?P<number>(?:{_NUMBER})(?![\w]))
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<operator>{"|".join(re.escape(one) for one in _OPERATORS)})
    """,
    re.VERBOSE | re.ASCII,
)
_LABEL = re.compile(r"[a-zA-Z_]\w*", re.ASCII)
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_PARTS = re.compile(r"(\d+)(ms|[smhdwy])")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39}


class Kind(Enum):
    """What a token is; the value is the word for it in messages."""

    NAME = "identifier"
    NUMBER = "number"
    DURATION = "duration"
    STRING = "string"
    OPERATOR = "operator"
    END = "end of input"


@dataclass(frozen=True, slots=True)
class Token:
    """A token with where it stands."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The text as keywords are compared: without regard to case."""
        return self.text.lower() if self.kind is Kind.NAME else ""


def tokens(text: str) -> list[Token]:
    """All tokens of a text, the last one being its end.

    Raises:
        ParseError: a character or a string that nothing can be made of.
    """
    found: list[Token] = []
    position, brackets, braces = 0, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        kind, piece = match.lastgroup, match.group()
        if kind == "name" and (brackets or braces) and ":" in piece:
            # Inside of a range a colon stands before the step; no label has one.
            label = _LABEL.match(piece)
            kind, piece = ("name", label.group()) if label else ("operator", ":")
        end = position + len(piece)
        if kind == "operator":
            brackets += (piece == "[") - (piece == "]")
            braces += (piece == "{") - (piece == "}")
        if kind != "blank":
            found.append(Token(Kind[str(kind).upper()], piece, position, end))
        position = end
    found.append(Token(Kind.END, "", len(text), len(text)))
    return found


def _unreadable(text: str, position: int) -> ParseError:
    character = text[position]
    if character in "\"'`":
        return ParseError("unterminated quoted string", text, position)
    if character.isdigit() or character == ".":
        bad = re.compile(r"[\w.]+").match(text, position)
        end = bad.end() if bad else position + 1
        return ParseError(f"bad number or duration syntax: {text[position:end]!r}", text, position)
    return ParseError(f"unexpected character: {character!r}", text, position)


def milliseconds(text: str) -> int | None:
    """A duration such as `5m` or `1h30m`; None where it is none, or its units do not go down."""
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    sizes = [_UNITS[unit] for _, unit in parts]
    if any(before <= after for before, after in pairwise(sizes)):
        return None
    return sum(int(number) * size for (number, _), size in zip(parts, sizes, strict=True))


def unquoted(token: Token, text: str) -> str:
    """The value of a string token.

    Raises:
        ParseError: an escape that means nothing.
    """
    inner = token.text[1:-1]
    if token.text[0] == "`" or "\\" not in inner:
        return inner
    quote = token.text[0]
    raw = bytearray()
    position = 0
    for match in _ESCAPE.finditer(inner):
        raw += inner[position : match.start()].encode("utf-8", "surrogatepass")
        position = match.end()
        escape = match[1]
        if escape[0] in "uU" and len(escape) > 1:
            raw += chr(min(int(escape[1:], 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
        elif escape[0] == "x" and len(escape) == 3:
            raw.append(int(escape[1:], 16))
        elif escape.isdigit() and len(escape) == 3:
            raw.append(int(escape, 8) & 0xFF)
        elif escape in _SIMPLE and (escape not in "\"'" or escape == quote):
            raw.append(_SIMPLE[escape])
        else:
            raise ParseError(f"unknown escape sequence \\{escape}", text, token.start)
    raw += inner[position:].encode("utf-8", "surrogatepass")
    # Bytes that are no UTF-8 stay what they are, so that a check can find and refuse them.
    return raw.decode("utf-8", "surrogateescape")
