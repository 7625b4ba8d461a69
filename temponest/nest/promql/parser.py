"""Tokens to tree: PromQL's grammar by precedence, as Prometheus 3 documents it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..model.series import Matcher, MatchOperator
from .durations import duration, offset
from .errors import ParseError
from .signatures import AGGREGATIONS, PARAMETERS, SIGNATURES
from .stream import Stream
from .tokens import Kind, Token, unquoted
from .tree import (
    Aggregation,
    Binary,
    Expression,
    FunctionCall,
    Matching,
    Number,
    Paren,
    Range,
    Selector,
    Span,
    String,
    Subquery,
    Unary,
)

# Operators by how tight they bind; all associate to the left but `^`.
_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "</", ">/"), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "atan2": 5,
    "^": 6,
}
# A sign binds as tight as `*`: -a ^ b is -(a ^ b).
_SIGNED = 6
# Words that cannot name a metric, because they only stand between operands.
_RESERVED = frozenset({"bool", "group_left", "group_right", "ignoring", "on", "atan2"})
# Evaluation recurses once a level, and Python allows a thousand frames.
MAX_DEPTH = 200


class Parser:
    """Parses one query.

    Args:
        text: the query.
    """

    def __init__(self, text: str) -> None:
        self._stream = Stream(text)
        self._depth = 0

    def parse(self) -> Expression:
        """The tree of the whole text.

        Raises:
            ParseError: it is not PromQL.
        """
        node = self._expression(1)
        if self._stream.now.kind is not Kind.END:
            raise self._stream.unexpected("")
        return node

    def _expression(self, least: int) -> Expression:
        self._depth += 1
        self._check_depth(self._depth)
        left = self._operand()
        levels = 0
        while True:
            operator = self._operator()
            precedence = _PRECEDENCE.get(operator, 0)
            if precedence < max(least, 1):
                self._depth -= 1
                return left
            self._stream.advance()
            as_bool, matching = self._modifiers()
            right = self._expression(precedence if operator == "^" else precedence + 1)
            levels += 1
            self._check_depth(self._depth + levels)
            span = Span(left.span.start, right.span.end)
            left = Binary(operator, left, right, matching, as_bool, span)

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self._stream.error(f"expressions are nested more than {MAX_DEPTH} deep")

    def _operator(self) -> str:
        now = self._stream.now
        return now.text if now.kind is Kind.OPERATOR else now.keyword

    def _operand(self) -> Expression:
        now = self._stream.now
        if now.text in {"+", "-"}:
            self._stream.advance()
            inner = self._expression(_SIGNED)
            span = Span(now.start, inner.span.end)
            if isinstance(inner, Number):
                return Number(-inner.value if now.text == "-" else inner.value, span)
            return Unary(now.text, inner, span)
        return self._postfix(self._primary())

    def _primary(self) -> Expression:
        now = self._stream.now
        if now.text == "(":
            self._stream.advance()
            inner = self._expression(1)
            self._stream.expect(")", "expression")
            return Paren(inner, Span(now.start, self._stream.last_end))
        if now.text == "{":
            return self._selector("", now)
        if now.kind is Kind.STRING:
            self._stream.advance()
            return String(unquoted(now, self._stream.text), Span(now.start, now.end))
        if now.kind in {Kind.NUMBER, Kind.DURATION} or now.keyword in {"inf", "nan"}:
            return Number(self._stream.number(), Span(now.start, now.end))
        if now.kind is Kind.NAME:
            return self._named(now)
        if now.kind is Kind.END and not self._stream.consumed:
            raise self._stream.error("no expression found in input")
        raise self._stream.unexpected("")

    def _named(self, now: Token) -> Expression:
        following = self._stream.next
        if now.keyword in AGGREGATIONS and (following.text == "(" or following.keyword in {"by", "without"}):
            return self._aggregation(now)
        if following.text == "(" and now.keyword not in _RESERVED:
            return self._call(now)
        if now.keyword in _RESERVED:
            raise self._stream.unexpected("")
        self._stream.advance()
        return self._selector(now.text, now)

    def _call(self, now: Token) -> FunctionCall:
        name = now.text if now.text in SIGNATURES else now.keyword
        if now.text not in SIGNATURES and now.keyword not in {
            "start",
            "end",
            "step",
            "range",
            "min_of",
            "max_of",
        }:
            raise ParseError(f"unknown function with name {now.text!r}", self._stream.text, now.start)
        self._stream.advance()
        arguments = self._arguments(f"call to {name}")
        return FunctionCall(name, tuple(arguments), Span(now.start, self._stream.last_end))

    def _arguments(self, where: str) -> list[Expression]:
        return self._stream.listed("(", ")", where, lambda: self._expression(1), trailing=False)

    def _aggregation(self, now: Token) -> Aggregation:
        self._stream.advance()
        grouping = self._grouping()
        arguments = self._arguments("aggregation")
        grouping = grouping or self._grouping()
        labels, without = grouping or ((), False)
        span = Span(now.start, self._stream.last_end)
        wanted = 2 if now.keyword in PARAMETERS else 1
        if len(arguments) != wanted:
            raise ParseError(
                f"{now.keyword} takes {wanted} argument{'s' if wanted > 1 else ''}, got {len(arguments)}",
                self._stream.text,
                span.start,
            )
        parameter = arguments[0] if wanted == 2 else None
        return Aggregation(now.keyword, arguments[-1], parameter, labels, without, span)

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        word = self._stream.now.keyword
        if word not in {"by", "without"}:
            return None
        self._stream.advance()
        return self._labels(), word == "without"

    def _labels(self) -> tuple[str, ...]:
        return tuple(self._stream.listed("(", ")", "grouping opts", self._label, trailing=True))

    def _label(self) -> str:
        now = self._stream.now
        if now.kind is Kind.STRING:
            self._stream.advance()
            name = unquoted(now, self._stream.text)
            self._valid_name(name, now, "label name")
            return name
        if now.kind is Kind.NAME:
            self._stream.advance()
            return now.text
        raise self._stream.unexpected("grouping opts", "label")

    def _valid_name(self, name: str, token: Token, what: str) -> None:
        if not name or (not name.isprintable() and any("\udc80" <= one <= "\udcff" for one in name)):
            raise ParseError(f"{name!r} is no {what}", self._stream.text, token.start)

    def _modifiers(self) -> tuple[bool, Matching]:
        stream = self._stream
        as_bool = stream.accept_word("bool")
        matching = Matching()
        if stream.now.keyword in {"on", "ignoring"}:
            on = stream.advance().keyword == "on"
            matching = Matching(on=on, labels=self._labels())
            if stream.now.keyword in {"group_left", "group_right"}:
                many = stream.advance().keyword.removeprefix("group_")
                include = self._labels() if stream.now.text == "(" else ()
                matching = replace(matching, many=many, include=include)
        fills: dict[str, float] = {}
        while stream.now.keyword in {"fill", "fill_left", "fill_right"} and stream.next.text == "(":
            side = stream.advance().keyword
            if side in fills or (fills and "fill" in {side, *fills}):
                raise stream.error(f"{side} is given twice")
            fills[side] = self._fill()
        if fills:
            both = fills.get("fill")
            matching = replace(
                matching, fill_left=fills.get("fill_left", both), fill_right=fills.get("fill_right", both)
            )
        return as_bool, matching

    def _fill(self) -> float:
        self._stream.expect("(", "fill")
        negative = self._stream.accept_sign()
        value = self._stream.number()
        self._stream.expect(")", "fill")
        return -value if negative else value

    def _selector(self, name: str, first: Token) -> Selector:
        matchers: list[Matcher] = []
        if self._stream.now.text == "{":
            matchers = self._stream.listed("{", "}", "label matching", self._matcher, trailing=True)
        if name:
            matchers.append(Matcher("__name__", MatchOperator.EQ, name))
        return Selector(tuple(matchers), name, Span(first.start, self._stream.last_end))

    def _matcher(self) -> Matcher:
        stream = self._stream
        now = stream.now
        if now.kind not in {Kind.NAME, Kind.STRING}:
            raise stream.unexpected("label matching", 'identifier or "}"')
        stream.advance()
        quoted = now.kind is Kind.STRING
        name = unquoted(now, stream.text) if quoted else now.text
        if quoted:
            self._valid_name(name, now, "name")
            if stream.now.text in {",", "}"}:
                return Matcher("__name__", MatchOperator.EQ, name)
        if stream.now.text not in {"=", "!=", "=~", "!~"}:
            raise stream.unexpected("label matching", "label matching operator")
        operator = MatchOperator(stream.advance().text)
        if stream.now.kind is not Kind.STRING:
            raise stream.unexpected("label matching", "string")
        return Matcher(name, operator, unquoted(stream.advance(), stream.text))

    def _postfix(self, node: Expression) -> Expression:
        stream = self._stream
        steps: dict[str, Callable[[Expression], Expression]] = {
            "[": self._bracket,
            "offset": self._offset,
            "@": self._at,
            "anchored": self._extension,
            "smoothed": self._extension,
        }
        while True:
            word = stream.now.text if stream.now.kind is Kind.OPERATOR else stream.now.keyword
            step = steps.get(word)
            if step is None:
                return node
            node = step(node)

    def _bracket(self, node: Expression) -> Expression:
        stream = self._stream
        opening = stream.advance()
        length = duration(stream)
        if stream.now.text == ":":
            stream.advance()
            step = None if stream.now.text == "]" else duration(stream)
            stream.expect("]", "subquery selector")
            return Subquery(node, length, step, Span(node.span.start, stream.last_end))
        if stream.now.text != "]":
            raise stream.unexpected("subquery or range", '":" or "]"')
        stream.advance()
        problem = ""
        if not isinstance(node, Selector):
            problem = "ranges only allowed for vector selectors"
        elif node.offset != 0.0:
            problem = "no offset modifiers allowed before range"
        elif node.at is not None:
            problem = "no @ modifiers allowed before range"
        if problem or not isinstance(node, Selector):
            raise ParseError(problem, stream.text, opening.start)
        return Range(node, length, Span(node.span.start, stream.last_end))

    def _offset(self, node: Expression) -> Expression:
        self._stream.advance()
        value = offset(self._stream)
        target = self._modified(node, "offset modifier")
        if target.offset != 0.0:
            raise self._wrong(node, "offset may not be set multiple times")
        return self._with(node, offset=value)

    def _at(self, node: Expression) -> Expression:
        stream = self._stream
        stream.advance()
        at: int | str
        if stream.now.keyword in {"start", "end"}:
            at = stream.advance().keyword
            stream.expect("(", "@")
            stream.expect(")", "@")
        else:
            negative = stream.accept_sign()
            if stream.now.kind not in {Kind.NUMBER, Kind.DURATION} and stream.now.keyword not in {
                "inf",
                "nan",
            }:
                raise stream.unexpected("@", "timestamp")
            seconds = stream.number() * (-1 if negative else 1)
            if not abs(seconds) < 2**63 / 1000:
                raise self._wrong(node, "timestamp out of bounds for @ modifier")
            at = round(seconds * 1000)
        if self._modified(node, "@ modifier").at is not None:
            raise self._wrong(node, "@ <timestamp> may not be set multiple times")
        return self._with(node, at=at)

    def _extension(self, node: Expression) -> Expression:
        word = self._stream.advance().keyword
        selector = node.selector if isinstance(node, Range) else node
        if not isinstance(selector, Selector):
            raise self._wrong(node, f"{word} stands after instant and range vector selectors only")
        if selector.extension not in {"", word}:
            raise self._wrong(node, "anchored and smoothed modifiers cannot be used together")
        return self._with(node, extension=word)

    def _modified(self, node: Expression, what: str) -> Selector | Subquery:
        selector = node.selector if isinstance(node, Range) else node
        if not isinstance(selector, Selector | Subquery):
            wanted = "an instant vector selector or range vector selector or a subquery"
            raise self._wrong(node, f"{what} must be preceded by {wanted}")
        return selector

    def _with(self, node: Expression, **changes: object) -> Expression:
        span = Span(node.span.start, self._stream.last_end)
        if isinstance(node, Range):
            selector = replace(node.selector, **changes)  # type: ignore[arg-type]  # names are ours, above
            return replace(node, selector=selector, span=span)
        return replace(node, span=span, **changes)  # type: ignore[arg-type]  # as above

    def _wrong(self, node: Expression, problem: str) -> ParseError:
        return ParseError(problem, self._stream.text, node.span.start)
