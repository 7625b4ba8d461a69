"""Log records: kept with every field, found by what a query asks for, in memory and in segments alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from temponest.nest.model.log import LogRecord, LogRequest, TextFilter, TextOperator, UnreadableError, text_of
from temponest.nest.model.signal import Signal
from temponest.nest.model.span import Value
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

from .conftest import Open
from .otlp import EPOCH, SECOND, Given, GivenLog, body, log_body, span_id, trace_id


def never() -> bool:
    return False


def keep_logs(store: Store, *records: GivenLog) -> None:
    store.append(Signal.LOGS, log_body(*records)).result(timeout=60)
    store.flush()


def request(
    start: int = 0,
    end: int = 2 * EPOCH,
    *,
    texts: Sequence[TextFilter] = (),
    traces: Sequence[int] = (),
    newest_first: bool = True,
    service: str = "",
) -> LogRequest:
    return LogRequest(
        start,
        end,
        lambda resource: service in ("", resource.service_name),
        tuple(texts),
        tuple(map(trace_id, traces)),
        newest_first,
    )


def found(store: Store, asked: LogRequest) -> list[LogRecord]:
    return [record for batch in store.logs.logs(asked, never) for record in batch.records()]


def lines(store: Store, asked: LogRequest) -> list[str]:
    return sorted(text_of(record.body) for record in found(store, asked))


@pytest.fixture(params=["recent", "sealed"])
def settle(request: pytest.FixtureRequest) -> Callable[[Store], None]:
    """Leaves records where they are or puts them into a segment: answers are the same."""
    sealed: bool = request.param == "sealed"
    return lambda store: store.seal() if sealed else store.flush()


EVERY_BODY: list[Value] = [
    "text",
    "",
    None,
    7,
    1.5,
    True,
    b"\x00\xff",
    ("a", 1, None),
    {"key": {"deep": ("x",)}, "n": 2},
    "žluťoučký 🐎",
]


def test_a_record_comes_back_with_every_field(open_store: Open, settle: Callable[[Store], None]) -> None:
    store = open_store()
    attributes: dict[str, Value] = {"http.route": "/x", "n": 3, "f": 0.5, "b": True, "list": ("a", "b")}
    given = GivenLog(
        body="whole",
        time=EPOCH + 5,
        observed=EPOCH + 9,
        severity=17,
        severity_text="ERROR",
        trace=1,
        span=2,
        event_name="order.placed",
        flags=1,
        dropped=4,
        attributes=attributes,
        resource={"host.name": "h"},
    )
    keep_logs(store, given)
    settle(store)
    (record,) = found(store, request())
    assert (record.time_ns, record.observed_ns) == (EPOCH + 5, EPOCH + 9)
    assert (record.severity, record.severity_text, record.body) == (17, "ERROR", "whole")
    assert (record.trace_id, record.span_id, record.flags) == (trace_id(1), span_id(2), 1)
    assert (record.event_name, record.dropped_attributes) == ("order.placed", 4)
    assert record.attributes == attributes
    assert record.resource.attributes == {"service.name": "auth", "host.name": "h"}
    assert (record.scope.name, record.scope.version) == ("tests", "1")


def test_bodies_of_every_type_come_back(open_store: Open, settle: Callable[[Store], None]) -> None:
    store = open_store()
    keep_logs(store, *(GivenLog(body=one, time=EPOCH + n) for n, one in enumerate(EVERY_BODY)))
    settle(store)
    back = sorted(found(store, request()), key=lambda record: record.time_ns)
    assert [record.body for record in back] == EVERY_BODY


def test_a_body_that_is_no_string_has_a_line(open_store: Open, settle: Callable[[Store], None]) -> None:
    store = open_store()
    keep_logs(store, *(GivenLog(body=one, time=EPOCH + n) for n, one in enumerate(EVERY_BODY)))
    settle(store)
    (batch,) = store.logs.logs(request(), never)
    coded = batch.lines()
    by_time = dict(zip(batch.times().tolist(), (coded.values[code] for code in coded.codes), strict=True))
    assert [by_time[EPOCH + n] for n in range(len(EVERY_BODY))] == [
        "text",
        "",
        "",
        "7",
        "1.5",
        "true",
        "AP8=",
        '["a",1,null]',
        '{"key":{"deep":["x"]},"n":2}',
        "žluťoučký 🐎",
    ]


def test_a_record_without_a_time_has_that_of_its_observation(open_store: Open) -> None:
    store = open_store()
    keep_logs(store, GivenLog(time=0, observed=EPOCH))
    assert [record.time_ns for record in found(store, request())] == [EPOCH]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (request(EPOCH + SECOND, EPOCH + 2 * SECOND), ["b login failed"]),
        (request(service="agents"), ["c 100% done"]),
        (request(traces=[1]), ["a login"]),
        (request(traces=[1, 2]), ["a login", "b login failed"]),
        (request(texts=[TextFilter(TextOperator.CONTAINS, ("login",))]), ["a login", "b login failed"]),
        (request(texts=[TextFilter(TextOperator.LACKS, ("login",))]), ["", "c 100% done"]),
        (
            request(texts=[TextFilter(TextOperator.CONTAINS, ("failed", "done"))]),
            ["b login failed", "c 100% done"],
        ),
        (request(texts=[TextFilter(TextOperator.LACKS, ("failed", "done"))]), ["", "a login"]),
        (request(texts=[TextFilter(TextOperator.MATCH, ("[0-9]+%",))]), ["c 100% done"]),
        (
            request(texts=[TextFilter(TextOperator.NOT_MATCH, ("^[ab]",))]),
            ["", "c 100% done"],
        ),
        (
            request(
                texts=[
                    TextFilter(TextOperator.CONTAINS, ("login",)),
                    TextFilter(TextOperator.LACKS, ("failed",)),
                ]
            ),
            ["a login"],
        ),
    ],
)
def test_records_are_found_by_what_a_query_asks(
    open_store: Open, settle: Callable[[Store], None], asked: LogRequest, wanted: list[str]
) -> None:
    store = open_store()
    keep_logs(
        store,
        GivenLog("a login", EPOCH, trace=1),
        GivenLog("b login failed", EPOCH + SECOND, trace=2),
        GivenLog("c 100% done", EPOCH + 2 * SECOND, service="agents"),
        GivenLog(None, EPOCH + 3 * SECOND),
    )
    settle(store)
    assert lines(store, asked) == wanted


@pytest.mark.parametrize("newest_first", [True, False])
def test_batches_come_in_the_order_of_their_bounds(open_store: Open, newest_first: bool) -> None:
    store = open_store()
    for moment in (3, 1, 2):
        keep_logs(store, GivenLog(str(moment), EPOCH + moment))
        store.seal()
    batches = list(store.logs.logs(request(newest_first=newest_first), never))
    bounds = [batch.bound_ns for batch in batches]
    assert bounds == sorted(bounds, reverse=newest_first)


def test_columns_of_some_records_are_those_records(open_store: Open) -> None:
    store = open_store()
    given = [
        GivenLog(str(n), EPOCH + n, trace=n, severity=n, attributes={"n": n, "mixed": n if n % 2 else str(n)})
        for n in range(1, 9)
    ]
    keep_logs(store, *given)
    (batch,) = store.logs.logs(request(), never)
    some = batch.take(batch.times().argsort()[[1, 4]])
    number, mixed, trace = some.attribute("n"), some.attribute("mixed"), some.field("trace_id")
    assert [number.values[code] for code in number.codes] == [2, 5]
    assert [mixed.values[code] for code in mixed.codes] == ["2", 5]
    assert [trace.values[code] for code in trace.codes] == [trace_id(2).hex(), trace_id(5).hex()]
    assert some.attribute_names() == ["mixed", "n"]


def test_resources_of_a_window_are_those_of_its_segments(open_store: Open) -> None:
    store = open_store()
    keep_logs(store, GivenLog(service="early"))
    store.seal()
    keep_logs(store, GivenLog(service="late", time=EPOCH + SECOND))
    names = [one.service_name for one in store.logs.resources(EPOCH + 1, EPOCH + 2 * SECOND, never)]
    assert names == ["late"]


def test_spans_and_log_records_of_one_folder_do_not_meet(
    open_store: Open, settle: Callable[[Store], None]
) -> None:
    store = open_store()
    store.append(Signal.TRACES, body(Given(trace=1))).result(timeout=60)
    keep_logs(store, GivenLog("of a trace", trace=1))
    settle(store)
    assert len(store.spans.traces([trace_id(1)], never)[trace_id(1)]) == 1
    assert lines(store, request(traces=[1])) == ["of a trace"]


def test_log_records_are_there_after_a_restart(open_store: Open) -> None:
    store = open_store()
    keep_logs(store, GivenLog("sealed"))
    store.seal()
    keep_logs(store, GivenLog("recent"))
    store.close()
    store = open_store()
    assert lines(store, request()) == ["recent", "sealed"]


def test_small_segments_of_log_records_are_joined(open_store: Open) -> None:
    store = open_store()
    for number in range(4):
        keep_logs(store, GivenLog(str(number), EPOCH + number, attributes={f"own.{number}": number}))
        store.seal()
    assert store.stats().segments == 1
    assert lines(store, request()) == ["0", "1", "2", "3"]
    assert [sorted(record.attributes.values(), key=str) for record in found(store, request())] == [
        [number] for number in (0, 1, 2, 3)
    ]


def retyped(folder: Path, column: str, array: pa.Array) -> None:
    """Gives a column of the first segment another type, as an earlier version may have written it."""
    path = min((folder / "segments").glob("*.parquet"))
    table = pq.read_table(path)
    named = table.schema.names.index(column)
    pq.write_table(table.set_column(named, column, array), path)


def three_segments(store: Store) -> None:
    for number in range(3):
        keep_logs(store, GivenLog(str(number), EPOCH + number, attributes={"n": number}))
        store.seal()


def test_segments_whose_columns_have_other_types_are_joined(
    open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    three_segments(store)
    retyped(tmp_path, "body", pa.array(["0"]).dictionary_encode())
    retyped(tmp_path, "int:n", pa.array([0], pa.int16()))
    keep_logs(store, GivenLog("3", EPOCH + 3, attributes={"n": 3}))
    store.seal()
    assert store.stats().segments == 1
    assert lines(store, request()) == ["0", "1", "2", "3"]
    assert sorted(str(record.attributes["n"]) for record in found(store, request())) == ["0", "1", "2", "3"]
    assert not caplog.records


def test_a_segment_whose_column_is_of_no_use_is_told_once_and_the_others_are_joined(
    open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    three_segments(store)
    retyped(tmp_path, "int:n", pa.array(["many"]))
    for number in (3, 4, 5):
        keep_logs(store, GivenLog(str(number), EPOCH + number, attributes={"n": number}))
        store.seal()
    assert lines(store, request()) == ["1", "2", "3", "4", "5"]
    # The useless one, 1 to 4 as one, and the last.
    assert (store.stats().segments, store.stats().lost_segments) == (3, 1)
    assert [record.getMessage().partition(" cannot be read")[1] for record in caplog.records] == [
        " cannot be read"
    ]


def test_what_is_too_large_for_the_disk_is_dropped_by_whole_segments(open_store: Open) -> None:
    store = open_store(Limits(linger_seconds=0.0, disk_bytes=0))
    keep_logs(store, GivenLog("gone"))
    store.seal()
    assert lines(store, request()) == []
    assert store.stats().segment_logs == 0


def test_a_missing_segment_of_log_records_is_reported_and_the_others_are_found(
    open_store: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store()
    for text in ("first", "second"):
        keep_logs(store, GivenLog(text))
        store.seal()
    store.close()
    (tmp_path / "segments/00000001.parquet").unlink()
    store = open_store()
    assert lines(store, request()) == ["second"]
    assert store.stats().lost_segments == 1
    assert "its 1 log records are lost" in caplog.text


def test_a_segment_that_breaks_while_it_is_read_says_so(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    keep_logs(store, GivenLog("first"))
    store.seal()
    (batch,) = store.logs.logs(request(), never)
    (tmp_path / "segments/00000001.parquet").write_bytes(b"PAR1")
    with pytest.raises(UnreadableError):
        batch.records()
    assert lines(store, request()) == []


def test_a_lost_catalog_is_rebuilt_with_what_is_what(open_store: Open, tmp_path: Path) -> None:
    store = open_store()
    store.append(Signal.TRACES, body(Given(trace=1))).result(timeout=60)
    keep_logs(store, GivenLog("kept"))
    store.seal()
    store.close()
    (tmp_path / "catalog").write_bytes(b"broken")
    store = open_store()
    assert lines(store, request()) == ["kept"]
    assert store.stats().segment_spans == 1


def test_a_folder_of_the_first_format_is_taken_over(open_store: Open, tmp_path: Path) -> None:
    (tmp_path / "format").write_text("1\n")
    keep_logs(open_store(), GivenLog("new"))
    assert (tmp_path / "format").read_text() == "2\n"


def test_a_body_that_cannot_be_decoded_is_set_aside_and_the_others_are_kept(
    open_store: Open, tmp_path: Path
) -> None:
    store = open_store(Limits(linger_seconds=0.2))
    futures = [
        store.append(Signal.LOGS, one)
        for one in (log_body(GivenLog("one")), b"\xff\xff", log_body(GivenLog("two")))
    ]
    for future in futures:
        future.result(timeout=60)
    store.flush()
    assert lines(store, request()) == ["one", "two"]
    assert [path.suffix for path in (tmp_path / "aside").iterdir()] == [".logs"]


def test_records_that_are_sealed_do_not_come_twice_from_a_log_that_is_still_there(
    tmp_path: Path,
) -> None:
    def opened() -> Store:
        store = Store.open(tmp_path, limits=Limits(linger_seconds=0.0))
        # Covers nothing, so that every restart reads what there is of the log.
        store.on_decoded(lambda _: None, covered=lambda: 0)
        store.start()
        return store

    store = opened()
    keep_logs(store, GivenLog("once"))
    # As if the process had died after the catalog was written and before the log was deleted.
    shutil.copytree(tmp_path / "log", tmp_path / "aside" / "log")
    store.seal()
    store.close()
    shutil.copytree(tmp_path / "aside" / "log", tmp_path / "log", dirs_exist_ok=True)
    store = opened()
    assert lines(store, request()) == ["once"]
    assert store.stats().recent_logs == 0
    store.close()
