"""Text → tree. Everything around the braces; what is inside them is read by `parse_fields`.

Spansets, aggregates, numbers and metrics share brackets and most operators, so one expression is read with
the binding of its operators and each combination is then accepted or refused by what its sides are.
"""

from __future__ import annotations

from typing import cast

from .errors import ParseError
from .fold import arithmetic
from .parse_fields import COMPARISON, LOGIC, POWER, PRODUCT, SUM, FieldParser
from .tokens import Token, TokenKind
from .tree import (
    Aggregate,
    Coalesce,
    Compare,
    Filter,
    GroupBy,
    Literal,
    MetricsExpression,
    MetricsMath,
    MetricsQuery,
    OverTime,
    Pipeline,
    Query,
    ScalarExpression,
    ScalarFilter,
    ScalarOperation,
    SecondStage,
    Select,
    SpansetOperation,
    Stage,
    Threshold,
    TopK,
    Type,
)

STRUCTURAL = tuple(f"{prefix}{base}" for prefix in ("", "!", "&") for base in (">>", "<<", ">", "<", "~"))
AGGREGATES = ("count", "avg", "min", "max", "sum")
COUNTING = ("rate", "count_over_time")
MEASURING = ("min_over_time", "max_over_time", "avg_over_time", "sum_over_time", "histogram_over_time")
METRICS = (*COUNTING, *MEASURING, "quantile_over_time", "compare")
THRESHOLDS = ("=", "!=", "<", "<=", ">", ">=")

_BINDING = {
    **dict.fromkeys(("&&", "||"), LOGIC),
    **dict.fromkeys((*THRESHOLDS, *STRUCTURAL), COMPARISON),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
    "^": POWER,
}

_Expression = Stage | ScalarOperation | Literal | MetricsQuery | MetricsMath


def parse(text: str) -> Query:
    """Parse a TraceQL query.

    Args:
        text: the query.

    Returns:
        Its tree, not yet checked for meaning (`check`).

    Raises:
        ParseError: with line, column and a caret under the offending token.
    """
    return Parser(text).query()


def parse_filter(text: str) -> Filter:
    """Parse a single `{ ... }`.

    Raises:
        ParseError: it is anything else.
    """
    parser = Parser(text)
    found = parser.filter()
    if parser.token.kind is not TokenKind.END:
        raise parser.unexpected("end of query")
    return found


