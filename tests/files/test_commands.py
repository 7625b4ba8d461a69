"""`temponest export` and `temponest import`, as processes on running nests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from temponest.files import otlp_json
from temponest.nest.model.span import Span

from .conftest import Nest
from .messages import full

A, B = b"a" * 16, b"b" * 16


def plain(traces: dict[bytes, list[Span]]) -> dict[bytes, list[Span]]:
    return {trace_id: sorted(spans, key=lambda span: span.span_id) for trace_id, spans in traces.items()}


@pytest.mark.parametrize("name", ["spans.jsonl", "spans.pb", "spans.parquet"])
def test_what_is_exported_and_imported_is_the_same_also_twice(
    start: Callable[[], Nest], tmp_path: Path, name: str
) -> None:
    one, other = start(), start()
    one.send(full(A, spans=3))
    one.send(full(B))
    exported = one.export(str(tmp_path / name))
    assert exported.returncode == 0, exported.stderr
    assert b"Exported 2 traces, 4 spans." in exported.stderr
    for _ in range(2):
        imported = other.import_(str(tmp_path / name))
        assert imported.returncode == 0, imported.stderr
    assert plain(other.traces(A, B)) == plain(one.traces(A, B))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


def test_standard_output_goes_into_standard_input(start: Callable[[], Nest]) -> None:
    one, other = start(), start()
    one.send(full(A, spans=2))
    imported = other.import_("-", stdin=one.export().stdout)
    assert imported.returncode == 0, imported.stderr
    assert len(other.traces(A)[A]) == 2


def test_a_query_a_time_or_an_id_choose(start: Callable[[], Nest]) -> None:
    nest = start()
    nest.send(full(A, spans=2))
    nest.send(full(B, start_ns=1_700_000_000_000_000_000))
    assert b"Exported 1 traces, 2 spans." in nest.export().stderr
    assert b"Exported 0 traces" in nest.export("--query", "{ name = `nothing` }").stderr
    assert (
        b"Exported 1 traces, 1 spans." in nest.export("--start", "1700000000", "--end", "1700000001").stderr
    )
    assert B.hex().encode() in nest.export("--trace", B.hex()).stdout


def test_a_trace_that_is_not_there_is_told_and_no_file_is_left(
    start: Callable[[], Nest], tmp_path: Path
) -> None:
    exported = start().export(str(tmp_path / "f.jsonl"), "--trace", A.hex())
    assert exported.returncode == 1
    assert b"only 0 of 1 traces exist" in exported.stderr
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_an_import_names_the_line_and_says_what_was_imported(start: Callable[[], Nest]) -> None:
    nest = start()
    bad = b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}\n'
    imported = nest.import_("-", stdin=otlp_json.line(full(A)) + bad)
    assert imported.returncode == 1
    assert b"standard input:2: refused with 400" in imported.stderr
    assert b"1 requests before it were imported; importing them again is safe" in imported.stderr
    assert A in nest.traces(A)


def test_a_long_line_is_imported_too(start: Callable[[], Nest]) -> None:
    nest = start()
    line = otlp_json.line(full(A, spans=1500))
    assert len(line) > 1024 * 1024
    assert nest.import_("-", stdin=line).returncode == 0
    assert len(nest.traces(A)[A]) == 1500


def test_a_receiver_that_is_not_there_is_named(start: Callable[[], Nest]) -> None:
    nest = start()
    gone = replace(nest, otlp="http://127.0.0.1:9")
    imported = gone.import_("-", stdin=otlp_json.line(full(A)))
    assert imported.returncode == 1
    assert b"temponest serve" in imported.stderr
    wrong = replace(nest, otlp="http://localhost:4318api").import_("-", stdin=otlp_json.line(full(A)))
    assert b"'http://localhost:4318api' is no address" in wrong.stderr


def test_an_empty_file_is_told(start: Callable[[], Nest]) -> None:
    assert b"the file is empty" in start().import_("-").stderr
