"""A place among tokens: what comes next, and errors that say where."""

from __future__ import annotations

from .errors import ParseError, UnsupportedError
from .tokens import Token, TokenKind


class Cursor:
    """Reads tokens from a position on.

    Args:
        text: the query, for errors.
        tokens: all of it.
        at: number of the first token to read.
    """

    def __init__(self, text: str, tokens: list[Token], at: int = 0) -> None:
        self.text = text
        self.tokens = tokens
        self.at = at
        self.depth = 0

    def peek(self) -> Token:
        """The next token."""
        return self.tokens[self.at]

    def last(self) -> Token:
        """The token before."""
        return self.tokens[self.at - 1]

    def next(self) -> Token:
        """The next token, which is then read; the end stays."""
        token = self.tokens[self.at]
        if token.kind is not TokenKind.END:
            self.at += 1
        return token

    def accept(self, symbol: str) -> bool:
        """Read a symbol if it comes next."""
        token = self.peek()
        if token.kind is TokenKind.SYMBOL and token.value == symbol:
            self.at += 1
            return True
        return False

    def accept_name(self, name: str) -> bool:
        """Read a word if it comes next."""
        token = self.peek()
        if token.kind is TokenKind.NAME and token.value == name:
            self.at += 1
            return True
        return False

    def expect(self, symbol: str, wanted: str = "") -> None:
        """Read a symbol, or fail with what was wanted."""
        if not self.accept(symbol):
            raise self.fail(f"unexpected {self.peek()}, expected {wanted or repr(symbol)}")

    def name(self, wanted: str) -> str:
        """Read a name."""
        token = self.next()
        if token.kind is not TokenKind.NAME:
            raise self.fail(f"unexpected {token}, expected {wanted}", token)
        return str(token.value)

    def string(self, wanted: str) -> Token:
        """Read a string."""
        token = self.next()
        if token.kind is not TokenKind.STRING:
            raise self.fail(f"unexpected {token}, expected {wanted}", token)
        return token

    def fail(self, reason: str, token: Token | None = None) -> ParseError:
        """An error at a token, or at the next one."""
        return ParseError(reason, self.text, (token or self.peek()).start)

    def unsupported(self, what: str, token: Token | None = None) -> UnsupportedError:
        """A refusal of what is LogQL and not answered here."""
        return UnsupportedError(f"{what} is not answered here", self.text, (token or self.peek()).start)
