"""What of a query a store can use: which resources, which words in lines, which traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from ..model.log import LogRequest, TextFilter
from ..model.span import Resource
from .labels import stream_labels
from .pipeline import match_test
from .tree import Decolorize, Drop, Junction, Keep, LabelMatch, LogQuery, MatchOperator, Stage

_TRACE_HEX = 32


def request(query: LogQuery, start_ns: int, end_ns: int, *, newest_first: bool = True) -> LogRequest:
    """At least the records that a query selects."""
    return LogRequest(
        start_ns,
        end_ns,
        selected(query.selector),
        _texts(query.stages),
        _traces(query.stages),
        newest_first,
    )


def selected(selector: Sequence[LabelMatch]) -> Callable[[Resource], bool]:
    """Whether the stream of a resource satisfies a selector."""
    tests = [(one.name, match_test(one)) for one in selector]

    def wanted(resource: Resource) -> bool:
        labels = stream_labels(resource)
        return all(test(labels.get(name, "")) for name, test in tests)

    known: dict[int, tuple[Resource, bool]] = {}

    def remembered(resource: Resource) -> bool:
        # One object stands for equal resources, and holding it keeps its identity from being used again.
        found = known.get(id(resource))
        if found is None:
            found = known[id(resource)] = (resource, wanted(resource))
        return found[1]

    return remembered


def _texts(stages: Sequence[Stage]) -> tuple[TextFilter, ...]:
    """Line filters that look at the line as it was sent."""
    found: list[TextFilter] = []
    for stage in stages:
        if isinstance(stage, TextFilter):
            found.append(stage)
        elif not isinstance(stage, LabelMatch | Drop | Keep):
            break
    return tuple(found)


def _traces(stages: Sequence[Stage]) -> tuple[bytes, ...]:
    """The trace that a query asks for by its id, before a stage could make a label of that name."""
    for stage in stages:
        for one in _required(stage):
            whole = one.operator is MatchOperator.EQ and len(one.value) == _TRACE_HEX
            if one.name == "trace_id" and whole:
                return _id(one.value)
        if not isinstance(stage, TextFilter | LabelMatch | Junction | Decolorize):
            break
    return ()


def _required(stage: Stage) -> list[LabelMatch]:
    """Matchers without which a stage lets nothing pass."""
    if isinstance(stage, LabelMatch):
        return [stage]
    if isinstance(stage, Junction) and stage.both:
        return [*_required(stage.left), *_required(stage.right)]
    return []


@lru_cache(maxsize=64)
def _id(text: str) -> tuple[bytes, ...]:
    try:
        return (bytes.fromhex(text),)
    except ValueError:
        return ()
