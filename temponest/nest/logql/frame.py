"""Records on their way through a pipeline, as columns: the line, and the labels that a query can speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from ..model.log import Coded, Ints, LogBatch, LogRecord, text_of
from ..model.span import Value
from .labels import (
    FIELDS,
    LEVEL,
    LEVEL_ATTRIBUTES,
    flat,
    label_name,
    level,
    metadata,
    resource_metadata,
    scope_metadata,
    stream_labels,
)

# A label of each record; None where it has none.
Texts: TypeAlias = Coded[str | None]


class _Gone(str):
    __slots__ = ()


# What a label that a stage took away is in a layer. It is compared by identity, so no text is taken for it.
GONE: Final = _Gone()
EXTRACTED = "_extracted"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one stage did to labels: record `i` gets `labels[codes[i]]`, where `GONE` takes a label away.

    Attributes:
        codes: see above.
        labels: see above.
        parsed: whether they were found in lines: then those of the stream stay, and these get a suffix.
        only: labels that stay; None when all do.
    """

    codes: Ints
    labels: Sequence[Mapping[str, str]]
    parsed: bool = False
    only: frozenset[str] | None = None

    def column(self, name: str) -> Texts:
        """One label as this stage left it."""
        if self.only is not None and name not in self.only:
            return Coded(np.zeros(len(self.codes), np.int64), [GONE])
        return Coded(self.codes, [labels.get(name) for labels in self.labels])

    def take(self, rows: Ints) -> Layer:
        """The same for some of the records."""
        return Layer(self.codes[rows], self.labels, self.parsed, self.only)


@dataclass(frozen=True, slots=True)
class Entry:
    """A log line as a query leaves it.

    Attributes:
        time_ns: when it happened.
        line: its text.
        stream: labels of its stream.
        metadata: structured metadata.
        parsed: labels that stages made.
        record: what it was before any stage, whole.
    """

    time_ns: int
    line: str
    stream: dict[str, str]
    metadata: dict[str, str]
    parsed: dict[str, str]
    record: LogRecord

    @property
    def labels(self) -> dict[str, str]:
        """All labels as one."""
        return {**self.stream, **self.metadata, **self.parsed}


