from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.nest.ingest import split as splitting
from temponest.nest.ingest.errors import Refused
from temponest.nest.ingest.split import split
from temponest.nest.ingest.spool import Spool

from .messages import request


def everything(body: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Resource, scope and span of each span, encoded."""
    return [
        (group.resource.SerializeToString(), scope.scope.SerializeToString(), span.SerializeToString())
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


@given(
    groups=st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=4),
    limit=st.integers(1, 600),
)
def test_the_parts_have_every_span_with_its_resource_and_scope(groups: list[list[int]], limit: int) -> None:
    message = ExportTraceServiceRequest()
    for number, scopes in enumerate(groups):
        group = message.resource_spans.add(schema_url="resource")
        group.resource.attributes.add(key="number").value.int_value = number
        for name, spans in enumerate(scopes):
            scope = group.scope_spans.add(schema_url="scope")
            scope.scope.name = str(name)
            for _ in range(spans):
                scope.spans.add(span_id=secrets.token_bytes(8))
    body = message.SerializeToString()
    parts = list(split(body, limit))
    assert [one for part in parts for one in everything(part)] == everything(body)


def test_a_part_is_no_larger_than_the_limit_and_what_its_spans_belong_to() -> None:
    body = request(secrets.token_bytes(16), spans=100).SerializeToString()
    parts = list(split(body, 500))
    assert len(parts) > 5
    assert max(map(len, parts)) < 600


def test_a_small_request_is_one_part() -> None:
    body = request(secrets.token_bytes(16), spans=2).SerializeToString()
    assert list(split(body, 10_000)) == [body]


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"\x0a\x05ab", b"\x0b", b"\x00\x01", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        list(split(body, 100))


def test_millions_of_empty_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "MOST_FIELDS", 1000)
    with pytest.raises(Refused, match="1,000 parts"):
        list(split(b"\x0a\x00" * 1001, 100))


def test_a_spool_gives_back_every_part_and_leaves_no_file(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        for part in (b"one", b"", b"x" * 100_000):
            spool.add(part)
        assert list(spool) == [b"one", b"", b"x" * 100_000]
        assert list(tmp_path.iterdir()) == []


def test_no_room_for_a_spool_is_a_refusal_to_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no room on disk") as refused:
        Spool(tmp_path / "missing")
    assert (refused.value.http, refused.value.retry_after) == (503, 5.0)
