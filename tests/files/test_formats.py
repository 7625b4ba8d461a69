from __future__ import annotations

import io
import json
from io import BufferedReader, BytesIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import json_format
from google.protobuf.internal.encoder import _VarintBytes  # type: ignore[attr-defined] # what writeDelimitedTo uses
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.files import frames, otlp_json, tables
from temponest.files.errors import FileError

from .log_messages import full_logs
from .messages import full
from .metric_messages import full_metrics

MESSAGES = [full(b"a" * 16).SerializeToString(), full(b"b" * 16, spans=3).SerializeToString()]


def buffered(content: bytes) -> BufferedReader:
    return BufferedReader(BytesIO(content))


def parquet(*requests: ExportTraceServiceRequest) -> BytesIO:
    file = io.BytesIO()
    writer = tables.Writer(file, "traces")
    for request in requests:
        writer.write(request)
    writer.close()
    return file


def test_a_line_is_the_json_that_otlp_prescribes() -> None:
    span = json.loads(otlp_json.line(full(b"a" * 16)))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["traceId"] == (b"a" * 16).hex()
    assert span["links"][0]["spanId"] == (b"k" * 8).hex()
    assert (span["kind"], span["status"]["code"]) == (2, 2)
    assert isinstance(span["startTimeUnixNano"], str)


def test_a_line_has_no_other_end_than_its_own() -> None:
    line = otlp_json.line(full(b"a" * 16))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@pytest.mark.parametrize(
    "content",
    [
        b"".join(map(frames.frame, MESSAGES)),
        b"".join(_VarintBytes(len(one)) + one for one in MESSAGES),
    ],
    ids=["four bytes", "varint"],
)
def test_messages_are_found_behind_their_lengths(content: bytes) -> None:
    found = list(frames.messages(buffered(content), "f"))
    assert found == [("f, message 1", MESSAGES[0]), ("f, message 2", MESSAGES[1])]


def test_a_message_alone_is_a_file() -> None:
    assert list(frames.messages(buffered(MESSAGES[0]), "f")) == [("f", MESSAGES[0])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (frames.frame(MESSAGES[0])[:-3], "message 1: the file ends after"),
        (frames.frame(MESSAGES[0]) + b"\0\0", "message 2: the file ends in its length"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "f, message 1"),
        (b"hello world, this is text", "f, message 1"),
    ],
)
def test_a_bad_frame_is_named(content: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        list(frames.messages(buffered(content), "f"))


def test_json_tells_its_signal_and_line() -> None:
    lines = b'{"resourceMetrics": []}\n\n{"resourceLogs": []}\n'
    found = [(where, signal) for where, signal, _ in otlp_json.requests(BytesIO(lines), "f")]
    assert found == [("f:1", "metrics"), ("f:3", "logs")]


def test_one_request_may_be_indented() -> None:
    text = json.dumps(json.loads(otlp_json.line(full(b"a" * 16))), indent=2).encode()
    assert [signal for _, signal, _ in otlp_json.requests(BytesIO(text), "f")] == ["traces"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b'{"resourceSpans": []}\n{"resourceSpans": [\n', "f:2: no JSON"),
        (b'{"resourceSpans": []}\n{"spans": []}\n', "f:2: no OTLP request"),
        (b"{oops", "f: neither a line nor the whole is JSON"),
    ],
)
def test_a_bad_line_is_named(lines: bytes, said: str) -> None:
    with pytest.raises(FileError, match=said):
        list(otlp_json.requests(BytesIO(lines), "f"))


def test_a_line_longer_than_a_request_may_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_json, "MOST_BYTES", 100)
    with pytest.raises(FileError, match="f:1: the line is longer"):
        list(otlp_json.requests(BytesIO(b'{"resourceSpans": ["' + b"x" * 200), "f"))


def test_parquet_keeps_every_field_and_type(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    sent = full(b"a" * 16, spans=3)
    path.write_bytes(parquet(sent).getvalue())
    (found,) = [request for _, _, request in tables.requests(path)]
    assert json_format.MessageToDict(found) == json_format.MessageToDict(sent)


@pytest.mark.parametrize("signal", ["metrics", "logs"])
def test_parquet_keeps_metrics_and_logs_whole(tmp_path: Path, signal: str) -> None:
    sent: Message = full_logs("shop")
    if signal == "metrics":
        sent = full_metrics("shop")
        sent.resource_metrics[0].scope_metrics[0].metrics[2].sum.aggregation_temporality = 1  # type: ignore[assignment] # DELTA by number
    path = tmp_path / "table.parquet"
    with path.open("wb") as file:
        writer = tables.Writer(file, signal)
        writer.write(sent)
        writer.close()
    ((_, told, found),) = tables.requests(path)
    assert told == signal
    assert json_format.MessageToDict(found) == json_format.MessageToDict(sent)


def test_large_rows_are_requests_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.table, "_REQUEST_BYTES", 700)
    path = tmp_path / "spans.parquet"
    path.write_bytes(parquet(full(b"a" * 16, spans=3)).getvalue())
    places = [where for where, _, _ in tables.requests(path)]
    assert places == [f"{path}, row {number}" for number in (1, 2, 3)]


def test_parquet_is_a_table_for_sql(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    path.write_bytes(parquet(full(b"a" * 16, spans=2)).getvalue())
    columns = "service, duration_ns, attributes->>'count', events->0->>'name'"
    rows = duckdb.read_parquet(str(path)).order("start_time").project(columns).fetchall()
    assert rows == [("shop", 1_234_567, str(2**53 + 1), "exception")] * 2


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"trace_id": ["a"]}), path)
    with pytest.raises(FileError, match="no column span_id"):
        list(tables.requests(path))
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(FileError, match="no Parquet"):
        list(tables.requests(path))


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    path.write_bytes(parquet(full(b"a" * 16, spans=2)).getvalue())
    rows = pq.read_table(path)
    bad = pa.array(["{}", '{"key": {"no": "value"}}'])
    pq.write_table(rows.set_column(rows.schema.get_field_index("attributes"), "attributes", bad), path)
    with pytest.raises(FileError, match="row 2: an attribute is"):
        list(tables.requests(path))
