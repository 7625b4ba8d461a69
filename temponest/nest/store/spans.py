"""Rows to spans: the objects of the model, made only for traces that somebody looks at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from ..model.span import Attributes, Span
from . import otlp
from .schema import attribute_of


def spans(table: pa.Table) -> list[Span]:
    """The rows of a table as spans, in the order of the table."""
    attributes = attributes_of(table)
    fixed = {name: values_of(table.column(name)) for name in table.schema.names if attribute_of(name) is None}
    made = zip(
        fixed["trace_id"],
        fixed["span_id"],
        fixed["parent_span_id"],
        fixed["name"],
        fixed["kind"],
        fixed["start_ns"],
        fixed["duration_ns"],
        fixed["status"],
        fixed["status_message"],
        attributes,
        map(otlp.resource, fixed["resource"]),
        map(otlp.scope, fixed["scope"]),
        fixed["events"],
        fixed["links"],
        fixed["trace_state"],
        fixed["flags"],
        fixed["dropped_attributes"],
        fixed["dropped_events"],
        fixed["dropped_links"],
        strict=True,
    )
    return [
        Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent or b"",
            name=name,
            kind=kind,
            start_ns=start,
            end_ns=start + duration,
            status=status,
            status_message=message or "",
            attributes=own,
            resource=resource,
            scope=scope,
            events=[otlp.event(event) for event in events or ()],
            links=[otlp.link(link) for link in links or ()],
            trace_state=trace_state or "",
            flags=flags,
            dropped_attributes=dropped_attributes,
            dropped_events=dropped_events,
            dropped_links=dropped_links,
        )
        for (
            trace_id,
            span_id,
            parent,
            name,
            kind,
            start,
            duration,
            status,
            message,
            own,
            resource,
            scope,
            events,
            links,
            trace_state,
            flags,
            dropped_attributes,
            dropped_events,
            dropped_links,
        ) in made
    ]


def attributes_of(table: pa.Table) -> list[Attributes]:
    """The attributes of each row: those with a column, then the others."""
    rows = table.num_rows
    attributes: list[Attributes] = [{} for _ in range(rows)]
    for name in table.schema.names:
        described = attribute_of(name)
        if described is not None and table.column(name).null_count < rows:
            key = described[1]
            for row, value in enumerate(values_of(table.column(name))):
                if value is not None:
                    attributes[row][key] = value
    for row, rest in enumerate(values_of(table.column("rest"))):
        if rest:
            attributes[row].update(map(otlp.key_value, rest))
    return attributes


def without_duplicates(every: Iterable[Span]) -> list[Span]:
    """Spans ordered by start, each once: a sender that missed an acknowledgement sends its spans again."""
    kept: list[Span] = []
    seen: dict[bytes, list[Span]] = {}
    for span in sorted(every, key=lambda span: (span.start_ns, span.span_id)):
        twins = seen.setdefault(span.span_id, [])
        if span not in twins:
            twins.append(span)
            kept.append(span)
    return kept


def values_of(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; equal values of a dictionary column are one object."""
    made: list[Any] = []
    for chunk in column.chunks:
        if isinstance(chunk, pa.DictionaryArray):
            values = [*_distinct(chunk), None]
            made += [values[code] for code in chunk.indices.fill_null(len(values) - 1).to_pylist()]
        else:
            made += chunk.to_pylist()
    return made


def _distinct(chunk: pa.DictionaryArray) -> list[object]:
    """The dictionary as a list, only as much of it as a few rows need."""
    if len(chunk) >= len(chunk.dictionary):
        values: list[object] = chunk.dictionary.to_pylist()
        return values
    sparse: list[object] = [None] * len(chunk.dictionary)
    for code in set(chunk.indices.drop_null().to_pylist()):
        sparse[code] = chunk.dictionary[code].as_py()
    return sparse
