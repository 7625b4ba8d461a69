"""Tokens → expressions on one span.

Operators by increasing binding, all left-associative but `^`:
`&& ||` · `= != < <= > >= =~ !~` · `+ -` · `!` · `* / %` · `^`
"""

from __future__ import annotations

from ..model.fetch import Attribute, AttributeScope
from ..model.span import Kind, Status
from .errors import ParseError
from .tokens import INTRINSICS, MAX_INTEGER, Token, TokenKind, tokenize
from .tree import Binary, FieldExpression, FieldRef, Literal, Type, Unary

LOGIC, COMPARISON, SUM, NOT, PRODUCT, POWER = range(1, 7)
FIELD_BINDING = {
    **dict.fromkeys(("&&", "||"), LOGIC),
    **dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "=~", "!~"), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
    "^": POWER,
}

# Every later pass walks the tree by recursion; deeper trees than any person writes would exhaust the stack.
MAX_DEPTH = 150
MAX_QUERY_CHARACTERS = 128 * 1024

_STATUSES = {"error": Status.ERROR, "ok": Status.OK, "unset": Status.UNSET}
_KINDS = {kind.name.lower(): kind for kind in Kind}


class FieldParser:
    """Reads a token stream; `Parser` adds everything around the braces."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_QUERY_CHARACTERS:
            raise ParseError(f"query is longer than {MAX_QUERY_CHARACTERS} characters", text[:80], 0)
        self.text = text
        self.tokens = tokenize(text)
        self.index = 0
        self.depth = 0

    # --- the token stream ---

    @property
    def token(self) -> Token:
        """The next token, not yet consumed."""
        return self.tokens[self.index]

    def peek(self, *symbols: str) -> bool:
        """Whether the next token is one of these symbols."""
        token = self.token
        return token.kind is TokenKind.SYMBOL and token.value in symbols

    def accept(self, symbol: str) -> bool:
        """Consume the next token if it is this symbol."""
        if self.peek(symbol):
            self.index += 1
            return True
        return False

    def expect(self, symbol: str) -> None:
        """Consume this symbol or fail."""
        if not self.accept(symbol):
            raise self.unexpected(f"'{symbol}'")

    def take(self) -> Token:
        """Consume and return the next token."""
        token = self.token
        self.index += 1
        return token

    def unexpected(self, wanted: str, token: Token | None = None) -> ParseError:
        """The error for the next token (or `token`) where `wanted` should be."""
        token = token or self.token
        found = "end of query" if token.kind is TokenKind.END else f"'{token.text}'"
        return ParseError(f"unexpected {found}, expected {wanted}", self.text, token.position)

    def enter(self) -> None:
        """Count one level of nesting, or one more operator of a chain."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError(f"more than {MAX_DEPTH} levels deep", self.text, self.token.position)

    # --- field expressions ---

    def field_expression(self, binding: int = LOGIC) -> FieldExpression:
        """An expression whose operators bind at least as tightly as `binding`."""
        before = self.depth
        self.enter()
        left = self._operand()
        while True:
            token = self.token
            own = FIELD_BINDING.get(str(token.value), 0) if token.kind is TokenKind.SYMBOL else 0
            if own < binding or not own:
                self.depth = before
                return left
            self.enter()
            self.index += 1
            operator = str(token.value)
            if operator in ("=", "!=") and self._accept_nil():
                left = Unary("absent" if operator == "=" else "exists", left, token.position)
                continue
            right = self.field_expression(own if own == POWER else own + 1)
            left = Binary(operator, left, right, token.position)

    def _accept_nil(self) -> bool:
        if self.token.kind is TokenKind.NAME and self.token.value == "nil":
            self.index += 1
            return True
        return False

    def _operand(self) -> FieldExpression:
        token = self.token
        if token.kind is TokenKind.SYMBOL:
            if self.accept("("):
                inner = self.field_expression()
                self.expect(")")
                return inner
            if self.accept("-"):
                return Unary("-", self.field_expression(NOT), token.position)
            if self.accept("!"):
                return Unary("!", self.field_expression(PRODUCT), token.position)
        if self._accept_nil():
            return self._nil_first(token)
        field = self.accept_field()
        if field is not None:
            return field
        literal = self.accept_literal()
        if literal is None:
            raise self.unexpected("an attribute or a value")
        return literal

    def _nil_first(self, token: Token) -> FieldExpression:
        if not self.peek("=", "!="):
            raise self.unexpected("'=' or '!=' after nil")
        operator = self.take().value
        if self._accept_nil():
            # Nothing is ever compared, so neither comparison of nil with itself holds.
            return Literal(Type.BOOLEAN, value=False, at=token.position)
        operand = self.field_expression(SUM)
        return Unary("absent" if operator == "=" else "exists", operand, token.position)

    def accept_field(self) -> FieldRef | None:
        """Consume an attribute or intrinsic, if there is one."""
        token = self.token
        if isinstance(token.value, Attribute):
            self.index += 1
            return FieldRef(token.value, parent=token.kind is TokenKind.PARENT_ATTRIBUTE, at=token.position)
        if token.kind is TokenKind.NAME and token.value in INTRINSICS:
            self.index += 1
            attribute = Attribute(AttributeScope.INTRINSIC, INTRINSICS[str(token.value)])
            return FieldRef(attribute, at=token.position)
        return None

    def field(self) -> FieldRef:
        """An attribute or intrinsic.

        Raises:
            ParseError: there is none.
        """
        field = self.accept_field()
        if field is None:
            raise self.unexpected("an attribute such as span.name or resource.service.name")
        return field

    def fields(self) -> tuple[FieldRef, ...]:
        """`(field, field, ...)`, at least one."""
        self.expect("(")
        fields = [self.field()]
        while self.accept(","):
            fields.append(self.field())
        self.expect(")")
        return tuple(fields)

    def accept_literal(self) -> Literal | None:
        """Consume a value, if there is one."""
        token = self.token
        literal = _literal(token)
        if literal is not None:
            self.index += 1
        elif token.kind is TokenKind.NAME:
            raise ParseError(
                f"unknown name '{token.text}'; attributes start with '.', 'span.' or 'resource.',"
                " strings are in double quotes",
                self.text,
                token.position,
            )
        return literal


def _literal(token: Token) -> Literal | None:
    at, value = token.position, token.value
    match token.kind:
        case TokenKind.STRING:
            return Literal(Type.STRING, str(value), at)
        case TokenKind.INTEGER | TokenKind.FLOAT | TokenKind.DURATION if isinstance(value, int | float):
            return Literal(Type(token.kind.value), value, at)
        case TokenKind.NAME:
            word = str(value)
            if word in ("true", "false"):
                return Literal(Type.BOOLEAN, word == "true", at)
            if word in _STATUSES:
                return Literal(Type.STATUS, int(_STATUSES[word]), at)
            if word in _KINDS:
                return Literal(Type.KIND, int(_KINDS[word]), at)
            if word in ("minInt", "maxInt"):
                return Literal(Type.INTEGER, MAX_INTEGER if word == "maxInt" else -MAX_INTEGER - 1, at)
    return None
