"""The sides of requests among spans, as columns, and which two of them are one request."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..model.span import Kind, Status
from ..store.arrays import columns_of
from .latency import Durations, Numbers

_KEY = struct.Struct("16s8s")  # trace id, span id of the client: what both sides have in common


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
    def of(cls, column: pa.Array) -> Self:
        """From an array of strings, or of codes of strings."""
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64) + 1
        return cls(codes, ["", *(text or "" for text in encoded.dictionary.to_pylist())])

    @property
    def given(self) -> Numbers:
        """Which rows have a text."""
        return np.array([bool(text) for text in self.texts])[self.codes]

    def take(self, rows: Numbers) -> Names:
        """Those of some rows, with the texts that these have."""
        used, codes = np.unique(self.codes[rows], return_inverse=True)
        return Names(codes, [self.texts[code] for code in used.tolist()])

    def followed_by(self, other: Names) -> Names:
        """The rows of both, each text once."""
        known = {text: code for code, text in enumerate(dict.fromkeys((*self.texts, *other.texts)))}
        codes = [np.array([known[text] for text in one.texts], np.int64)[one.codes] for one in (self, other)]
        return Names(np.concatenate(codes), list(known))


@dataclass(frozen=True, slots=True)
class Halves:
    """Sides of requests, in the order in which they arrived.

    Attributes:
        services: of each row, as are all that follow.
        durations: how long.
        failed: whether the status is an error.
        messaging: whether it is a producer or a consumer.
        calls: whether it is the side of the client; else it is that of the server.
        traces: trace ids, 16 bytes each.
        clients: span id of the client, as a number.
    """

    services: Names
    durations: Durations
    failed: Numbers
    messaging: Numbers
    calls: Numbers
    traces: Numbers
    clients: Numbers

    @classmethod
    def of(cls, table: pa.Table) -> tuple[Halves, Halves, Names]:
        """From spans (columns of `store/schema.py`).

        Returns:
            Sides of requests between services; then clients of databases, which have no spans of their own,
            with the names of the databases.
        """
        kinds = columns_of(table, "kind").to_numpy(zero_copy_only=False)
        parents = columns_of(table, "parent_span_id")
        systems = _systems(table)
        client = np.isin(kinds, (Kind.CLIENT, Kind.PRODUCER))
        stores = client & systems.given
        serves = np.isin(kinds, (Kind.SERVER, Kind.CONSUMER)) & parents.is_valid().to_numpy(False)
        every = cls(
            Names.of(columns_of(table, "service")),
            Durations.of(table.column("duration_ns")),
            columns_of(table, "status").to_numpy(zero_copy_only=False) == Status.ERROR,
            np.isin(kinds, (Kind.PRODUCER, Kind.CONSUMER)),
            client,
            _ids(columns_of(table, "trace_id"), 16),
            np.where(serves, _numbers(parents), _numbers(columns_of(table, "span_id"))),
        )
        at = np.flatnonzero(stores)
        return every.take(np.flatnonzero((client & ~stores) | serves)), every.take(at), systems.take(at)

    def __len__(self) -> int:
        """How many sides."""
        return len(self.clients)

    def take(self, rows: Numbers) -> Halves:
        """Some of them."""
        return Halves(
            self.services.take(rows),
            self.durations.take(rows),
            self.failed[rows],
            self.messaging[rows],
            self.calls[rows],
            self.traces[rows],
            self.clients[rows],
        )

    def followed_by(self, other: Halves) -> Halves:
        """These, then others."""
        return Halves(
            self.services.followed_by(other.services),
            self.durations.followed_by(other.durations),
            np.concatenate((self.failed, other.failed)),
            np.concatenate((self.messaging, other.messaging)),
            np.concatenate((self.calls, other.calls)),
            np.concatenate((self.traces, other.traces)),
            np.concatenate((self.clients, other.clients)),
        )

    def paired(self) -> tuple[Numbers, Numbers, Numbers]:
        """Rows of clients, of their servers, and of those that wait for their other side, in order."""
        # Equal ids in any order: sorting that keeps theirs takes four times as long.
        order = np.argsort(self.clients)
        begins = np.flatnonzero(np.diff(self.clients[order], prepend=~self.clients[order[:1]]))
        sizes = np.diff(begins, append=len(self))
        single, two = order[begins[sizes == 1]], begins[sizes == 2]
        first, second = np.minimum(order[two], order[two + 1]), np.maximum(order[two], order[two + 1])
        # A side hardly ever comes thrice.
        rest = np.ones(len(self), np.bool_)
        rest[single] = rest[first] = rest[second] = False
        more, left = self._one_by_one(np.flatnonzero(rest))
        one_trace = (self.traces[first] == self.traces[second]).all(1)
        pair = one_trace & (self.calls[first] != self.calls[second])
        # The same side once more takes the place of the first.
        alone = np.concatenate((single, first[~one_trace], second[~pair], left))
        first, second = first[pair], second[pair]
        calls = self.calls[first]
        return (
            np.concatenate((np.where(calls, first, second), more[:, 0])),
            np.concatenate((np.where(calls, second, first), more[:, 1])),
            np.sort(alone),
        )

    def _one_by_one(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Pairs of client and server, and what waits, where an id occurs more than twice."""
        waiting: tuple[dict[tuple[bytes, bytes], int], ...] = ({}, {})
        pairs: list[tuple[int, int]] = []
        ids = np.concatenate((self.traces[rows], self.clients[rows].view(np.uint8).reshape(-1, 8)), axis=1)
        for row, key, calls in zip(
            rows.tolist(), _KEY.iter_unpack(ids.tobytes()), self.calls[rows].tolist(), strict=True
        ):
            other = waiting[not calls].pop(key, None)
            if other is None:
                waiting[calls][key] = row
            else:
                pairs.append((row, other) if calls else (other, row))
        left = [*waiting[0].values(), *waiting[1].values()]
        return np.array(pairs, np.int64).reshape(-1, 2), np.array(left, np.int64)


def _ids(column: pa.FixedSizeBinaryArray, width: int) -> Numbers:
    content = np.frombuffer(column.buffers()[1], np.uint8, len(column) * width, column.offset * width)
    return content.reshape(-1, width)


def _numbers(column: pa.FixedSizeBinaryArray) -> Numbers:
    return _ids(column, 8).view(np.uint64)[:, 0]


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
