"""Random lives of a store against a plain list: whatever happens, what was acknowledged is found."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

from ..memory_source import MemorySource
from .conftest import keep
from .otlp import EPOCH, Given, body, parsed

# So small that a handful of spans seals, and a handful of attributes fills the columns.
TINY = Limits(linger_seconds=0.0, seal_spans=6, columns=3)

spans = st.builds(
    Given,
    trace=st.integers(1, 6),
    span=st.integers(1, 12),
    parent=st.integers(0, 12),
    name=st.sampled_from(["a", "b"]),
    service=st.sampled_from(["web", "web", "web", "db"]),
    start=st.integers(EPOCH, EPOCH + 1000),
    duration=st.integers(0, 1000),
    status=st.integers(0, 2),
    attributes=st.dictionaries(
        st.sampled_from(["k", "l", "m", "n"]),
        st.one_of(st.integers(-2, 2), st.sampled_from(["x", "y"]), st.booleans(), st.just(("x", 1))),
    ),
)
requests = st.builds(
    FetchRequest,
    conditions=st.lists(
        st.builds(
            Condition,
            st.builds(
                Attribute,
                st.sampled_from([AttributeScope.SPAN, AttributeScope.ANY]),
                st.sampled_from(["k", "l", "m"]),
            ),
            st.sampled_from([Operator.EQ, Operator.NE, Operator.GE, Operator.EXISTS, Operator.ABSENT]),
            st.tuples(st.sampled_from(["x", 1, True])),
        ),
        max_size=2,
    ).map(tuple),
    all_conditions=st.booleans(),
    start_ns=st.sampled_from([0, EPOCH + 500]),
    end_ns=st.sampled_from([0, EPOCH + 700]),
)


class Life(RuleBasedStateMachine):
    """Append, seal (which also merges), reopen, ask; in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="nest-"))
        self.model = MemorySource()
        self.store: Store

    @initialize()
    def begin(self) -> None:
        self.store = Store.open(self.folder, limits=TINY)
        self.store.start()

    @rule(given=st.lists(spans, min_size=1, max_size=4))
    def append(self, given: list[Given]) -> None:
        encoded = body(*given)
        keep(self.store, encoded)
        self.model.add(parsed(encoded))

    @rule()
    def seal(self) -> None:
        self.store.seal()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.begin()

    @rule(request=requests)
    def search(self, request: FetchRequest) -> None:
        found = {one for page in self.store.spans.search(request, lambda: False) for one in page}
        expected = {one for page in self.model.search(request, lambda: False) for one in page}
        assert expected <= found

    @rule(trace=st.integers(1, 6))
    def trace(self, trace: int) -> None:
        trace_id = trace.to_bytes(16, "big")
        found = self.store.spans.traces([trace_id], lambda: False).get(trace_id, [])
        expected = self.model.traces([trace_id], lambda: False).get(trace_id, [])
        assert len(found) == len(expected)
        assert all(span in expected for span in found)

    @invariant()
    def nothing_is_lost(self) -> None:
        stats = self.store.stats()
        assert stats.segment_spans + stats.recent_spans == len(self.model.spans)
        assert (stats.lost_segments, stats.torn_bytes, stats.set_aside) == (0, 0, 0)

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # A life takes tenths of a second, so shrinking one would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
