"""Rows to spans: the objects of the model, made only for traces that somebody looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
            # Without Arrow's functions: each lets go of the interpreter, and getting it back may take longer
            # than the few rows of a trace do.
            codes = chunk.indices.to_pylist()
            values = _distinct(chunk.dictionary, codes)
            made += [None if code is None else values[code] for code in codes]
        else:
            made += chunk.to_pylist()
    return made


def _distinct(dictionary: pa.Array, codes: list[int | None]) -> Mapping[int, object] | Sequence[object]:
    """What the codes stand for: all of the dictionary, or only as much of it as a few rows need."""
    if len(codes) >= len(dictionary):
        values: list[object] = dictionary.to_pylist()
        return values
    return {code: dictionary[code].as_py() for code in set(codes) if code is not None}
