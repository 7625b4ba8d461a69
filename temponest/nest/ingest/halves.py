"""The sides of requests in a batch of spans, as columns, and which two of them are one request."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..model.span import Kind, Status
from ..store.arrays import columns_of
from .latency import Durations, Numbers

Key: TypeAlias = tuple[bytes, bytes]  # trace id, span id of the client

_KEY = struct.Struct("16s8s")


@dataclass(frozen=True, slots=True)
class Names:
    """A column of text.

    Attributes:
        codes: of each row.
        texts: by code; empty for rows that have none.
    """

    codes: Numbers
    texts: list[str]

    @classmethod
    def of(cls, column: pa.Array) -> Names:
        """From an array of strings, or of codes of strings."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64) + 1
        return cls(codes, ["", *(text or "" for text in encoded.dictionary.to_pylist())])

    @property
    def given(self) -> Numbers:
        """Which rows have a text."""
        return np.array([bool(text) for text in self.texts])[self.codes]


class Halves:
    """A batch of spans as sides of requests.

    Attributes:
        services: of each row, as are all that follow.
        systems: the database that a client asks.
        durations: how long.
        failed: whether the status is an error.
        messaging: whether it is a producer or a consumer.
        calls: whether it is the side of a client whose server has spans of its own.
        serves: whether it is the side of a server that has a client.
        stores: whether it is the side of a client that asks a database.
    """

    def __init__(self, table: pa.Table) -> None:
        kinds = columns_of(table, "kind").to_numpy(zero_copy_only=False)
        parents = columns_of(table, "parent_span_id")
        client = np.isin(kinds, (Kind.CLIENT, Kind.PRODUCER))
        self.services = Names.of(columns_of(table, "service"))
        self.systems = _systems(table)
        self.durations = Durations.of(table.column("duration_ns"))
        self.failed = columns_of(table, "status").to_numpy(zero_copy_only=False) == Status.ERROR
        self.messaging = np.isin(kinds, (Kind.PRODUCER, Kind.CONSUMER))
        self.stores = client & self.systems.given
        self.calls = client & ~self.stores
        self.serves = np.isin(kinds, (Kind.SERVER, Kind.CONSUMER)) & parents.is_valid().to_numpy(False)
        self._traces = _ids(columns_of(table, "trace_id"), 16)
        self._clients = np.where(
            self.serves[:, None], _ids(parents, 8), _ids(columns_of(table, "span_id"), 8)
        )

    def keys(self, rows: Numbers) -> Iterable[Key]:
        """What both sides of one request have in common."""
        joined = np.concatenate((self._traces[rows], self._clients[rows]), axis=1)
        return _KEY.iter_unpack(joined.tobytes())

    def pairs(self) -> tuple[Numbers, Numbers]:
        """Rows of clients and of their servers, where no other row says it is one of the two."""
        rows = np.concatenate((np.flatnonzero(self.calls), np.flatnonzero(self.serves)))
        # Span ids of different requests hardly ever agree. Where they do, more than two rows or two traces
        # share one, and it is no pair.
        numbers = self._clients[rows].view(np.uint64)[:, 0]
        order = np.argsort(numbers, kind="stable")
        begins = np.flatnonzero(np.diff(numbers[order], prepend=~numbers[order[:1]]))
        two = begins[np.diff(begins, append=len(rows)) == 2]
        first, second = rows[order[two]], rows[order[two + 1]]
        same = (self._traces[first] == self._traces[second]).all(axis=1)
        found = same & self.calls[first] & self.serves[second]
        return first[found], second[found]


def _ids(column: pa.FixedSizeBinaryArray, width: int) -> Numbers:
    content = np.frombuffer(column.buffers()[1], np.uint8, len(column) * width, column.offset * width)
    return content.reshape(-1, width)


def _systems(table: pa.Table) -> Names:
    """The database of each row, by the present convention or else the one before it."""
    columns = [
        columns_of(table, f"str:{key}")
        for key in ("db.system.name", "db.system")
        if f"str:{key}" in table.schema.names
    ]
    if not columns:
        return Names(np.zeros(table.num_rows, np.int64), [""])
    return Names.of(
        columns[0] if len(columns) == 1 else pc.coalesce(*(pc.cast(one, pa.string()) for one in columns))
    )
