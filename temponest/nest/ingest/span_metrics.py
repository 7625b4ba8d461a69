"""RED metrics of every span: rate, errors and duration, by the names that Grafana asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ..model.series import Metadata
from ..store.arrays import columns_of
from .halves import Names
from .latency import Durations, Latency, Numbers, Sample, series

KINDS = tuple(
    f"SPAN_KIND_{kind}" for kind in ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
)
STATUSES = tuple(f"STATUS_CODE_{status}" for status in ("UNSET", "OK", "ERROR"))

# Different (service, span name, kind, status) that are told apart. Names beyond it are counted as one:
# a service that puts identifiers into span names costs a bounded amount.
CAPACITY = 5_000
OVERFLOW = "(other)"

METADATA = {
    "traces_spanmetrics_calls_total": Metadata("counter", "Spans that ended.", ""),
    "traces_spanmetrics_latency": Metadata("histogram", "Duration of spans.", "s"),
}

Key: TypeAlias = tuple[str, str, int, int]


class SpanMetrics:
    """Counters since the start of the nest. One thread adds, another may ask for samples between two adds."""

    def __init__(self) -> None:
        self._latency: dict[Key, Latency] = {}

    def add(self, table: pa.Table) -> None:
        """Count a batch of spans (columns of `store/schema.py`)."""
        durations = Durations.of(table.column("duration_ns"))
        services, names = (Names.of(columns_of(table, name)) for name in ("service", "name"))
        kinds, statuses = (_bytes(columns_of(table, name)) for name in ("kind", "status"))
        codes = (services.codes * len(names.texts) + names.codes) << 16 | kinds << 8 | statuses
        distinct, group = np.unique(codes, return_inverse=True)
        counted = durations.grouped(group, len(distinct))
        for code, latency in zip(distinct.tolist(), counted, strict=True):
            service, name = divmod(code >> 16, len(names.texts))
            key = (services.texts[service], names.texts[name], code >> 8 & 0xFF, code & 0xFF)
            self._of(key).add(latency)

    def samples(self) -> Iterator[Sample]:
        """The present value of every series."""
        for (service, name, kind, status), latency in list(self._latency.items()):
            labels = {
                "service": service,
                "span_name": name,
                "span_kind": KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
                "status_code": STATUSES[status] if 0 <= status < len(STATUSES) else STATUSES[0],
            }
            yield series("traces_spanmetrics_calls_total", labels), float(latency.counts.sum())
            yield from latency.samples("traces_spanmetrics_latency", labels)

    def _of(self, key: Key) -> Latency:
        if key not in self._latency and len(self._latency) >= CAPACITY:
            key = (key[0], OVERFLOW, key[2], key[3])
        return self._latency.setdefault(key, Latency())


def _bytes(column: pa.Int8Array) -> Numbers:
    """Small numbers; a negative one is none of those that OTLP knows, and neither is what it becomes."""
    numbers: Numbers = column.fill_null(0).to_numpy().astype(np.int64)
    return numbers & 0xFF
