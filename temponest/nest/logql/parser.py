"""Tokens → tree: log queries, and the range aggregations over them."""

from __future__ import annotations

from ..model.log import TextFilter, TextOperator
from ..model.regex import check_pattern
from .cursor import Cursor
from .errors import UnsupportedError
from .patterns import json_path, pattern, template
from .tokens import Token, TokenKind
from .tree import (
    CompareOperator,
    Comparison,
    Decolorize,
    Drop,
    Json,
    Junction,
    Keep,
    LabelFilter,
    LabelFormat,
    LabelMatch,
    LineFormat,
    Logfmt,
    LogQuery,
    MatchOperator,
    RangeAggregation,
    Regexp,
    Stage,
    Template,
    Unit,
    Unpack,
    Unwrap,
)

# Range aggregations, and whether they need a number from `unwrap` (None: they take either).
RANGE_FUNCTIONS: dict[str, bool | None] = {
    "count_over_time": False,
    "rate": None,
    "bytes_over_time": False,
    "bytes_rate": False,
    "sum_over_time": True,
    "avg_over_time": True,
    "min_over_time": True,
    "max_over_time": True,
}
UNSUPPORTED_FUNCTIONS = frozenset(
    {
        "absent_over_time",
        "approx_topk",
        "first_over_time",
        "last_over_time",
        "quantile_over_time",
        "rate_counter",
        "stddev_over_time",
        "stdvar_over_time",
    }
)
_TEXT_OPERATORS = {one.value: one for one in TextOperator}
_CONVERSIONS = {
    "duration": Unit.DURATION,
    "duration_seconds": Unit.DURATION,
    "bytes": Unit.BYTES,
}
_UNITS = {TokenKind.NUMBER: Unit.NUMBER, TokenKind.DURATION: Unit.DURATION, TokenKind.BYTES: Unit.BYTES}
# Deeper than any query a person writes, and far from Python's own limit.
_DEPTH = 100


