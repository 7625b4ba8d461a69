"""What the services of the shop measure of the requests in its traces, as OTLP, oldest first."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE, Metric

from tests.web.encode import pairs
from tests.web.record import CLIENT, SERVER, Record, Value

STEP = 15 * 10**9
BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# What telemetry and the process take of a core, and spans sent, a second.
TELEMETRY, PROCESS, EXPORTED = 0.0021, 0.31, 182.0
Key = tuple[tuple[str, Value], ...]


class Durations:
    """A histogram's series, with the newest trace of each."""

    def __init__(self) -> None:
        self.counts: dict[Key, list[int]] = defaultdict(lambda: [0] * (len(BOUNDS) + 1))
        self.sums: Counter[Key] = Counter()
        self.newest: dict[Key, Record] = {}

    def add(self, key: Key, span: Record) -> None:
        """Count one request."""
        seconds = span.duration / 1e9
        self.counts[key][bisect_left(BOUNDS, seconds)] += 1
        self.sums[key] += seconds  # type: ignore[assignment] # a Counter adds any number
        self.newest[key] = span

    def write(self, metric: Metric, start: int, now: int) -> None:
        """Put every series into a metric."""
        metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        for key, counts in self.counts.items():
            point = metric.histogram.data_points.add(
                start_time_unix_nano=start,
                time_unix_nano=now,
                count=sum(counts),
                sum=float(self.sums[key]),
                bucket_counts=counts,
                explicit_bounds=BOUNDS,
                attributes=pairs(dict(key)),
            )
            if span := self.newest.pop(key, None):
                point.exemplars.add(
                    time_unix_nano=span.start + span.duration,
                    as_double=span.duration / 1e9,
                    trace_id=span.trace_id,
                    span_id=span.span_id,
                )


def shop_metrics(traces: list[list[Record]], first: int, last: int) -> Iterator[ExportMetricsServiceRequest]:
    """One request a step of 15 seconds, oldest first; `first` and `last` are unix nanoseconds."""
    spans = sorted((s for trace in traces for s in trace), key=lambda s: s.start + s.duration)
    by_id = {(s.trace_id, s.span_id): s for s in spans}
    durations = {service: Durations() for service in ("temponest-agents", "temponest-auth")}
    calls: Counter[Key] = Counter()
    failed: Counter[Key] = Counter()
    waited = Durations()
    at = 0
    for now in range(first + STEP, last + 1, STEP):
        while at < len(spans) and spans[at].start + spans[at].duration <= now:
            span = spans[at]
            at += 1
            if span.kind == SERVER:
                key = tuple(
                    (name, span.attributes[name])
                    for name in ("http.route", "http.response.status_code")
                    if name in span.attributes
                )
                durations[span.service].add(key, span)
            edge = _edge(span, by_id)
            if edge:
                calls[edge] += 1
                failed[edge] += bool(span.error)
                waited.add(edge, span)
        request = ExportMetricsServiceRequest()
        for number, (service, seen) in enumerate(durations.items()):
            metrics = _resource(request, service)
            seen.write(metrics.add(name="http.server.request.duration", unit="s"), first, now)
            active = metrics.add(name="http.server.active_requests", unit="{request}").sum
            active.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            active.data_points.add(time_unix_nano=now, as_int=(now // STEP * 7 + number) % 5)
            memory = metrics.add(name="process.memory.usage", unit="By").gauge
            memory.data_points.add(
                time_unix_nano=now, as_int=61_000_000 + number * 9_000_000 + now // STEP % 40 * 20_000
            )
            since = (now - first) / 1e9
            for name, unit, rate in (
                ("temponest.telemetry.cpu.time", "s", TELEMETRY),
                ("process.cpu.time", "s", PROCESS),
                ("otel.sdk.exporter.span.exported", "{span}", EXPORTED),
            ):
                _count(metrics.add(name=name, unit=unit), first, now, {(): since * rate})
        metrics = _resource(request, "service-graph")
        _count(metrics.add(name="traces_service_graph_request"), first, now, dict(calls))
        _count(metrics.add(name="traces_service_graph_request_failed"), first, now, dict(failed))
        waited.write(metrics.add(name="traces_service_graph_request_server", unit="s"), first, now)
        yield request


def calls(traces: list[list[Record]], client: str, server: str) -> int:
    """How often one service calls another."""
    by_id = {(s.trace_id, s.span_id): s for trace in traces for s in trace}
    edge: Key = (("client", client), ("server", server))
    return sum(_edge(span, by_id) == edge for span in by_id.values())


def _resource(request: ExportMetricsServiceRequest, service: str):  # type: ignore[no-untyped-def] # a generated container
    group = request.resource_metrics.add()
    group.resource.attributes.extend(pairs({"service.name": service, "service.instance.id": f"{service}-1"}))
    return group.scope_metrics.add().metrics


def _count(metric: Metric, since: int, now: int, totals: Mapping[Key, float]) -> None:
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.is_monotonic = True
    for key, total in totals.items():
        metric.sum.data_points.add(
            start_time_unix_nano=since,
            time_unix_nano=now,
            as_double=float(total),
            attributes=pairs(dict(key)),
        )


def _edge(span: Record, by_id: dict[tuple[bytes, bytes], Record]) -> Key | None:
    """Who calls whom, where a span is the side that answers, or a call to what sends no spans."""
    if span.kind == SERVER:
        above = by_id.get((span.trace_id, span.parent_id))
        return (("client", above.service), ("server", span.service)) if above else None
    if span.kind == CLIENT:
        server = span.attributes.get("db.system.name") or span.attributes.get("server.address")
        if server and server != "localhost":
            return (("client", span.service), ("server", server))
    return None