class Frame:
    """A batch of records, what stages did to it, and its columns.

    Args:
        batch: the records.
        lines: their lines where a stage changed them.
        layers: what stages did to labels, in order.
    """

    def __init__(
        self, batch: LogBatch, lines: Coded[str] | None = None, layers: tuple[Layer, ...] = ()
    ) -> None:
        self.batch = batch
        self.rows = batch.rows
        self._lines = lines
        self._layers = layers

    def lines(self) -> Coded[str]:
        """The lines."""
        if self._lines is None:
            self._lines = self.batch.lines()
        return self._lines

    def with_lines(self, lines: Coded[str]) -> Frame:
        """The same records with other lines."""
        return Frame(self.batch, lines, self._layers)

    def with_layer(self, layer: Layer) -> Frame:
        """The same records with other labels."""
        return Frame(self.batch, self._lines, (*self._layers, layer))

    def take(self, rows: Ints) -> Frame:
        """Some of the records, by ascending numbers."""
        if len(rows) == self.rows:
            return self
        lines = Coded(self._lines.codes[rows], self._lines.values) if self._lines is not None else None
        return Frame(self.batch.take(rows), lines, tuple(layer.take(rows) for layer in self._layers))

    def label(self, name: str) -> Texts:
        """A label of the records, wherever it comes from."""
        columns: list[Texts] = []
        for layer in reversed(self._layers):
            if layer.parsed:
                columns += self._parsed(layer, name)
            else:
                columns.append(layer.column(name))
        found = _first([*columns, *self._metadata(name), self._stream(name)], self.rows)
        return Coded(found.codes, [None if value is GONE else value for value in found.values])

    def entries(self) -> Iterator[Entry]:
        """The records whole."""
        lines = self._lines
        for row, record in enumerate(self.batch.records()):
            stream, known, parsed = stream_labels(record.resource), metadata(record), dict[str, str]()
            own = frozenset(stream)
            for layer in self._layers:
                changes = layer.labels[layer.codes[row]]
                for name, value in changes.items():
                    target = name + EXTRACTED if layer.parsed and name in own else name
                    for labels in (stream, known, parsed):
                        labels.pop(target, None)
                    if value is not GONE:
                        parsed[target] = value
                if layer.only is not None:
                    for labels in (stream, known, parsed):
                        for name in labels.keys() - layer.only:
                            del labels[name]
            # Of a record that is read whole, the column of lines need not be read besides.
            line = text_of(record.body) if lines is None else lines.values[lines.codes[row]]
            known = {name: value for name, value in known.items() if name not in stream}
            yield Entry(record.time_ns, line, stream, known, dict(sorted(parsed.items())), record)

    def _parsed(self, layer: Layer, name: str) -> list[Texts]:
        """A label that was found in lines, where the stream has none of that name; else with a suffix."""
        columns = [_unless(layer.column(name), self._stream(name))]
        base = name.removesuffix(EXTRACTED)
        if base != name:
            columns.append(_where(layer.column(base), self._stream(base)))
        return columns

    def _stream(self, name: str) -> Texts:
        resources = self.batch.resources()
        return Coded(resources.codes, [stream_labels(one).get(name) for one in resources.values])

    def _metadata(self, name: str) -> Iterator[Texts]:
        """Where structured metadata of a name may be, the first wins."""
        if name == LEVEL:
            yield self._level()
            return
        if name in FIELDS:
            yield _texts(self.batch.field(FIELDS[name]))
        yield from self._attributes(name)
        scopes, resources = self.batch.scopes(), self.batch.resources()
        yield Coded(scopes.codes, [scope_metadata(one).get(name) for one in scopes.values])
        yield Coded(resources.codes, [resource_metadata(one).get(name) for one in resources.values])

    def _attributes(self, name: str) -> Iterator[Texts]:
        for key in self.batch.attribute_names():
            own = label_name(key)
            if own == name:
                yield _texts(self.batch.attribute(key))
            elif name.startswith(own + "_"):
                column = self.batch.attribute(key)
                yield Coded(column.codes, [_member(own, value, name) for value in column.values])

    def _level(self) -> Texts:
        severity = self.batch.field("severity")
        numbers = [level(value, "") if isinstance(value, int) else None for value in severity.values]
        hints = [_texts(self.batch.field("severity_text"))]
        for name in LEVEL_ATTRIBUTES:
            hints += self._metadata(name)
        hint = _first(hints, self.rows)
        words = [None if value is None else level(0, value) for value in hint.values]
        known = [None if value == "unknown" else value for value in numbers]
        nothing: Texts = Coded(np.zeros(self.rows, np.int64), ["unknown"])
        return _first([Coded(severity.codes, known), Coded(hint.codes, words), nothing], self.rows)


def _texts(column: Coded[Value]) -> Texts:
    """Values as texts; maps are labels of their own and no value here."""
    return Coded(
        column.codes,
        [None if value is None or isinstance(value, dict) else text_of(value) for value in column.values],
    )


def _member(prefix: str, value: Value, name: str) -> str | None:
    return dict(flat(value, prefix)).get(name) if isinstance(value, dict) else None


def there(column: Texts) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which records have a label."""
    present = np.array([value is not None for value in column.values], np.bool_)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = present[column.codes]
    return found


def _first(columns: Sequence[Texts], rows: int) -> Texts:
    """For each record the first of the columns that has something."""
    some = [column for column in columns if any(value is not None for value in column.values)]
    if not some:
        return Coded(np.zeros(rows, np.int64), [None])
    found = some[0]
    for other in some[1:]:
        codes = np.where(there(found), found.codes, other.codes + len(found.values))
        found = Coded(codes, [*found.values, *other.values])
    return found


def _unless(column: Texts, other: Texts) -> Texts:
    return _masked(column, other, lambda mask: ~mask)


def _where(column: Texts, other: Texts) -> Texts:
    return _masked(column, other, lambda mask: mask)


def _masked(
    column: Texts,
    other: Texts,
    wanted: Callable[
        [np.ndarray[tuple[int], np.dtype[np.bool_]]], np.ndarray[tuple[int], np.dtype[np.bool_]]
    ],
) -> Texts:
    codes = np.where(wanted(there(other)), column.codes, len(column.values))
    return Coded(codes, [*column.values, None])
