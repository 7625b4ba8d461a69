"""Queries that somebody is still typing: what parses of a filter, and nothing that fails."""

from __future__ import annotations

from .check import check
from .errors import ParseError, TraceQLError
from .parse_fields import FieldParser
from .parser import parse
from .rules import rewrite
from .tokens import Token, TokenKind
from .tree import Binary, FieldExpression, Filter, Pipeline, Query

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "=~", "!~")
_EVERYTHING = Filter(None)


def lenient_filter(text: str) -> Pipeline:
    """The filter of a query that may be incomplete, ready to be asked.

    `{ resource.x = }` is `{ }`, `{ .a = 1 && .b` is `{ .a = 1 }`; what is more than one filter is `{ }`.
    """
    query = _parsed(text) or Query(Pipeline((Filter(_matchers(text)),)))
    try:
        check(query)
        rewritten = rewrite(query).body
    except TraceQLError:
        return Pipeline((_EVERYTHING,))
    return rewritten if isinstance(rewritten, Pipeline) else Pipeline((_EVERYTHING,))


def _parsed(text: str) -> Query | None:
    try:
        query = parse(text)
    except TraceQLError:
        return None
    if isinstance(query.body, Pipeline) and isinstance(query.body.stages[0], Filter):
        return Query(Pipeline(query.body.stages[:1]))
    return Query(Pipeline((_EVERYTHING,)))


def _matchers(text: str) -> FieldExpression | None:
    """Complete comparisons of an incomplete filter, joined as they are written."""
    try:
        parser = FieldParser(text)
    except ParseError as error:
        # What follows the first unreadable character cannot be understood; what comes before it can.
        lines = text.splitlines(keepends=True)
        position = sum(len(line) for line in lines[: error.line - 1]) + error.column - 1
        if not 0 < position < len(text):
            return None
        return _matchers(text[:position])
    if sum(token.value == "{" for token in parser.tokens) > 1:
        return None
    joined: FieldExpression | None = None
    connector = "&&"
    while parser.token.kind is not TokenKind.END:
        token = parser.token
        if token.kind is TokenKind.SYMBOL and token.value in ("&&", "||"):
            connector = str(token.value)
        matcher = _matcher(parser)
        if matcher is None:
            parser.take()
        else:
            joined = matcher if joined is None else Binary(connector, joined, matcher)
    return joined


def _matcher(parser: FieldParser) -> FieldExpression | None:
    start = parser.index
    try:
        field = parser.accept_field()
        operator: Token | None = parser.take() if field and parser.peek(*_COMPARISONS) else None
        literal = parser.accept_literal() if operator else None
    except ParseError:
        literal = None
    if field is None or operator is None or literal is None:
        parser.index = start
        return None
    return Binary(str(operator.value), field, literal)
