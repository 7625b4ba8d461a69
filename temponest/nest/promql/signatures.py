"""Every function once: what it takes and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .tree import (
    Aggregation,
    Binary,
    Expression,
    FunctionCall,
    Number,
    Paren,
    Range,
    Selector,
    String,
    Subquery,
    Unary,
)


class Type(Enum):
    """What an expression evaluates to; the value is Prometheus' word for it."""

    SCALAR = "scalar"
    VECTOR = "instant vector"
    MATRIX = "range vector"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a function.

    Attributes:
        arguments: their types; the last one may be left out or repeated as `more` says.
        returns: the type of the result.
        more: 0 where all arguments are needed; else how many more there may be, -1 for any number.
    """

    arguments: tuple[Type, ...]
    returns: Type = Type.VECTOR
    more: int = 0


_S, _V, _M, _T = Type.SCALAR, Type.VECTOR, Type.MATRIX, Type.STRING


def _all(names: str, signature: Signature) -> dict[str, Signature]:
    return dict.fromkeys(names.split(), signature)


SIGNATURES: dict[str, Signature] = {
    **_all(
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg"
        " histogram_count histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh"
        " sort sort_desc sqrt tan tanh timestamp",
        Signature((_V,)),
    ),
    **_all(
        "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase"
        " irate last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets"
        " stddev_over_time stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time"
        " ts_of_max_over_time ts_of_min_over_time",
        Signature((_M,)),
    ),
    **_all(
        "day_of_month day_of_week day_of_year days_in_month hour minute month year", Signature((_V,), more=1)
    ),
    **_all("end pi range start step time", Signature((), _S)),
    **_all("max_of min_of", Signature((_S, _S), _S)),
    **_all("clamp_max clamp_min", Signature((_V, _S))),
    **_all("double_exponential_smoothing holt_winters", Signature((_M, _S, _S))),
    **_all("sort_by_label sort_by_label_desc", Signature((_V, _T), more=-1)),
    "clamp": Signature((_V, _S, _S)),
    "histogram_fraction": Signature((_S, _S, _V)),
    "histogram_quantile": Signature((_S, _V)),
    "histogram_quantiles": Signature((_V, _T, _S, _S), more=9),
    "info": Signature((_V, _V), more=1),
    "label_join": Signature((_V, _T, _T, _T), more=-1),
    "label_replace": Signature((_V, _T, _T, _T, _T)),
    "predict_linear": Signature((_M, _S)),
    "quantile_over_time": Signature((_S, _M)),
    "round": Signature((_V, _S), more=1),
    "scalar": Signature((_V,), _S),
    "vector": Signature((_S,)),
}
# Parameter of each aggregation that has one.
PARAMETERS: dict[str, Type] = {
    "bottomk": _S,
    "count_values": _T,
    "limit_ratio": _S,
    "limitk": _S,
    "quantile": _S,
    "topk": _S,
}
AGGREGATIONS = frozenset({*PARAMETERS, "avg", "count", "group", "max", "min", "stddev", "stdvar", "sum"})


def type_of(node: Expression) -> Type:
    """What a node evaluates to."""
    match node:
        case Number():
            return Type.SCALAR
        case String():
            return Type.STRING
        case Paren() | Unary():
            return type_of(node.expression)
        case Range() | Subquery():
            return Type.MATRIX
        case Selector() | Aggregation():
            return Type.VECTOR
        case FunctionCall():
            return SIGNATURES[node.name].returns
        case Binary():
            both = {type_of(node.left), type_of(node.right)}
            return Type.SCALAR if both == {Type.SCALAR} else Type.VECTOR
