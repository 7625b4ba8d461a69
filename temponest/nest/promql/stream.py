"""The tokens of a query, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import ParseError
from .tokens import Kind, Token, milliseconds, tokens

T = TypeVar("T")


class Stream:
    """A position among the tokens of a text.

    Args:
        text: the query.

    Attributes:
        text: the query.
        last_end: offset after the last token that was taken.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.last_end = 0
        self._tokens = tokens(text)
        self._index = 0

    @property
    def now(self) -> Token:
        """The token that comes."""
        return self._tokens[self._index]

    @property
    def next(self) -> Token:
        """The token after that."""
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    @property
    def consumed(self) -> bool:
        """Whether any token was taken."""
        return self._index > 0

    def advance(self) -> Token:
        """Take a token."""
        token = self.now
        self.last_end = token.end
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def expect(self, text: str, where: str) -> None:
        """Take a token that has to be there.

        Raises:
            ParseError: another one is.
        """
        if self.now.text != text or self.now.kind is Kind.STRING:
            raise self.unexpected(where, f'"{text}"')
        self.advance()

    def accept_word(self, word: str) -> bool:
        """Take a keyword if it is there."""
        there = self.now.keyword == word
        if there:
            self.advance()
        return there

    def accept_sign(self) -> bool:
        """Take a sign if there is one; True where it is a minus."""
        return self.now.text in {"+", "-"} and self.advance().text == "-"

    def listed(
        self, opening: str, closing: str, where: str, item: Callable[[], T], *, trailing: bool
    ) -> list[T]:
        """Items between brackets with commas between them, and one after the last where `trailing`."""
        self.expect(opening, where)
        found: list[T] = []
        while self.now.text != closing:
            found.append(item())
            if self.now.text != ",":
                break
            self.advance()
            if not trailing and self.now.text == closing:
                raise self.error(f"trailing commas not allowed in {where}")
        self.expect(closing, where)
        return found

    def number(self) -> float:
        """Take a number, or a duration as seconds.

        Raises:
            ParseError: there is neither, or it cannot be read.
        """
        token = self.now
        if token.kind is Kind.DURATION:
            ms = milliseconds(token.text)
            if ms is None:
                raise self.error(f"not a valid duration string: {token.text!r}")
            self.advance()
            return ms / 1000
        if token.kind is not Kind.NUMBER and token.keyword not in {"inf", "nan"}:
            raise self.unexpected("", "number or duration")
        self.advance()
        return _value(token.text)

    def unexpected(self, where: str, wanted: str = "") -> ParseError:
        """What to raise at a token that does not belong here."""
        token = self.now
        found = token.kind.value
        if token.kind is Kind.OPERATOR:
            found = f'"{token.text}"'
        elif token.kind is not Kind.END:
            found = f"{found} {token.text if token.kind is Kind.STRING else repr(token.text)}"
        context = f" in {where}" if where else ""
        return self.error(f"unexpected {found}{context}{f', expected {wanted}' if wanted else ''}")

    def error(self, problem: str) -> ParseError:
        """What to raise for a problem at the token that comes."""
        return ParseError(problem, self.text, self.now.start)


def _value(text: str) -> float:
    plain = text.replace("_", "").lower()
    if plain.startswith("0x"):
        return float(int(plain, 16))
    if plain.isdigit() and len(plain) > 1 and plain[0] == "0" and set(plain) <= set("01234567"):
        # As Go reads whole numbers: a leading zero makes them octal.
        return float(int(plain, 8))
    return float(plain)
