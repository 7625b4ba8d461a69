"""The folder is plain Parquet: another program reads it without us."""

from __future__ import annotations

from pathlib import Path

import duckdb

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