class Parser(Cursor):
    """Reads log queries and range aggregations from where the cursor stands."""

    def log_query(self) -> LogQuery:
        """`{selector} | stages`, perhaps in brackets; up to what cannot be a stage."""
        if self.accept("("):
            query = self.log_query()
            self.expect(")")
            return LogQuery(query.selector, (*query.stages, *self._stages()))
        return LogQuery(self._selector(), self._stages())

    def range_aggregation(self) -> RangeAggregation:
        """`count_over_time(...)`, with what may follow it."""
        name = self.next()
        function = str(name.value)
        self.expect("(")
        if self.peek().kind is TokenKind.NUMBER:
            raise self.unsupported(f"{function} with a parameter")
        query = self.log_query()
        unwrap = self._unwrap()
        # Filters that look at the outcome of unwrapping.
        query = LogQuery(query.selector, (*query.stages, *self._stages()))
        range_ns = self._range()
        if unwrap is None:
            # The range may also stand between the selector and the stages.
            query = LogQuery(query.selector, (*query.stages, *self._stages()))
            unwrap = self._unwrap()
        offset_ns = self._offset()
        self.expect(")")
        offset_ns = offset_ns or self._offset()
        needs = RANGE_FUNCTIONS[function]
        if needs and unwrap is None:
            raise self.fail(f"{function} needs a number: add '| unwrap name' before the range", name)
        if needs is False and unwrap is not None:
            raise self.fail(f"{function} counts lines; use sum_over_time or rate with unwrap", name)
        by, without = self._grouping()
        return RangeAggregation(function, query, range_ns, offset_ns, unwrap, by, without)

    def end(self) -> None:
        """Nothing may follow.

        Raises:
            ParseError: something does.
        """
        if self.peek().kind is not TokenKind.END:
            raise self.fail(f"unexpected {self.peek()}, expected '|' and a stage, a line filter or the end")

    def _selector(self) -> tuple[LabelMatch, ...]:
        opening = self.peek()
        self.expect("{", 'a stream selector such as {service_name="shop"}')
        matches: list[LabelMatch] = []
        while not self.accept("}"):
            if matches:
                self.expect(",", "',' or '}'")
                if self.accept("}"):
                    break
            name = self.name("a label name")
            token = self.next()
            operators = {one.value for one in MatchOperator}
            if token.value not in operators or token.kind is not TokenKind.SYMBOL:
                raise self.fail(f"unexpected {token}, expected =, !=, =~ or !~", token)
            value = self.string("a value in quotes")
            matches.append(self._match(name, MatchOperator(str(token.value)), value))
        if not matches:
            raise self.fail('the selector is empty; name a label, for example {service_name=~".+"}', opening)
        return tuple(matches)

    def _match(self, name: str, operator: MatchOperator, value: Token) -> LabelMatch:
        if operator in (MatchOperator.MATCH, MatchOperator.NOT_MATCH):
            self._check_regex(value)
        return LabelMatch(name, operator, str(value.value))

    def _stages(self) -> tuple[Stage, ...]:
        stages: list[Stage] = []
        while True:
            token = self.peek()
            if token.kind is TokenKind.SYMBOL and token.value in ("|>", "!>"):
                raise self.unsupported(f"the pattern filter {token.value}")
            if token.kind is TokenKind.SYMBOL and token.value in _TEXT_OPERATORS:
                stages.append(self._text_filter())
            elif token.kind is TokenKind.SYMBOL and token.value == "|":
                following = self.tokens[self.at + 1]
                if following.kind is TokenKind.NAME and following.value == "unwrap":
                    return tuple(stages)
                self.at += 1
                stages.append(self._stage())
            else:
                return tuple(stages)

    def _text_filter(self) -> TextFilter:
        operator = _TEXT_OPERATORS[str(self.next().value)]
        texts: list[str] = []
        while True:
            token = self.peek()
            if token.kind is TokenKind.NAME and token.value == "ip":
                raise self.unsupported("the filter ip()")
            token = self.string("a text in quotes")
            if operator in (TextOperator.MATCH, TextOperator.NOT_MATCH):
                self._check_regex(token)
            texts.append(str(token.value))
            if not self.accept_name("or"):
                return TextFilter(operator, tuple(texts))

    def _stage(self) -> Stage:
        token = self.peek()
        if token.kind is TokenKind.NAME and not self._is_comparison():
            word = str(token.value)
            parse = getattr(self, f"_stage_{word}", None)
            if parse is not None:
                self.at += 1
                stage: Stage = parse()
                return stage
            if word in ("distinct", "variants"):
                raise self.unsupported(word)
            if self.tokens[self.at + 1].value not in {*MatchOperator, *CompareOperator}:
                raise self.fail(
                    f"unknown stage {word!r}, expected json, logfmt, regexp, pattern, unpack, line_format,"
                    ' label_format, drop, keep, decolorize, unwrap or a filter such as level="error"'
                )
        return self._filter()

    def _is_comparison(self) -> bool:
        """Whether a label is called like a stage: `| json="x"`."""
        following = self.tokens[self.at + 1]
        return following.kind is TokenKind.SYMBOL and following.value in {*MatchOperator, *CompareOperator}

    def _stage_json(self) -> Stage:
        return Json(tuple((name, self._path(token)) for name, token in self._expressions()))

    def _stage_logfmt(self) -> Stage:
        flags = set[str]()
        while self.peek().value == "-" and self.tokens[self.at + 1].value == "-":
            self.at += 2
            words = [self.name("strict or keep-empty")]
            while self.accept("-"):
                words.append(self.name("a word"))
            flag = "-".join(words)
            if flag not in ("strict", "keep-empty"):
                raise self.fail(f"unknown flag --{flag}, expected --strict or --keep-empty", self.last())
            flags.add(flag)
        keys = tuple((name, str(token.value)) for name, token in self._expressions())
        return Logfmt(keys, "strict" in flags, "keep-empty" in flags)

    def _stage_regexp(self) -> Stage:
        token = self.string("an expression in quotes")
        self._check_regex(token)
        if "(?P<" not in str(token.value) and "(?<" not in str(token.value):
            raise self.fail("the expression names no group; write (?P<name>...)", token)
        return Regexp(str(token.value))

    def _stage_pattern(self) -> Stage:
        token = self.string("a pattern in quotes")
        try:
            return pattern(str(token.value))
        except ValueError as error:
            raise self.fail(str(error), token) from None

    def _stage_unpack(self) -> Stage:
        return Unpack()

    def _stage_decolorize(self) -> Stage:
        return Decolorize()

    def _stage_line_format(self) -> Stage:
        return LineFormat(self._template())

    def _stage_label_format(self) -> Stage:
        moves: list[tuple[str, str | Template]] = []
        while True:
            name = self.name("a label name")
            self.expect("=")
            if self.peek().kind is TokenKind.STRING:
                moves.append((name, self._template()))
            else:
                moves.append((name, self.name("a label name or a template in quotes")))
            if not self.accept(","):
                return LabelFormat(tuple(moves))

    def _stage_drop(self) -> Stage:
        return Drop(*self._chosen())

    def _stage_keep(self) -> Stage:
        return Keep(*self._chosen())

    def _chosen(self) -> tuple[tuple[str, ...], tuple[LabelMatch, ...]]:
        names: list[str] = []
        matches: list[LabelMatch] = []
        while True:
            name = self.name("a label name")
            token = self.peek()
            if token.kind is TokenKind.SYMBOL and token.value in {*MatchOperator}:
                self.at += 1
                matches.append(
                    self._match(name, MatchOperator(str(token.value)), self.string("a value in quotes"))
                )
            else:
                names.append(name)
            if not self.accept(","):
                return tuple(names), tuple(matches)

    def _expressions(self) -> list[tuple[str, Token]]:
        """`name="expression", name`: what to take and what to call it."""
        found: list[tuple[str, Token]] = []
        while self.peek().kind is TokenKind.NAME:
            name = self.peek()
            self.at += 1
            found.append((str(name.value), self.string("a text in quotes") if self.accept("=") else name))
            if not self.accept(","):
                break
        return found

    def _path(self, token: Token) -> tuple[str | int, ...]:
        try:
            return json_path(str(token.value))
        except ValueError as error:
            raise self.fail(str(error), token) from None

    def _template(self) -> Template:
        token = self.string("a template in quotes")
        try:
            return template(str(token.value))
        except ValueError as error:
            raise UnsupportedError(str(error), self.text, token.start) from None

    def _filter(self) -> LabelFilter:
        """Label filters with `or` binding less than `and`, a comma, or nothing between them."""
        left = self._conjunction()
        while self.accept_name("or"):
            left = Junction(False, left, self._conjunction())
        return left

    def _conjunction(self) -> LabelFilter:
        left = self._comparison()
        while self.accept_name("and") or self.accept(","):
            left = Junction(True, left, self._comparison())
        return left

    def _comparison(self) -> LabelFilter:
        if self.accept("("):
            self.depth += 1
            if self.depth > _DEPTH:
                raise self.fail(f"more than {_DEPTH} brackets inside of one another")
            inner = self._filter()
            self.depth -= 1
            self.expect(")")
            return inner
        name = self.name("a stage or a label filter")
        token = self.next()
        value = self.peek()
        if value.kind is TokenKind.STRING and token.value in {*MatchOperator}:
            self.at += 1
            return self._match(name, MatchOperator(str(token.value)), value)
        symbol = "==" if token.value == "=" else token.value
        if token.kind is not TokenKind.SYMBOL or symbol not in {*CompareOperator}:
            raise self.fail(f"unexpected {token}, expected a comparison such as =, != or >", token)
        negative = self.accept("-")
        value = self.next()
        if value.kind is TokenKind.NAME and value.value == "ip":
            raise self.unsupported("the filter ip()", value)
        if value.kind not in _UNITS:
            raise self.fail(f"unexpected {value}, expected a number, a duration, a size or a text", value)
        number = -float(value.value) if negative else float(value.value)
        return Comparison(name, CompareOperator(str(symbol)), _UNITS[value.kind], number)

    def _unwrap(self) -> Unwrap | None:
        following = self.tokens[self.at + 1 : self.at + 2]
        if self.peek().value != "|" or not following or following[0].value != "unwrap":
            return None
        self.at += 2
        name = self.name("a label name")
        if not self.accept("("):
            return Unwrap(name, Unit.NUMBER)
        if name not in _CONVERSIONS:
            raise self.fail(f"unknown conversion {name!r}, expected duration() or bytes()", self.last())
        inner = self.name("a label name")
        self.expect(")")
        return Unwrap(inner, _CONVERSIONS[name])

    def _range(self) -> int:
        self.expect("[", "a range such as [5m]")
        token = self.next()
        if token.kind is not TokenKind.DURATION:
            raise self.fail(f"unexpected {token}, expected a duration such as 5m", token)
        self.expect("]")
        if not token.value:
            raise self.fail("a range must be longer than nothing", token)
        return int(float(token.value))

    def _offset(self) -> int:
        if not self.accept_name("offset"):
            return 0
        negative = self.accept("-")
        token = self.next()
        if token.kind is not TokenKind.DURATION:
            raise self.fail(f"unexpected {token}, expected a duration such as 1h", token)
        return -int(float(token.value)) if negative else int(float(token.value))

    def _grouping(self) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """`by (a, b)` or `without (a)` behind a range aggregation."""
        if self.accept_name("by"):
            return self._names(), ()
        return None, self._names() if self.accept_name("without") else ()

    def _names(self) -> tuple[str, ...]:
        self.expect("(")
        names: list[str] = []
        while not self.accept(")"):
            if names:
                self.expect(",")
            names.append(self.name("a label name"))
        return tuple(names)

    def _check_regex(self, token: Token) -> None:
        problem = check_pattern(str(token.value))
        if problem:
            raise self.fail(f"bad regular expression: {problem}", token)
