"""The folder is plain Parquet: another program reads it without us."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator

from .conftest import Open, keep
from .otlp import EPOCH, Given, body, trace_id


def test_duckdb_reads_segments_with_different_attributes_as_one_table(
    tmp_path: Path, open_store: Open
) -> None:
    store = open_store()
    keep(store, body(Given(trace=1, name="GET", service="web", attributes={"http.route": "/token"})))
    store.seal()
    keep(store, body(Given(trace=2, name="SELECT", service="db", attributes={"rows": 7})))
    store.seal()
    rows = duckdb.execute(
        'SELECT trace_id, service, name, start_ns, "str:http.route", "int:rows" '
        "FROM read_parquet(?, union_by_name = true) ORDER BY trace_id",
        [str(tmp_path / "segments" / "*.parquet")],
    ).fetchall()
    assert rows == [
        (trace_id(1), "web", "GET", EPOCH, "/token", None),
        (trace_id(2), "db", "SELECT", EPOCH, None, 7),
    ]


def test_a_question_opens_a_file_once_and_keeps_none_open(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    keep(store, body(Given(trace=1, service="web", attributes={"rows": 7, "tenant": "a"})))
    store.seal()
    opened: list[weakref.ref[pq.ParquetFile]] = []

    def parquet_file(*args: Any, **options: Any) -> pq.ParquetFile:
        made = open_file(*args, **options)
        opened.append(weakref.ref(made))
        return made

    open_file = pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", parquet_file)
    own = [Attribute(AttributeScope.SPAN, name) for name in ("rows", "tenant")]
    conditions = tuple(Condition(one, Operator.EXISTS) for one in own)
    found = store.spans.search(FetchRequest(conditions=conditions, all_conditions=True), lambda: False)
    assert [*found] == [[trace_id(1)]]
    assert [one() for one in opened] == [None]
