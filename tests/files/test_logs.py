"""Log records out of a nest and into another, and out of a Loki."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict

from temponest.client.loki import Entry, Loki, Page
from temponest.files import log_records, otlp_json
from temponest.files.log_records import LogRecords
from temponest.files.loki_records import request_of
from temponest.files.signal import records
from temponest.nest.model.log import LogRecord, LogRequest

from .conftest import Nest
from .log_messages import full_logs


def kept(nest: Nest) -> list[LogRecord]:
    """Everything that a nest has of log records, in order."""
    batches = nest.store.logs.logs(LogRequest(0, 2**63 - 1), lambda: False)
    return sorted((one for batch in batches for one in batch.records()), key=lambda one: one.time_ns)


@pytest.mark.parametrize("name", ["logs.jsonl.gz", "logs.pb", "logs.parquet"])
def test_records_are_whole_after_export_and_import(
    start: Callable[[], Nest], tmp_path: Path, name: str
) -> None:
    one, other = start(), start()
    one.send(full_logs("shop"))
    exported = one.export(str(tmp_path / name), "--signal", "logs")
    assert (exported.returncode, exported.stderr) == (0, b"Exported 8 log records.\n")
    imported = other.import_(str(tmp_path / name))
    assert imported.returncode == 0, imported.stderr
    other.store.flush()
    assert kept(other) == kept(one)
    assert len(kept(one)) == 8


def test_a_selector_and_a_trace_choose(start: Callable[[], Nest]) -> None:
    nest = start()
    nest.send(full_logs("shop"))
    nest.send(full_logs("other"))
    query = ("--query", '{service_name="shop"} |= "line 1"')
    assert b"Exported 1 log records." in nest.export("--signal", "logs", *query).stderr
    of_trace = nest.export("--signal", "logs", "--trace", (b"t" * 16).hex())
    assert b"Exported 6 log records." in of_trace.stderr
    refused = nest.export("--signal", "logs", "--query", "{nonsense")
    assert refused.returncode == 1
    assert b"400" in refused.stderr


class Paged(Loki):
    """Answers as Loki does: the oldest lines of the window, no more than the limit."""

    def __init__(self, times: list[int]) -> None:
        self.times = times

    def page(self, query: str, start_ns: int, end_ns: int, limit: int) -> Page:
        assert query == "{}"
        found = sorted(time for time in self.times if start_ns <= time < end_ns)[:limit]
        return Page(entries=_entries(found))


def _entries(times: list[int]) -> tuple[Entry, ...]:
    return tuple(Entry(time, f"line {index}", {}, {}) for index, time in enumerate(times))


@pytest.mark.parametrize("times", [[], [5], list(range(1, 40)), [1, 2, 2, 2, 3, 3, 9, 9, 9, 10]])
def test_every_record_comes_once_however_small_a_page_is(
    monkeypatch: pytest.MonkeyPatch, times: list[int]
) -> None:
    monkeypatch.setattr(log_records, "PAGE", 4)
    found = LogRecords(Paged(times), "{}", 0, 1000)
    came = [one.time_unix_nano for request in found for one in records("logs", request)]
    assert came == times
    assert found.missing() == ""


def test_a_time_that_fills_a_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_records, "PAGE", 4)
    found = LogRecords(Paged([7] * 6 + [8]), "{}", 0, 1000)
    assert [one.time_unix_nano for request in found for one in records("logs", request)] == [7] * 4 + [8]
    assert found.missing().startswith("1 times have more log records than one answer, the first of them 7 ns")


def test_what_loki_tells_becomes_a_record_again() -> None:
    stream = {"service_name": "shop", "k8s_pod_name": "shop-1", "team": "a"}
    metadata = {
        "severity_number": "17",
        "severity_text": "ERROR",
        "trace_id": "ab" * 16,
        "span_id": "no id",
        "scope_name": "app",
        "http_route": "/",
        "detected_level": "error",
    }
    (group,) = request_of([Entry(5, "refused", stream, metadata)]).resource_logs
    (scoped,) = group.scope_logs
    (record,) = scoped.log_records
    assert {one.key: one.value.string_value for one in group.resource.attributes} == {
        "service.name": "shop",
        "k8s.pod.name": "shop-1",
        "team": "a",
    }
    assert scoped.scope.name == "app"
    assert MessageToDict(record) == {
        "timeUnixNano": "5",
        "severityNumber": "SEVERITY_NUMBER_ERROR",
        "severityText": "ERROR",
        "body": {"stringValue": "refused"},
        "traceId": "q6urq6urq6urq6urq6urqw==",
        "attributes": [
            {"key": "http_route", "value": {"stringValue": "/"}},
            {"key": "span_id", "value": {"stringValue": "no id"}},
        ],
    }


def test_a_level_that_only_loki_knows_is_the_severity() -> None:
    (group,) = request_of([Entry(5, "x", {"detected_level": "warn"}, {})]).resource_logs
    assert group.scope_logs[0].log_records[0].severity_text == "warn"
    assert not group.resource.attributes


def test_a_file_that_is_cut_off_says_what_was_imported(start: Callable[[], Nest]) -> None:
    nest = start()
    line = otlp_json.line(full_logs("shop"))
    assert json.loads(line)
    imported = nest.import_("-", stdin=line + line[:-10])
    assert imported.returncode == 1
    assert b"the file is cut off in this line\n1 requests before it were imported" in imported.stderr
