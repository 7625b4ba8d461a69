"""Which traces to load for a query, newest first, a few at a time.

The store finds spans; a query over several spans of a trace (`{ a } >> { b }`) can be asked of it for one
of them only. When too many traces were loaded in vain, the ids of traces that have the others are fetched
too, and traces without them are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..model.budget import Budget
from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from ..model.regex import matcher
from ..model.source import SpanSource
from .conditions import Needs, fetch_request, filter_needs, stage_needs
from .trace_totals import passing_traces, totals_test
from .tree import Filter, Pipeline, SpansetOperation, Stage

# Traces loaded at once: enough to make a batch cheap, few enough that large traces fit in memory.
FIRST_CHUNK = 32
CHUNK = 512
# Traces loaded, most of them in vain, before a scan for the other spans is worth it: the first two chunks.
PRUNE_AFTER = 90
# A set of more ids than this excludes too little for its memory.
MAX_IDS = 500_000

_ROOT_FIELDS = {
    "rootName": Attribute(AttributeScope.INTRINSIC, "name"),
    "rootServiceName": Attribute(AttributeScope.RESOURCE, "service.name"),
}
_IS_ROOT = Condition(Attribute(AttributeScope.INTRINSIC, "span:parentID"), Operator.ABSENT)


def chunks(batches: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """A store's batches cut into pieces worth loading at once, the first ones small."""
    size = FIRST_CHUNK
    for batch in batches:
        offset = 0
        while offset < len(batch):
            yield batch[offset : offset + size]
            offset += size
            size = min(CHUNK, size * 2)


class Candidates:
    """Chunks of trace ids; `found` is counted up by whoever evaluates them."""

    def __init__(
        self, source: SpanSource, pipeline: Pipeline, start_ns: int, end_ns: int, limit: int, budget: Budget
    ) -> None:
        self.found = 0
        self._source = source
        self._request = fetch_request(pipeline, start_ns, end_ns, limit)
        self._others = [
            needs
            for stage in pipeline.stages
            for needs in _necessary(stage)
            if needs.conditions and needs.conditions != self._request.conditions
        ]
        self._totals = totals_test(pipeline)
        self._budget = budget
        self._loaded = 0
        self._having: list[set[bytes]] | None = None

    def __iter__(self) -> Iterator[list[bytes]]:
        for chunk in chunks(self._source.search(self._request, self._budget.cancelled)):
            wanted = self._pruned(chunk)
            if wanted:
                self._loaded += len(wanted)
                yield wanted

    def _pruned(self, chunk: list[bytes]) -> list[bytes]:
        if self._having is None:
            nothing_to_ask = not self._others and self._totals is None
            if nothing_to_ask or self._loaded < PRUNE_AFTER or self.found * 4 > self._loaded:
                return chunk
            self._having = [ids for needs in self._others if (ids := self._ids(needs)) is not None]
            if self._totals is not None:
                self._having.append(passing_traces(self._source, self._totals, self._budget))
        return [one for one in chunk if all(one in ids for ids in self._having)]

    def _ids(self, needs: Needs) -> set[bytes] | None:
        """Ids of the traces with such a span, at any time; None when there are too many."""
        request = FetchRequest(0, 0, needs.conditions, needs.all_conditions, MAX_IDS)
        ids: set[bytes] = set()
        for batch in self._source.search(request, self._budget.cancelled):
            ids.update(batch)
            if len(ids) > MAX_IDS:
                return None
        return ids


def _necessary(stage: Stage) -> Iterator[Needs]:
    """Needs of which every trace that the stage lets through has a span for each."""
    match stage:
        case Filter():
            needs = filter_needs(stage)
            yield needs
            yield from _root_needs(needs)
        case SpansetOperation(operator="||"):
            return
        case SpansetOperation(operator=operator):
            if not operator.startswith("!"):
                yield from _necessary(stage.left)
            yield from _necessary(stage.right)
        case Pipeline():
            yield stage_needs(stage)


def _root_needs(needs: Needs) -> Iterator[Needs]:
    """A root of this name is a span of this name without a parent."""
    for condition in needs.conditions if needs.all_conditions else ():
        own = _ROOT_FIELDS.get(condition.attribute.name)
        intrinsic = condition.attribute.scope is AttributeScope.INTRINSIC
        if own and intrinsic and _never_empty(condition):
            yield Needs((Condition(own, condition.operator, condition.operands), _IS_ROOT))


def _never_empty(condition: Condition) -> bool:
    """Whether a condition cannot hold for a trace without a root, whose root's name is empty."""
    texts = [one for one in condition.operands if isinstance(one, str)]
    if condition.operator is Operator.EQ:
        return "" not in texts
    return condition.operator is Operator.MATCH and not any(matcher(text)("") for text in texts)
