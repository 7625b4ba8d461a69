"""Text → tokens. An attribute with its scope is one token: almost any character may be in a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..model.duration import DURATION, MAX_DURATION_CHARACTERS, parse_duration
from ..model.fetch import Attribute, AttributeScope
from ..model.query_text import quoted
from .errors import ParseError


class TokenKind(StrEnum):
    """What a token is, as error messages call it."""

    NAME = "name"
    ATTRIBUTE = "attribute"
    PARENT_ATTRIBUTE = "parent attribute"
    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    DURATION = "duration"
    SYMBOL = "symbol"
    END = "end of query"


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its first character's offset; `value` is the text, number, nanoseconds or attribute."""

    kind: TokenKind
    value: str | int | float | Attribute
    position: int
    text: str


MAX_INTEGER = 2**63 - 1
# Longest first: the first alternative that matches wins.
_SYMBOL = re.compile(r"[&!](?:>>|<<|>|<|~)|!=|=~|>=|<=|>>|<<|&&|\|\||[{}(),=<>~!+\-*/%^|]")
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NAME = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?")
_ATTRIBUTE_PART = re.compile(r"[^\s{}()=~!<>&|^,\"]+")

_SCOPES = {
    "span": AttributeScope.SPAN,
    "resource": AttributeScope.RESOURCE,
    "event": AttributeScope.EVENT,
    "link": AttributeScope.LINK,
    "instrumentation": AttributeScope.INSTRUMENTATION,
}

# Every spelling of an intrinsic and the one name it has in the model.
INTRINSICS = {
    "duration": "duration",
    "name": "name",
    "kind": "kind",
    "status": "status",
    "statusMessage": "statusMessage",
    "rootName": "rootName",
    "rootServiceName": "rootServiceName",
    "traceDuration": "traceDuration",
    "nestedSetLeft": "nestedSetLeft",
    "nestedSetRight": "nestedSetRight",
    "nestedSetParent": "nestedSetParent",
    "parent": "parent",
    "trace:duration": "traceDuration",
    "trace:rootName": "rootName",
    "trace:rootService": "rootServiceName",
    "trace:id": "trace:id",
    "span:duration": "duration",
    "span:name": "name",
    "span:kind": "kind",
    "span:status": "status",
    "span:statusMessage": "statusMessage",
    "span:id": "span:id",
    "span:parentID": "span:parentID",
    "span:childCount": "span:childCount",
    "event:name": "event:name",
    "event:timeSinceStart": "event:timeSinceStart",
    "link:traceID": "link:traceID",
    "link:spanID": "link:spanID",
    "instrumentation:name": "instrumentation:name",
    "instrumentation:version": "instrumentation:version",
}


def tokenize(text: str) -> list[Token]:
    """Split a query into tokens, the last of kind END.

    Raises:
        ParseError: at a character no token starts with, an open string or a number out of range.
    """
    tokens: list[Token] = []
    position = 0
    while True:
        space = _SPACE.match(text, position)
        if space:
            position = space.end()
        if position >= len(text):
            tokens.append(Token(TokenKind.END, "", len(text), ""))
            return tokens
        token, position = _next(text, position)
        tokens.append(token)


def _next(text: str, start: int) -> tuple[Token, int]:
    first = text[start]
    if first == '"' or first == "`":
        value, end = quoted(text, start, ParseError)
        return Token(TokenKind.STRING, value, start, text[start:end]), end
    if number := _NUMBER.match(text, start):
        return _number(text, start, number)
    if first == ".":
        return _attribute(text, start, start + 1, AttributeScope.ANY, TokenKind.ATTRIBUTE)
    if name := _NAME.match(text, start):
        return _word(text, start, name.group(), name.end())
    if text.startswith("/*", start):
        raise ParseError("comment is not closed, expected '*/'", text, start)
    if symbol := _SYMBOL.match(text, start):
        return Token(TokenKind.SYMBOL, symbol.group(), start, symbol.group()), symbol.end()
    raise ParseError(f"unexpected character {first!r}", text, start)


def _word(text: str, start: int, word: str, end: int) -> tuple[Token, int]:
    after = text[end : end + 1]
    if after == "." and word == "parent":
        for name in ("span", "resource"):
            if text.startswith(f"{name}.", end + 1):
                inner_start = end + 2 + len(name)
                return _attribute(text, start, inner_start, _SCOPES[name], TokenKind.PARENT_ATTRIBUTE)
        return _attribute(text, start, end + 1, AttributeScope.ANY, TokenKind.PARENT_ATTRIBUTE)
    if after == "." and word in _SCOPES:
        return _attribute(text, start, end + 1, _SCOPES[word], TokenKind.ATTRIBUTE)
    if after == ":" and (inner := _NAME.match(text, end + 1)):
        scoped = f"{word}:{inner.group()}"
        if scoped not in INTRINSICS:
            raise ParseError(f"unknown intrinsic {scoped}", text, start)
        attribute = Attribute(AttributeScope.INTRINSIC, INTRINSICS[scoped])
        return Token(TokenKind.ATTRIBUTE, attribute, start, scoped), inner.end()
    return Token(TokenKind.NAME, word, start, word), end


def _attribute(
    text: str, start: int, position: int, scope: AttributeScope, kind: TokenKind
) -> tuple[Token, int]:
    parts: list[str] = []
    while position < len(text):
        if text[position] == '"':
            part, position = _quoted_name(text, position)
            parts.append(part)
        elif plain := _ATTRIBUTE_PART.match(text, position):
            parts.append(plain.group())
            position = plain.end()
        else:
            break
    name = "".join(parts)
    if not name:
        raise ParseError("expected an attribute name after '.'", text, start)
    return Token(kind, Attribute(scope, name), start, text[start:position]), position


def _quoted_name(text: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == '"':
            return "".join(out), position + 1
        if char == "\\":
            escaped = text[position + 1 : position + 2]
            if escaped not in ('"', "\\"):
                raise ParseError('only \\" and \\\\ may be escaped in an attribute name', text, position)
            out.append(escaped)
            position += 2
            continue
        out.append(char)
        position += 1
    raise ParseError("attribute name is not closed, expected '\"'", text, start)


def _number(text: str, start: int, number: re.Match[str]) -> tuple[Token, int]:
    if duration := DURATION.match(text, start):
        text_is_short = len(duration.group()) <= MAX_DURATION_CHARACTERS
        nanoseconds = parse_duration(duration.group()) if text_is_short else MAX_INTEGER + 1
        if nanoseconds > MAX_INTEGER:
            raise ParseError("duration out of range", text, start)
        return Token(TokenKind.DURATION, nanoseconds, start, duration.group()), duration.end()
    end = number.end()
    if _NAME.match(text, end):
        raise ParseError("bad number; durations end in ns, us, ms, s, m, h or d", text, start)
    digits = number.group()
    if digits.isdecimal():
        # Length first: Python refuses to convert thousands of digits.
        if len(digits) > 19 or int(digits) > MAX_INTEGER:
            raise ParseError("integer out of range", text, start)
        return Token(TokenKind.INTEGER, int(digits), start, digits), end
    return Token(TokenKind.FLOAT, float(digits), start, digits), end