class Parser(FieldParser):
    """Recursive descent over one query."""

    def query(self) -> Query:
        """The whole text."""
        body = self._pipeline()
        hints: list[tuple[str, Literal]] = []
        while self._accept_name("with"):
            hints.extend(self._hints())
        if self.token.kind is not TokenKind.END:
            raise self.unexpected("'|', an operator or the end of the query")
        if isinstance(body, MetricsQuery | MetricsMath):
            return Query(body, tuple(hints))
        if isinstance(body, Pipeline) and not isinstance(body.stages[-1], Aggregate):
            return Query(body, tuple(hints))
        raise self.unexpected("a comparison, such as '> 2', after the aggregate")

    # --- pipelines ---

    def _pipeline(self) -> Pipeline | MetricsQuery | MetricsMath | ScalarExpression:
        """Stages up to a closing bracket, `with` or the end."""
        at = self.token.position
        first = self._expression(LOGIC)
        if isinstance(first, MetricsQuery | MetricsMath):
            return self._second_stages(first)
        if isinstance(first, Literal | ScalarOperation | Aggregate) or _is_scalar_pipeline(first):
            # Numbers and aggregates alone: only brackets may hold them.
            if self.peek("|"):
                raise self.unexpected("a comparison before '|'")
            return cast(ScalarExpression, first)
        stages: list[Stage] = [_as_stage(first)]
        if isinstance(first, Coalesce):
            raise ParseError("a query cannot start with coalesce()", self.text, at)
        while self.peek("|"):
            self.enter()
            self.index += 1
            name = self.token.value if self.token.kind is TokenKind.NAME else None
            if name in METRICS:
                query = MetricsQuery(Pipeline(tuple(stages), at), self._metrics_function(), at=at)
                return self._second_stages(query)
            start = self.token
            stage = self._expression(LOGIC)
            if isinstance(stage, Aggregate):
                stages.append(stage)
                break
            if isinstance(stage, MetricsQuery | MetricsMath | Literal | ScalarOperation):
                raise self.unexpected("a filter, by(), select(), coalesce() or an aggregate", start)
            stages.append(_as_stage(stage))
        return Pipeline(tuple(stages), at)

    def _second_stages(self, query: MetricsQuery | MetricsMath) -> MetricsQuery | MetricsMath:
        stages: list[SecondStage] = []
        while True:
            token = self.token
            if self.accept("|"):
                stages.append(self._top_k())
            elif self.peek(*THRESHOLDS):
                self.index += 1
                stages.append(Threshold(str(token.value), self._number(), token.position))
            else:
                break
        return _with_stages(query, stages)

    def _top_k(self) -> TopK:
        token = self.take()
        if token.kind is not TokenKind.NAME or token.value not in ("topk", "bottomk"):
            raise self.unexpected("topk() or bottomk()", token)
        self.expect("(")
        k = self._integer("how many series to keep")
        self.expect(")")
        return TopK(str(token.value), k, token.position)

    def _number(self) -> Literal:
        start = self.token
        value = self._expression(SUM)
        if not isinstance(value, Literal):
            raise self.unexpected("a number or a duration", start)
        return value

    # --- expressions ---

    def _expression(self, binding: int) -> _Expression:
        before = self.depth
        self.enter()
        left = self._operand_expression()
        while True:
            token = self.token
            own = _BINDING.get(str(token.value), 0) if token.kind is TokenKind.SYMBOL else 0
            if not own or own < binding:
                self.depth = before
                return left
            self.enter()
            self.index += 1
            right = self._expression(own if own == POWER else own + 1)
            left = self._combine(token, left, right)

    def _combine(self, token: Token, left: _Expression, right: _Expression) -> _Expression:
        operator, at = str(token.value), token.position
        if isinstance(left, _SPANSET) and isinstance(right, _SPANSET):
            if operator in STRUCTURAL or operator in ("&&", "||"):
                if not _is_scalar_pipeline(left) and not _is_scalar_pipeline(right):
                    return SpansetOperation(operator, left, right, at)
            elif not (_is_scalar_pipeline(left) and _is_scalar_pipeline(right)):
                raise self.unexpected("&&, || or a structural operator between spansets", token)
        metrics = isinstance(left, _METRICS) or isinstance(right, _METRICS)
        if metrics and isinstance(left, (*_METRICS, Literal)) and isinstance(right, (*_METRICS, Literal)):
            return self._combine_metrics(token, left, right)
        if isinstance(left, Literal) and isinstance(right, Literal):
            folded = arithmetic(operator, left, right)
            if folded is None:
                raise self.unexpected("plain arithmetic between numbers", token)
            return folded
        if _is_scalar(left) and _is_scalar(right):
            return self._combine_scalars(token, cast(ScalarExpression, left), cast(ScalarExpression, right))
        raise self.unexpected("two spansets, two aggregates or two metrics beside the operator", token)

    def _combine_scalars(
        self, token: Token, left: ScalarExpression, right: ScalarExpression
    ) -> ScalarFilter | ScalarOperation:
        operator, at = str(token.value), token.position
        piped = isinstance(left, Pipeline), isinstance(right, Pipeline)
        if operator in THRESHOLDS:
            if any(piped) and not (all(piped) or isinstance(right, Literal) or _is_piped(left)):
                raise self.unexpected("the number on the right side of a comparison of pipelines", token)
            return ScalarFilter(operator, left, right, at)
        if operator in ("+", "-", "*", "/", "%", "^"):
            if any(piped) and not all(_is_piped(side) for side in (left, right)):
                raise self.unexpected("pipelines on both sides", token)
            return ScalarOperation(operator, left, right, at)
        raise self.unexpected("arithmetic or a comparison between aggregates", token)

    def _combine_metrics(
        self, token: Token, left: MetricsExpression, right: MetricsExpression
    ) -> MetricsQuery | MetricsMath:
        operator, at = str(token.value), token.position
        if operator in THRESHOLDS and isinstance(right, Literal) and not isinstance(left, Literal):
            return _with_stages(left, [Threshold(operator, right, at)])
        if operator not in ("+", "-", "*", "/"):
            raise self.unexpected("+, -, *, / or a comparison with a number", token)
        for side in (left, right):
            if isinstance(side, Literal) and side.type is Type.DURATION:
                raise ParseError(
                    "a duration cannot be a factor or summand of a metric", self.text, side.at or at
                )
        return MetricsMath(operator, left, right, at=at)

    def _operand_expression(self) -> _Expression:
        token = self.token
        if token.kind is TokenKind.SYMBOL:
            if token.value == "{":
                return self.filter()
            if self.accept("("):
                inner = self._pipeline()
                self.expect(")")
                return _unwrap(inner)
            if self.accept("-"):
                return self._negated(token)
        if token.kind in (TokenKind.INTEGER, TokenKind.FLOAT, TokenKind.DURATION):
            literal = self.accept_literal()
            if literal is not None:
                return literal
        if token.kind is TokenKind.NAME:
            return self._named(token)
        raise self.unexpected("'{', '(' or an aggregate such as count()")

    def _negated(self, token: Token) -> Literal:
        self.enter()
        operand = self._operand_expression()
        if not isinstance(operand, Literal):
            raise self.unexpected("a number after '-'", token)
        return Literal(operand.type, -cast(float, operand.value), token.position)

    def _named(self, token: Token) -> _Expression:
        name = str(token.value)
        following = self.tokens[self.index + 1]
        if following.kind is not TokenKind.SYMBOL or following.value != "(":
            raise self.unexpected("'{', '(' or an aggregate such as count()")
        self.index += 1
        if name in AGGREGATES:
            self.expect("(")
            operand = None if name == "count" else self.field_expression()
            self.expect(")")
            return Aggregate(name, operand, token.position)
        if name == "by":
            self.expect("(")
            expression = self.field_expression()
            self.expect(")")
            return GroupBy(expression, token.position)
        if name == "coalesce":
            self.expect("(")
            self.expect(")")
            return Coalesce(token.position)
        if name == "select":
            return Select(self.fields(), token.position)
        if name in METRICS:
            raise self.unexpected(f"spans before {name}(), as in '{{ }} | {name}()'", token)
        raise self.unexpected("count, avg, min, max, sum, by, select, coalesce or a metrics function", token)

    def filter(self) -> Filter:
        """`{ expression }`."""
        at = self.token.position
        self.expect("{")
        if self.accept("}"):
            return Filter(None, at)
        expression = self.field_expression()
        self.expect("}")
        return Filter(expression, at)

    # --- metrics functions and hints ---

    def _metrics_function(self) -> OverTime | Compare:
        token = self.take()
        name = str(token.value)
        if name == "compare":
            return self._compare(token)
        self.expect("(")
        field = None if name in COUNTING else self.field()
        quantiles: list[float] = []
        if name == "quantile_over_time":
            self.expect(",")
            quantiles.append(self._float())
            while self.accept(","):
                quantiles.append(self._float())
        self.expect(")")
        by = self.fields() if self._accept_name("by") else ()
        return OverTime(name, field, tuple(quantiles), by, token.position)

    def _compare(self, token: Token) -> Compare:
        self.expect("(")
        selection = self.filter()
        numbers: list[int] = []
        while self.accept(","):
            numbers.append(self._integer("a whole number"))
        if len(numbers) not in (0, 1, 3):
            raise self.unexpected("compare({selection}[, top[, start, end]])", token)
        self.expect(")")
        top, start, end = (numbers + [10, 0, 0][len(numbers) :])[:3]
        return Compare(selection, top, start, end, token.position)

    def _integer(self, meaning: str) -> int:
        token = self.take()
        if token.kind is not TokenKind.INTEGER or not isinstance(token.value, int):
            raise self.unexpected(meaning, token)
        return token.value

    def _float(self) -> float:
        token = self.take()
        if token.kind not in (TokenKind.INTEGER, TokenKind.FLOAT) or not isinstance(token.value, int | float):
            raise self.unexpected("a quantile from 0 to 1", token)
        return float(token.value)

    def _accept_name(self, name: str) -> bool:
        if self.token.kind is TokenKind.NAME and self.token.value == name:
            self.index += 1
            return True
        return False

    def _hints(self) -> list[tuple[str, Literal]]:
        self.expect("(")
        hints: list[tuple[str, Literal]] = []
        while True:
            token = self.take()
            if token.kind is not TokenKind.NAME:
                raise self.unexpected("the name of a hint", token)
            self.expect("=")
            value = self.accept_literal()
            if value is None:
                raise self.unexpected("a value for the hint")
            hints.append((str(token.value), value))
            if not self.accept(","):
                self.expect(")")
                return hints


