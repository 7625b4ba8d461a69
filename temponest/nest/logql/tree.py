"""A log query as a tree: a stream selector and the stages that lines pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ..model.log import TextFilter


class MatchOperator(StrEnum):
    """How a label is compared with a text; regular expressions match the whole value."""

    EQ = "="
    NE = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


class CompareOperator(StrEnum):
    """How a label is compared with a number, a duration or a size."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Unit(StrEnum):
    """What a label's text is read as before it is compared or unwrapped."""

    NUMBER = "number"
    DURATION = "duration"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """`name="value"`: in a selector, as a filter, or as a condition of `drop` and `keep`."""

    name: str
    operator: MatchOperator
    value: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`duration > 1s`; durations are in nanoseconds."""

    name: str
    operator: CompareOperator
    unit: Unit
    value: float


@dataclass(frozen=True, slots=True)
class Junction:
    """Two label filters, both or one of which must hold."""

    both: bool
    left: LabelFilter
    right: LabelFilter


LabelFilter: TypeAlias = LabelMatch | Comparison | Junction


@dataclass(frozen=True, slots=True)
class Json:
    """`json`, or `json name="path"`: which members become labels, all of them when none is named."""

    paths: tuple[tuple[str, tuple[str | int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Logfmt:
    """`logfmt`, likewise with names of keys."""

    keys: tuple[tuple[str, str], ...] = ()
    strict: bool = False
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class Regexp:
    """`regexp "(?P<name>...)"`."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """`pattern "<name> ..."`: texts and names by turns; the first and last are texts, perhaps empty.

    An empty name is `<_>`, which is not kept.
    """

    texts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unpack:
    """`unpack`: the members of a packed JSON object become labels, `_entry` the line."""


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and names of labels by turns: `{{.name}}`; the first and last are texts, perhaps empty."""

    texts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineFormat:
    """`line_format "..."`: another line."""

    template: Template


@dataclass(frozen=True, slots=True)
class LabelFormat:
    """`label_format new=old` (a name moves) and `label_format new="..."` (a template)."""

    moves: tuple[tuple[str, str | Template], ...]


@dataclass(frozen=True, slots=True)
class Drop:
    """`drop a, b="c"`: labels that leave, some of them only where they have a value."""

    names: tuple[str, ...]
    matches: tuple[LabelMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Keep:
    """`keep a, b="c"`: labels that stay, likewise; all others leave."""

    names: tuple[str, ...]
    matches: tuple[LabelMatch, ...] = ()


@dataclass(frozen=True, slots=True)
class Decolorize:
    """`decolorize`: the line without ANSI colours."""


Stage: TypeAlias = (
    TextFilter
    | LabelMatch
    | Comparison
    | Junction
    | Json
    | Logfmt
    | Regexp
    | Pattern
    | Unpack
    | LineFormat
    | LabelFormat
    | Drop
    | Keep
    | Decolorize
)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`{selector} | stage | stage`."""

    selector: tuple[LabelMatch, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class Unwrap:
    """`unwrap name`, `unwrap duration(name)`, `unwrap bytes(name)`: the number to aggregate."""

    name: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """`count_over_time({selector} | stages [range] offset 1h)`; times in nanoseconds.

    Attributes:
        by: labels to keep, None for all of them; set where an outer `sum` needs no others.
        without: labels to leave out instead.
    """

    function: str
    query: LogQuery
    range_ns: int
    offset_ns: int = 0
    unwrap: Unwrap | None = None
    by: tuple[str, ...] | None = None
    without: tuple[str, ...] = field(default=())
