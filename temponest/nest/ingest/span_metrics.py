"""RED metrics of every span: rate, errors and duration, by the names that Grafana asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..model.series import Metadata
from .latency import Durations, Latency, Sample, series

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
        columns = {name: _plain(table.column(name)) for name in ("service", "name", "kind", "status")}
        grouped = (
            pa.table({**columns, "seconds": durations.seconds, "bucket": durations.buckets})
            .group_by(["service", "name", "kind", "status", "bucket"], use_threads=False)
            .aggregate([("seconds", "sum"), ("seconds", "count")])
        )
        for row in grouped.to_pylist():
            latency = self._of(
                (row["service"] or "", row["name"] or "", row["kind"] or 0, row["status"] or 0)
            )
            latency.counts[row["bucket"]] += row["seconds_count"]
            latency.seconds += row["seconds_sum"]

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


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.string()) if pa.types.is_dictionary(column.type) else column