_SPANSET = (Filter, SpansetOperation, Pipeline)
_METRICS = (MetricsQuery, MetricsMath)


def _is_scalar_pipeline(node: object) -> bool:
    return isinstance(node, Pipeline) and isinstance(node.stages[-1], Aggregate)


def _is_piped(node: object) -> bool:
    """Whether a scalar is made of bracketed pipelines alone."""
    if isinstance(node, ScalarOperation):
        return _is_piped(node.left) and _is_piped(node.right)
    return _is_scalar_pipeline(node)


def _is_scalar(node: object) -> bool:
    return isinstance(node, Aggregate | ScalarOperation | Literal) or _is_scalar_pipeline(node)


def _as_stage(node: _Expression) -> Stage:
    return cast(Stage, node)


def _unwrap(inner: Pipeline | MetricsQuery | MetricsMath | ScalarExpression) -> _Expression:
    """What brackets hold: a lone filter or operation stands for itself, other stages stay a pipeline."""
    if isinstance(inner, Pipeline) and len(inner.stages) == 1:
        only: Stage = inner.stages[0]
        if isinstance(only, Filter | SpansetOperation | Pipeline):
            return only
    return inner


def _with_stages(query: MetricsQuery | MetricsMath, stages: list[SecondStage]) -> MetricsQuery | MetricsMath:
    if not stages:
        return query
    every = (*query.stages, *stages)
    if isinstance(query, MetricsQuery):
        return MetricsQuery(query.pipeline, query.function, every, query.at)
    return MetricsMath(query.operator, query.left, query.right, every, query.at)
