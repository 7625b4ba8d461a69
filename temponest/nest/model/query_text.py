"""What every query language here reads alike: strings, and where an error is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

# Characters of a long line shown on either side of an error.
LINE_SHOWN = 60


class QueryTextError(Exception):
    """The text is no query of its language; the message shows the line with a caret.

    Attributes:
        line: line of the offending token, from 1.
        column: its column in characters, from 1.
        reason: what was found and what was expected.
        query: the whole text.
    """

    def __init__(self, reason: str, query: str, position: int) -> None:
        self.reason = reason
        self.query = query
        self.line = query.count("\n", 0, position) + 1
        start = query.rfind("\n", 0, position) + 1
        self.column = position - start + 1
        end = query.find("\n", start)
        line = query[start : end if end >= 0 else len(query)]
        # Of a very long line only the neighbourhood, so that the caret is on the same screen.
        cut = max(0, self.column - 1 - LINE_SHOWN) if len(line) > 2 * LINE_SHOWN else 0
        self._source_line = line[cut : cut + 2 * LINE_SHOWN]
        self._caret = self.column - 1 - cut
        super().__init__(reason)

    def __str__(self) -> str:
        # A tab in the line is kept before the caret, so that both are as wide in any terminal.
        indent = "".join(c if c == "\t" else " " for c in self._source_line[: self._caret])
        return (
            f"parse error at line {self.line}, col {self.column}: {self.reason}\n"
            f"  {self._source_line}\n  {indent}^"
        )


# reason, whole text, offset → the error of a language
Fail: TypeAlias = Callable[[str, str, int], QueryTextError]

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def quoted(text: str, start: int, fail: Fail) -> tuple[str, int]:
    """The string that begins at a quote or backtick, with the offset after it."""
    if text[start] == "`":
        end = text.find("`", start + 1)
        if end < 0:
            raise fail("string is not closed, expected '`'", text, start)
        return text[start + 1 : end], end + 1
    out: list[str] = []
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == '"':
            return "".join(out), position + 1
        if char == "\n":
            break
        if char == "\\":
            value, position = _escape(text, position, fail)
            out.append(value)
            continue
        out.append(char)
        position += 1
    raise fail("string is not closed, expected '\"'", text, start)


def _escape(text: str, start: int, fail: Fail) -> tuple[str, int]:
    char = text[start + 1 : start + 2]
    if char in _ESCAPES:
        return _ESCAPES[char], start + 2
    if char in ('"', "\\", "'") and char:
        return char, start + 2
    for prefix, digits in (("x", 2), ("u", 4), ("U", 8)):
        code = text[start + 2 : start + 2 + digits]
        if char == prefix and re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", code):
            point = int(code, 16)
            if point <= 0x10FFFF and not 0xD800 <= point < 0xE000:
                return chr(point), start + 2 + digits
    raise fail("unknown escape in string", text, start)
