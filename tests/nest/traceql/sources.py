"""Every kind of SpanSource with the same spans in it: the plain list, and the store in each of its states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.nest.api.otlp import resource_spans_messages
from temponest.nest.model.signal import Signal
from temponest.nest.model.source import SpanSource
from temponest.nest.model.span import Span
from temponest.nest.store.store import Store
from tests.nest.memory_source import MemorySource

KINDS = ("memory", "recent", "segments", "both")


@contextmanager
def source(kind: str, spans: Sequence[Span], folder: Path) -> Iterator[SpanSource]:
    """A source that holds these spans; a store's folder is new."""
    if kind == "memory":
        yield MemorySource(spans)
        return
    store = Store.open(folder)
    store.start()
    try:
        half = len(spans) // 2
        if kind == "both":
            _append(store, spans[:half])
            store.seal()
            _append(store, spans[half:])
        else:
            _append(store, spans)
        if kind == "segments":
            store.seal()
        store.flush()
        yield store.spans
    finally:
        store.close()


def _append(store: Store, spans: Sequence[Span]) -> None:
    if spans:
        request = ExportTraceServiceRequest(resource_spans=resource_spans_messages(spans))
        store.append(Signal.TRACES, request.SerializeToString()).result()
