"""One segment: a Parquet file that never changes, with its summary beside it. See docs/format/segment.md."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..model.fetch import AttributeScope, FetchRequest
from . import names, summary
from .arrange import arranged
from .arrays import columns_of
from .block import one_chunk, rows_of_traces
from .catalog import Entry
from .errors import Corrupt
from .filters import FilterMemory
from .layout import FILE_MODE, sync_folder
from .schema import ATTRIBUTE_TYPES, SHAPES, Shape, attribute_of

_log = logging.getLogger("temponest.store")

METADATA_KEY = b"temponest"
# Rows read at once when a trace is looked up; smaller groups make that faster and the file larger.
_ROW_GROUP = 8 * 1024


def parquet_path(folder: Path, name: str) -> Path:
    """Where the columns of a segment are."""
    return folder / f"{name}.parquet"


def summary_path(folder: Path, name: str) -> Path:
    """Where the summary of a segment is."""
    return folder / f"{name}.summary"


def write(
    folder: Path, name: str, table: pa.Table, entry: Entry, pause: Callable[[], None] = lambda: None
) -> Entry:
    """Write a table as a segment and return its entry with what is known only now.

    Args:
        folder: where segments are.
        name: of this one.
        table: its rows.
        entry: what the catalog is to say, as far as it is known.
        pause: called between steps that take some tens of milliseconds.

    Raises:
        OSError: the disk is full or worse; nothing is left behind that the catalog would name.
    """
    shape = SHAPES[entry.signal]
    table = arranged(table, shape)
    pause()
    starts = columns_of(table, shape.time).to_numpy()
    entry = entry.replaced(
        name=name,
        rows=table.num_rows,
        start_min=int(starts.min()),
        start_max=int(starts.max()),
        sealed_ns=entry.sealed_ns or time.time_ns(),
    )
    columns = [column for column in table.schema.names if not _says_nothing(table, column, shape)]
    described = table.select(columns).replace_schema_metadata({METADATA_KEY: json.dumps(entry.as_json())})
    delta = [column for column in shape.differences if column in columns]
    plain = {*delta, *shape.ids}
    path = parquet_path(folder, name)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        pq.write_table(
            described,
            file,
            row_group_size=_ROW_GROUP,
            compression="zstd",
            compression_level=1,
            use_dictionary=[column for column in columns if column not in plain],
            column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
            write_statistics=[shape.time],
            write_page_checksum=True,
        )
        file.flush()
        os.fsync(file.fileno())
    pause()
    summary.write(summary_path(folder, name), *summary.summarize(table, shape))
    sync_folder(folder)
    size = path.stat().st_size + summary_path(folder, name).stat().st_size
    return entry.replaced(bytes=size)


def _says_nothing(table: pa.Table, column: str, shape: Shape) -> bool:
    """Whether a fixed column is null or zero everywhere; it is left out then, which makes lookups faster."""
    if column not in shape.fixed.names:
        return False
    values = table.column(column)
    if pa.types.is_unsigned_integer(values.type):
        return bool(pc.max(values).as_py() == 0)
    return bool(values.null_count == len(values))


def _nothing(column: str, rows: int, shape: Shape) -> pa.Array:
    kind = shape.fixed.field(column).type
    return pa.array(np.zeros(rows, np.uint32)) if pa.types.is_unsigned_integer(kind) else pa.nulls(rows, kind)


def _typed(table: pa.Table, shape: Shape) -> pa.Table:
    """The table with the types of the schema: a folder may hold segments in which a column had another.

    Raises:
        pa.ArrowException: a column's values are none of its type.
    """
    for index, field in enumerate(table.schema):
        kind = _type_of(field.name, shape)
        if kind is not None and kind != field.type:
            table = table.set_column(index, field.name, table.column(index).cast(kind))
    return table


def _type_of(column: str, shape: Shape) -> pa.DataType | None:
    described = attribute_of(column)
    if described is not None:
        return ATTRIBUTE_TYPES.get(described[0])
    return shape.fixed.field(column).type if column in shape.fixed.names else None


def read_entry(path: Path) -> Entry:
    """The entry a segment file carries, for a catalog that is lost.

    Raises:
        Corrupt: the file has none.
    """
    try:
        metadata = pq.read_metadata(path)
        return Entry.from_json(json.loads(metadata.metadata[METADATA_KEY])).replaced(
            bytes=path.stat().st_size
        )
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(path, 0, f"not a segment: {error}") from error


class Segment:
    """A segment as a block. Files are opened for each question, so any number of segments may exist."""

    def __init__(self, folder: Path, entry: Entry, memory: FilterMemory | None = None) -> None:
        self.entry = entry
        self._memory = memory
        self.shape = SHAPES[entry.signal]
        self.rows = entry.rows
        self.start_min = entry.start_min
        self.start_max = entry.start_max
        self.damaged = False
        self._path = parquet_path(folder, entry.name)
        self._summary_path = summary_path(folder, entry.name)
        self._summary: summary.SummaryFile | None = None
        self._held: dict[int, pq.ParquetFile | None] = {}
        self._names: frozenset[str] | None = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The file is opened once for all that this thread reads in a `with` block."""
        thread = threading.get_ident()
        if thread in self._held:
            yield
            return
        self._held[thread] = None
        try:
            yield
        finally:
            del self._held[thread]

    def names(self) -> Collection[str]:
        """The columns there are."""
        if self._names is None:
            self._names = frozenset(self._open().schema_arrow.names) | frozenset(self.shape.fixed.names)
        return self._names

    def read(self, names: Sequence[str]) -> pa.Table:
        """Those of the columns that exist, over all rows."""
        return self._read(self._open(), names)

    def traces(self, trace_ids: Sequence[bytes]) -> pa.Table | None:
        """Every column of the rows of these traces, None when there are none."""
        known = self._known()
        if known is not None:
            with suppress(FileNotFoundError):
                trace_ids = known.among(trace_ids)
        if not trace_ids:
            return None
        file = self._open()
        rows = rows_of_traces(self._read(file, ["trace_id"]).column("trace_id"), trace_ids)
        if not len(rows):
            return None
        return self._take(file, rows)

    def take(self, rows: npt.NDArray[np.int64]) -> pa.Table:
        """Every column of these rows, which ascend."""
        return self._take(self._open(), rows)

    def may_match(self, request: FetchRequest) -> bool:
        """False only when the summary excludes it."""
        if not request.conditions:
            return True
        known = self._known()
        with suppress(FileNotFoundError):
            return known is None or known.may_match(request)
        return True

    def operations(self) -> dict[str, list[tuple[str, int]]]:
        """For each service its span names and kinds."""
        known = self._known()
        if known is None or None in known.summary.services.values():
            return names.operations(self)
        return {name: found for name, found in known.summary.services.items() if found is not None}

    def attribute_names(self) -> dict[AttributeScope, set[str]]:
        """Attribute names by scope; without those of events and links where there are very many."""
        known = self._known()
        if known is None:
            return names.attribute_names(self)
        return {AttributeScope(scope): set(found) for scope, found in known.summary.names.items()}

    def _known(self) -> summary.SummaryFile | None:
        """The summary; without one every question is answered from the columns."""
        if self._summary is None and not self.damaged:
            try:
                self._summary = summary.SummaryFile(self._summary_path, self._memory)
            except FileNotFoundError:
                return None
            except Corrupt as error:
                _log.error("%s; searching without it is slower", error)
                self._summary_path.unlink(missing_ok=True)
        return self._summary

    def _open(self) -> pq.ParquetFile:
        thread = threading.get_ident()
        held = self._held.get(thread)
        if held is None:
            held = self._opened()
            if thread in self._held:
                self._held[thread] = held
        return held

    def _opened(self) -> pq.ParquetFile:
        try:
            # On the thread that asks: another one would wait for a processor while spans come in.
            return pq.ParquetFile(self._path, page_checksum_verification=True, pre_buffer=False)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error

    def _take(self, file: pq.ParquetFile, rows: npt.NDArray[np.int64]) -> pa.Table:
        by_group = ((group, rows[rows // _ROW_GROUP == group]) for group in np.unique(rows // _ROW_GROUP))
        # Few rows are taken of each group before groups meet: their dictionaries are never unified.
        return pa.concat_tables(
            self._rows_of_group(file, int(group), inside - int(group) * _ROW_GROUP)
            for group, inside in by_group
        )

    def _rows_of_group(self, file: pq.ParquetFile, group: int, rows: npt.NDArray[np.int64]) -> pa.Table:
        try:
            read = file.read_row_group(group, use_threads=False)
            table = _typed(read.take(pa.array(rows)), self.shape)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error
        for name in self.shape.fixed.names:
            if name not in table.schema.names:
                table = table.append_column(name, _nothing(name, len(rows), self.shape))
        return table

    def _read(self, file: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
        there = file.schema_arrow.names
        exact = [name for name in names if name in there]
        try:
            # Asking for `a` also brings `a.b`: Parquet takes dots for nesting.
            table = _typed(file.read(columns=exact, use_threads=False).select(exact), self.shape)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from error
        found = one_chunk(table)
        columns = dict(zip(found.schema.names, found.columns, strict=True))
        for name in names:
            if name not in there and name in self.shape.fixed.names:
                columns[name] = _nothing(name, self.rows, self.shape)
        return pa.table(columns)

    def _broken(self, error: Exception) -> Corrupt:
        if not self.damaged:
            self.damaged = True
            _log.error(
                "segment %s cannot be read, its %d %s are left out: %s",
                self._path,
                self.rows,
                self.shape.called,
                error,
            )
        return Corrupt(self._path, 0, str(error))
