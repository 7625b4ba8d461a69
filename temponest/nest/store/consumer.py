"""Who else lives on the log: the contract between the store and what is derived from its bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import pyarrow as pa


class Consumer(Protocol):
    """Takes the bodies of one signal, in order, on the store's one writer thread.

    The log keeps every record that some consumer does not cover. After a restart records above `covered` are
    taken again, so a consumer makes what it took and the number it covers durable together.
    """

    @property
    def covered(self) -> int:
        """Sequence of the newest record that this consumer no longer needs from the log; 0 at first."""
        ...

    def take(self, sequence: int, body: bytes) -> None:
        """Take one OTLP export request. An exception sets the body aside and is counted."""
        ...

    def persist(self) -> None:
        """Make everything taken durable and raise `covered`; called now and then, and before closing."""
        ...


@dataclass(frozen=True, slots=True)
class SpanBatch:
    """Spans that have just become searchable.

    Attributes:
        first: sequence of the first log record the batch holds spans of.
        last: sequence of the last one; batches come in order and do not overlap.
        table: the spans, with the columns of `schema.FIXED` and one for each attribute (`str:http.route`).
    """

    first: int
    last: int
    table: pa.Table


OnDecoded: TypeAlias = Callable[[SpanBatch], None]


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is told of spans, and up to which record he needs to be told nothing again."""

    callback: OnDecoded
    covered: Callable[[], int]
