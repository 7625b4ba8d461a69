"""Parquet files for DuckDB, pandas and Polars: the columns say which signal one holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf.message import Message

from ..errors import FileError
from ..otlp_json import REQUESTS
from . import logs, points, spans
from .origin import Row, Scopes, origin

# Rows read and sent at once, and rows that are written together.
_BATCH, _GROUP = 1_000, 20_000
# Rows are written earlier, and sent in smaller requests, where they are larger than usual.
_GROUP_BYTES, _REQUEST_BYTES = 32 * 1024 * 1024, 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a signal is a table.

    Attributes:
        schema: its columns.
        resources: the field of a request that has a member a resource.
        scopes: that of such a member that has one a scope.
        items: that of a scope.
        rows: the rows of one item.
        add: adds what a row is to its scope.
        report: see `Scopes.of`.
    """

    schema: pa.Schema
    resources: str
    scopes: str
    items: str
    rows: Callable[[Any], list[Row]]
    add: Callable[[Row, Any], None]
    report: tuple[str, ...] = ()


_KINDS = {
    "traces": _Kind(spans.SCHEMA, "resource_spans", "scope_spans", "spans", spans.rows, spans.add),
    "metrics": _Kind(
        points.SCHEMA, "resource_metrics", "scope_metrics", "metrics", points.rows, points.add, points.SERIES
    ),
    "logs": _Kind(logs.SCHEMA, "resource_logs", "scope_logs", "log_records", logs.rows, logs.add),
}


class Writer:
    """Writes requests as rows; `close` ends the file.

    Args:
        file: where to.
        signal: `traces`, `metrics` or `logs`.
    """

    def __init__(self, file: IO[bytes], signal: str) -> None:
        self._kind = _KINDS[signal]
        self._writer = pq.ParquetWriter(file, self._kind.schema, compression="zstd")
        self._rows: list[Row] = []
        self._bytes = 0

    def write(self, request: Message) -> None:
        """Add what a request holds."""
        kind = self._kind
        for group in getattr(request, kind.resources):
            for scoped in getattr(group, kind.scopes):
                shared = origin(group, scoped)
                self._rows += (
                    {**row, **shared} for one in getattr(scoped, kind.items) for row in kind.rows(one)
                )
        self._bytes += request.ByteSize()
        if len(self._rows) >= _GROUP or self._bytes >= _GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._kind.schema))
        self._rows, self._bytes = [], 0


def requests(path: Path) -> Iterator[tuple[str, str, Message]]:
    """Place, signal and request of some rows after another.

    Raises:
        FileError: the file is none that `Writer` wrote, or is damaged.
    """
    try:
        file = pq.ParquetFile(path)
        signal = _signal(file.schema_arrow.names, str(path))
        row = 1
        for batch in file.iter_batches(_BATCH, columns=_KINDS[signal].schema.names):
            for first, request in _requests(signal, _rows(batch), str(path), row):
                yield f"{path}, row {first:,}", signal, request
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise FileError(str(path), f"no Parquet that can be read, or cut off ({error})") from None


def _signal(names: list[str], path: str) -> str:
    """The signal whose table has these columns; the error is about the one that has most of them."""
    there = set(names)
    signal = max(_KINDS, key=lambda one: len(there.intersection(_KINDS[one].schema.names)))
    missing = [name for name in _KINDS[signal].schema.names if name not in there]
    if missing:
        raise FileError(path, f"no column {', '.join(missing)}; only what temponest export wrote can be read")
    return signal


def _rows(batch: pa.RecordBatch) -> list[Row]:
    """Rows with times as numbers: Python's own datetime has no nanoseconds."""
    table = pa.Table.from_batches([batch])
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.int64()))
    rows: list[Row] = table.to_pylist()
    return rows


def _requests(signal: str, rows: list[Row], path: str, first: int) -> Iterator[tuple[int, Message]]:
    """The rows as one request, or as several where it is too large; the number of the first row of each."""
    request = _request(signal, rows, path, first)
    if request.ByteSize() <= _REQUEST_BYTES or len(rows) == 1:
        yield first, request
        return
    half = len(rows) // 2
    yield from _requests(signal, rows[:half], path, first)
    yield from _requests(signal, rows[half:], path, first + half)


def _request(signal: str, rows: list[Row], path: str, first: int) -> Message:
    kind = _KINDS[signal]
    request = REQUESTS[signal]()
    scopes = Scopes(getattr(request, kind.resources).add, lambda group: getattr(group, kind.scopes).add())
    for number, row in enumerate(rows, first):
        try:
            kind.add(row, scopes.of(row, kind.report))
        except (ValueError, TypeError, AttributeError) as error:
            raise FileError(f"{path}, row {number:,}", str(error)) from None
    return request
