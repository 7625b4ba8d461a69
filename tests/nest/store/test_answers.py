"""Every kind of question, asked of recent spans, of segments and of both, against a plain list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from temponest.nest.model.source import CancelledError, Coded
from temponest.nest.model.span import Value
from temponest.nest.store.store import Store

from ..memory_source import MemorySource
from .conftest import IMPATIENT, keep
from .otlp import EPOCH, SECOND, Given, body, parsed

GIVEN = [
    Given(
        trace=1,
        span=1,
        name="GET /",
        service="web",
        kind=2,
        attributes={"code": 200, "who": "ann", "ok": True},
    ),
    Given(
        trace=1,
        span=2,
        parent=1,
        name="SELECT",
        service="db",
        kind=3,
        duration=5,
        attributes={"rows": 7, "f": 2.5},
    ),
    Given(trace=1, span=3, parent=1, name="GET /x", service="api", attributes={"code": "200", "who": "bob"}),
    Given(
        trace=2,
        span=4,
        name="tick",
        start=EPOCH + 60 * SECOND,
        status=2,
        message="boom",
        attributes={"code": 500},
    ),
    Given(
        trace=2, span=5, parent=4, service="web", start=EPOCH + 61 * SECOND, attributes={"tags": ("a", "b")}
    ),
    Given(
        trace=3, span=6, parent=99, service="api", events=[("exception", {"exception.type": "ValueError"})]
    ),
    Given(trace=3, span=7, parent=7, service="web", links=[1], resource={"zone": "eu", "size": 3}),
    Given(
        trace=4,
        span=8,
        name="ünï",
        service="web",
        attributes={"": "empty key", "map": {"a": 1}, "raw": b"\x00"},
    ),
    Given(
        trace=5,
        span=9,
        start=EPOCH + 3600 * SECOND,
        duration=-5,
        attributes={"who": "", "zone": "us", "f": 3.0},
    ),
]
BODIES = [body(*GIVEN[:3]), body(*GIVEN[3:5]), body(*GIVEN[5:7]), body(*GIVEN[7:])]

SPAN, RESOURCE, ANY = AttributeScope.SPAN, AttributeScope.RESOURCE, AttributeScope.ANY
EVENT, LINK, INTRINSIC = AttributeScope.EVENT, AttributeScope.LINK, AttributeScope.INTRINSIC
SCOPE = AttributeScope.INSTRUMENTATION
EQ, NE, LT, GE, MATCH, NOT_MATCH = (
    Operator.EQ,
    Operator.NE,
    Operator.LT,
    Operator.GE,
    Operator.MATCH,
    Operator.NOT_MATCH,
)
EXISTS, ABSENT, GT, LE = Operator.EXISTS, Operator.ABSENT, Operator.GT, Operator.LE

CONDITIONS: list[tuple[AttributeScope, str, Operator, tuple[Operand, ...]]] = [
    (SPAN, "code", EQ, (200,)),
    (SPAN, "code", EQ, (200.0,)),
    (SPAN, "code", EQ, ("200",)),
    (SPAN, "code", EQ, (True,)),
    (SPAN, "code", EQ, (200, 500)),
    (SPAN, "code", NE, (200,)),
    (SPAN, "code", GT, (200,)),
    (SPAN, "code", LE, (200.5,)),
    (SPAN, "code", LT, ("300",)),
    (SPAN, "code", GE, (2**70,)),
    (SPAN, "code", EXISTS, ()),
    (SPAN, "code", ABSENT, ()),
    (SPAN, "f", EQ, (3,)),
    (SPAN, "f", GT, (2,)),
    (SPAN, "ok", EQ, (True,)),
    (SPAN, "ok", NE, (True,)),
    (SPAN, "ok", EQ, (1,)),
    (SPAN, "who", MATCH, ("a.*",)),
    (SPAN, "who", MATCH, ("n",)),
    (SPAN, "who", NOT_MATCH, ("a.*",)),
    (SPAN, "who", EQ, ("",)),
    (SPAN, "who", GT, ("ann",)),
    (SPAN, "tags", EQ, ("b",)),
    (SPAN, "tags", NE, ("b",)),
    (SPAN, "tags", EXISTS, ()),
    (SPAN, "", EQ, ("empty key",)),
    (SPAN, "map", EXISTS, ()),
    (SPAN, "raw", EXISTS, ()),
    (SPAN, "nowhere", EXISTS, ()),
    (SPAN, "nowhere", ABSENT, ()),
    (SPAN, "nowhere", NE, ("x",)),
    (RESOURCE, "service.name", EQ, ("web",)),
    (RESOURCE, "service.name", NOT_MATCH, ("w.*",)),
    (RESOURCE, "zone", EXISTS, ()),
    (RESOURCE, "size", GE, (3,)),
    (ANY, "zone", EQ, ("eu",)),
    (ANY, "zone", EQ, ("us",)),
    (ANY, "zone", EXISTS, ()),
    (ANY, "zone", ABSENT, ()),
    (EVENT, "exception.type", EQ, ("ValueError",)),
    (EVENT, "exception.type", EQ, ("KeyError",)),
    (EVENT, "exception.type", EXISTS, ()),
    (LINK, "any", EXISTS, ()),
    (SCOPE, "any", ABSENT, ()),
    (INTRINSIC, "name", EQ, ("GET /",)),
    (INTRINSIC, "name", MATCH, ("GET.*",)),
    (INTRINSIC, "name", EQ, ("ünï",)),
    (INTRINSIC, "kind", EQ, (2,)),
    (INTRINSIC, "kind", NE, (2,)),
    (INTRINSIC, "status", EQ, (2,)),
    (INTRINSIC, "statusMessage", EQ, ("boom",)),
    (INTRINSIC, "statusMessage", NE, ("boom",)),
    (INTRINSIC, "duration", LT, (6,)),
    (INTRINSIC, "duration", GE, (SECOND,)),
    (INTRINSIC, "trace:id", EQ, (f"{2:032x}",)),
    (INTRINSIC, "trace:id", EQ, ("2",)),
    (INTRINSIC, "span:id", EQ, (f"{5:016x}",)),
    (INTRINSIC, "span:parentID", EQ, (f"{1:016x}",)),
    (INTRINSIC, "event:name", EQ, ("exception",)),
    (INTRINSIC, "event:name", EQ, ("nothing",)),
    (INTRINSIC, "link:traceID", EQ, (f"{1:032x}",)),
    (INTRINSIC, "instrumentation:name", EQ, ("tests",)),
    (INTRINSIC, "instrumentation:version", EQ, ("2",)),
    (INTRINSIC, "rootName", EQ, ("GET /",)),
    (INTRINSIC, "traceDuration", GT, (0,)),
]


@pytest.fixture(scope="module")
def model() -> MemorySource:
    return MemorySource(span for one in BODIES for span in parsed(one))


@pytest.fixture(scope="module", params=["recent", "sealed", "both", "merged"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store.open(tmp_path_factory.mktemp("store"), limits=IMPATIENT)
    store.start()
    for one in BODIES:
        keep(store, one)
        if request.param == "merged" or (request.param == "both" and one is BODIES[0]):
            store.seal()
    if request.param == "sealed":
        store.seal()
    assert store.stats().segments == {"recent": 0, "sealed": 1, "both": 1, "merged": 1}[request.param]
    yield store
    store.close()


def never() -> bool:
    return False


def ids(source: Store | MemorySource, request: FetchRequest) -> set[bytes]:
    spans = source.spans if isinstance(source, Store) else source
    return {one for page in spans.search(request, never) for one in page}


def plain(values: object, index: int) -> Value:
    return values.values[values.codes[index]] if isinstance(values, Coded) else values[index]  # type: ignore[index] # the other is a list


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_search_finds_every_trace_that_matches(
    store: Store, model: MemorySource, condition: tuple[AttributeScope, str, Operator, tuple[Operand, ...]]
) -> None:
    scope, name, operator, operands = condition
    request = FetchRequest(conditions=(Condition(Attribute(scope, name), operator, operands),))
    wanted = ids(model, request)
    found = ids(store, request)
    assert wanted <= found
    loose = scope in (ANY, EVENT, LINK, SCOPE) and operator in (ABSENT, NE, NOT_MATCH)
    if not loose and name not in ("rootName", "traceDuration") and operands != ("2",):
        assert found == wanted


@pytest.mark.parametrize("all_conditions", [True, False])
def test_conditions_combine(store: Store, model: MemorySource, all_conditions: bool) -> None:
    both = (
        Condition(Attribute(SPAN, "code"), EQ, (200,)),
        Condition(Attribute(RESOURCE, "service.name"), EQ, ("web",)),
    )
    request = FetchRequest(conditions=both, all_conditions=all_conditions)
    assert ids(store, request) == ids(model, request)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (EPOCH + 60 * SECOND, 0), (0, EPOCH + 1), (EPOCH + 1, EPOCH + 2)]
)
def test_the_window_holds(store: Store, model: MemorySource, start: int, end: int) -> None:
    request = FetchRequest(start, end)
    assert ids(store, request) == ids(model, request)


def test_an_alias_counts_as_the_attribute(store: Store, model: MemorySource) -> None:
    condition = Condition(Attribute(SPAN, "http.code"), EQ, (200,), aliases=(Attribute(SPAN, "code"),))
    request = FetchRequest(conditions=(condition,))
    assert ids(store, request) == ids(model, request) != set()


def test_newest_traces_come_first(store: Store) -> None:
    found = [one for page in store.spans.search(FetchRequest(), never) for one in page]
    assert found[0] == (5).to_bytes(16, "big")
    assert len(found) == len(set(found))


def test_traces_come_whole(store: Store, model: MemorySource) -> None:
    wanted = [number.to_bytes(16, "big") for number in (1, 2, 3, 4, 5, 6)]
    found = store.spans.traces(wanted, never)
    expected = model.traces(wanted, never)
    assert found.keys() == expected.keys()
    for trace_id, spans in expected.items():
        assert sorted(found[trace_id], key=lambda span: span.span_id) == sorted(
            spans, key=lambda span: span.span_id
        )


@pytest.mark.parametrize(
    "attribute",
    [
        Attribute(SPAN, "code"),
        Attribute(SPAN, "tags"),
        Attribute(SPAN, "f"),
        Attribute(SPAN, "nowhere"),
        Attribute(RESOURCE, "service.name"),
        Attribute(ANY, "zone"),
        Attribute(INTRINSIC, "name"),
        Attribute(INTRINSIC, "kind"),
        Attribute(INTRINSIC, "span:id"),
        Attribute(INTRINSIC, "instrumentation:name"),
    ],
    ids=str,
)
def test_columns_have_the_values_of_each_span(
    store: Store, model: MemorySource, attribute: Attribute
) -> None:
    def by_span(source: Store | MemorySource) -> dict[bytes, tuple[bytes, int, int, Value]]:
        spans = source.spans if isinstance(source, Store) else source
        return {
            batch.span_ids[i]: (
                batch.trace_ids[i],
                batch.start_ns[i],
                batch.duration_ns[i],
                plain(batch.attributes[attribute], i),
            )
            for batch in spans.columns(FetchRequest(), [attribute], never)
            for i in range(len(batch.start_ns))
        }

    assert by_span(store) == by_span(model)


def test_attribute_names_come_by_scope(store: Store, model: MemorySource) -> None:
    assert store.spans.attribute_names(0, 0, never) == model.attribute_names(0, 0, never)


@pytest.mark.parametrize(
    "attribute",
    [
        Attribute(SPAN, "who"),
        Attribute(RESOURCE, "service.name"),
        Attribute(INTRINSIC, "name"),
        Attribute(EVENT, "exception.type"),
    ],
    ids=str,
)
def test_values_are_those_of_the_spans(store: Store, model: MemorySource, attribute: Attribute) -> None:
    found = store.spans.attribute_values(attribute, FetchRequest(), 100, never)
    expected = model.attribute_values(attribute, FetchRequest(), 100, never)
    assert sorted(map(str, found)) == sorted(map(str, expected))


def test_the_most_frequent_value_comes_first(store: Store) -> None:
    found = store.spans.attribute_values(Attribute(RESOURCE, "service.name"), FetchRequest(), 1, never)
    assert found == ["web"]


def test_services_and_operations_are_listed(store: Store, model: MemorySource) -> None:
    assert store.spans.services(never) == model.services(never)
    for service in model.services(never):
        assert store.spans.operations(service, never) == model.operations(service, never)


def test_edges_count_calls_between_services(store: Store, model: MemorySource) -> None:
    assert store.spans.edges(0, 0, never) == model.edges(0, 0, never)


@pytest.mark.parametrize("method", ["services", "operations", "edges"])
def test_lists_of_names_and_calls_end_when_nobody_waits_for_them(store: Store, method: str) -> None:
    arguments = {"services": (), "operations": ("web",), "edges": (0, 0)}[method]
    with pytest.raises(CancelledError):
        getattr(store.spans, method)(*arguments, lambda: True)
