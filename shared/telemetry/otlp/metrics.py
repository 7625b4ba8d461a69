"""Metrics as OTLP protobuf: points to bytes, and the exporter that sends them.

Field numbers are those of opentelemetry/proto/metrics/v1/metrics.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from ..metrics.points import (
    Buckets,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    Metric,
    NumberPoint,
    Point,
    ScopeMetrics,
)
from .attributes import attributes_of
from .batch import REQUEST_BYTES, Sender
from .request import Signal, assemble
from .spans import encode_scope
from .wire import double, fixed64, message, text, varint

_NAME, _DESCRIPTION, _UNIT = b"\x0a", b"\x12", b"\x1a"
_DATA = {
    Kind.GAUGE: b"\x2a",
    Kind.SUM: b"\x3a",
    Kind.HISTOGRAM: b"\x4a",
    Kind.EXPONENTIAL_HISTOGRAM: b"\x52",
}
_POINT, _TEMPORALITY, _MONOTONIC = b"\x0a", b"\x10", b"\x18\x01"
_START, _TIME = b"\x11", b"\x19"


def _signed(value: int) -> bytes:
    """A signed 64-bit integer as sfixed64, which does not wrap: beyond its range it stays at the end."""
    return struct.pack("<q", max(-(1 << 63), min(value, (1 << 63) - 1)))


def _number(as_double: bytes, as_int: bytes, value: float) -> bytes:
    if isinstance(value, int):
        return as_int + _signed(value)
    return as_double + double.pack(value)


def _exemplars(tag: bytes, exemplars: Iterable[Exemplar]) -> bytes:
    return b"".join([message(tag, _exemplar(exemplar)) for exemplar in exemplars])


def _exemplar(exemplar: Exemplar) -> bytes:
    parts = [
        b"\x11",
        fixed64.pack(exemplar.time_unix_nano),
        _number(b"\x19", b"\x31", exemplar.value),
        attributes_of(b"\x3a", exemplar.filtered_attributes),
    ]
    if exemplar.trace_id:
        parts.append(message(b"\x22", exemplar.span_id.to_bytes(8, "big")))
        parts.append(message(b"\x2a", exemplar.trace_id.to_bytes(16, "big")))
    return b"".join(parts)


def _number_point(point: NumberPoint) -> bytes:
    start = point.start_time_unix_nano
    return b"".join(
        (
            attributes_of(b"\x3a", point.attributes),
            b"" if start is None else _START + fixed64.pack(start),
            _TIME,
            fixed64.pack(point.time_unix_nano),
            _number(b"\x21", b"\x31", point.value),
            _exemplars(b"\x2a", point.exemplars),
        )
    )


def _histogram_point(point: HistogramPoint) -> bytes:
    counts, bounds = point.bucket_counts, point.explicit_bounds
    return b"".join(
        (
            attributes_of(b"\x4a", point.attributes),
            _START,
            fixed64.pack(point.start_time_unix_nano),
            _TIME,
            fixed64.pack(point.time_unix_nano),
            b"\x21",
            fixed64.pack(point.count),
            b"\x29",
            double.pack(point.sum),
            message(b"\x32", struct.pack(f"<{len(counts)}Q", *counts)),
            message(b"\x3a", struct.pack(f"<{len(bounds)}d", *bounds)) if bounds else b"",
            _exemplars(b"\x42", point.exemplars),
            b"" if point.min is None else b"\x59" + double.pack(point.min),
            b"" if point.max is None else b"\x61" + double.pack(point.max),
        )
    )


def _buckets(tag: bytes, buckets: Buckets) -> bytes:
    if not buckets.counts:
        return b""
    offset = (buckets.offset << 1) ^ (buckets.offset >> 63)
    counts = b"".join([varint(count) for count in buckets.counts])
    return message(tag, b"\x08" + varint(offset) + message(b"\x12", counts))


def _exponential_point(point: ExponentialPoint) -> bytes:
    return b"".join(
        (
            attributes_of(b"\x0a", point.attributes),
            _START,
            fixed64.pack(point.start_time_unix_nano),
            _TIME,
            fixed64.pack(point.time_unix_nano),
            b"\x21",
            fixed64.pack(point.count),
            b"\x29",
            double.pack(point.sum),
            b"\x30",
            varint((point.scale << 1) ^ (point.scale >> 63)),
            b"\x39",
            fixed64.pack(point.zero_count),
            _buckets(b"\x42", point.positive),
            _buckets(b"\x4a", point.negative),
            _exemplars(b"\x5a", point.exemplars),
            b"" if point.min is None else b"\x61" + double.pack(point.min),
            b"" if point.max is None else b"\x69" + double.pack(point.max),
        )
    )


def _point(point: Point) -> bytes:
    if isinstance(point, NumberPoint):
        return _number_point(point)
    if isinstance(point, HistogramPoint):
        return _histogram_point(point)
    return _exponential_point(point)


def encode_metric(metric: Metric) -> bytes:
    """The body of a `Metric` message."""
    data = [message(_POINT, _point(point)) for point in metric.points]
    if metric.kind is not Kind.GAUGE:
        data.append(_TEMPORALITY + varint(metric.temporality.value))
        if metric.kind is Kind.SUM and metric.monotonic:
            data.append(_MONOTONIC)
    return b"".join(
        (
            text(_NAME, metric.name),
            text(_DESCRIPTION, metric.description),
            text(_UNIT, metric.unit),
            message(_DATA[metric.kind], b"".join(data)),
        )
    )


def requests(resource: bytes, metrics: Iterable[ScopeMetrics], most: int = REQUEST_BYTES) -> Iterable[bytes]:
    """`ExportMetricsServiceRequest`s that together hold the metrics, none much larger than `most` bytes.

    A metric is never split, so that one metric larger than `most` still goes out, by itself.

    Args:
        resource: the encoded `Resource`.
        metrics: what a collection yielded.
        most: bytes of metrics in one request; gRPC servers refuse more than 4 MiB unless told otherwise.
    """
    groups: list[tuple[bytes, Sequence[bytes]]] = []
    size = 0
    for of_scope in metrics:
        scope = encode_scope(of_scope.scope)
        records: list[bytes] = []
        for metric in of_scope.metrics:
            record = encode_metric(metric)
            if size and size + len(record) > most:
                if records:
                    groups.append((scope, records))
                yield assemble(resource, groups)
                groups, records, size = [], [], 0
            records.append(record)
            size += len(record)
        if records:
            groups.append((scope, records))
    if groups:
        yield assemble(resource, groups)


class OtlpMetricsExporter:
    """Encodes metrics and sends them by OTLP.

    Args:
        sender: delivers requests, with retries.
        resource: the encoded `Resource` of this process; asked for each export, since a fork changes it.
    """

    def __init__(self, sender: Sender, resource: Callable[[], bytes]) -> None:
        self._sender = sender
        self._resource = resource

    def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
        """Send; False when a receiver did not take everything by the `time.monotonic()` deadline."""
        taken = True
        for body in requests(self._resource(), metrics):
            taken = self._sender.export(Signal.METRICS, body, deadline).ok and taken
        return taken

    def close(self) -> None:
        """Cut waiting between attempts short."""

    def reset(self) -> None:
        """Forget the parent's connection in a forked child."""
        self._sender.reset()
