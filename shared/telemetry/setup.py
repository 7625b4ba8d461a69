"""The wiring, once a process: who the service is, what it samples, where its data goes.

What the guide calls as `setup_tracing` and `setup_metrics` meets here; either works without the other.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from . import choices, config, deferred, lifecycle
from .trace.late import LateTracer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.view import View
    from opentelemetry.sdk.trace import SpanLimits
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from .metrics import MeterProvider
    from .otlp.batch import BatchQueue, Counts
    from .otlp.exporter import Exporter
    from .otlp.request import Signal
    from .otlp.target import Target
    from .resource import Identity

_log = logging.getLogger("shared.telemetry")
_lock = threading.Lock()
_identity: Identity | None = None
_tracing: trace.TracerProvider | None = None
_metrics: metrics.MeterProvider | None = None
_spans: BatchQueue | None = None
_span_target: Target | None = None
# Set by `testing`: nothing may be sent, and what it had to set up before the application does.
_sends = True
_rehearsed: set[Signal] = set()


def setup_tracing(
    service_name: str | None = None,
    service_version: str = "",
    environment: str | None = None,
    otlp_endpoint: str | None = None,
    enable_console_export: bool = False,
    *,
    sampler: Sampler | None = None,
    keep_errors: bool = False,
    keep_slower_than: float | None = None,
    id_generator: IdGenerator | None = None,
    span_limits: SpanLimits | None = None,
) -> trace.TracerProvider:
    """Record traces in this process and send them by OTLP.

    Sets the global tracer provider, so that tracers taken before record from now on, and instruments the
    libraries of the guide whether they are imported already or later. The first call decides; another one
    changes nothing and says so. With telemetry switched off it does nothing.

    Args:
        service_name: `agents` is seen as `temponest-agents`; `OTEL_SERVICE_NAME` wins as it stands.
        service_version: `service.version`.
        environment: `deployment.environment.name`; without it `ENVIRONMENT`, then `development`.
        otlp_endpoint: where to send, in place of `OTEL_EXPORTER_OTLP_ENDPOINT`; an address with port 4318 or
            a path of `/v1/traces` is spoken to over HTTP, any other over gRPC. Default `http://localhost:4317`.
        enable_console_export: also print each trace, one line a span.
        sampler: any sampler of the OpenTelemetry SDK; `OTEL_TRACES_SAMPLER` without it. Give
            `ParentBased(TraceIdRatioBased(0.1))` to keep a tenth and follow what callers decided.
        keep_errors: send traces that were not sampled, too, when their local root fails.
        keep_slower_than: the same for local roots that take at least this many seconds.
        id_generator: makes the ids; random ones without.
        span_limits: counts and lengths; `OTEL_*_LIMIT` without.

    Returns:
        The global tracer provider.
    """
    global _tracing, _spans, _span_target
    choices.set_propagators()
    off = config.disabled()
    if off is not None:
        _log.info("telemetry: traces are off, because %s", off)
        return trace.get_tracer_provider()
    with _lock:
        from .otlp.request import Signal
        from .trace.provider import TracerProvider

        if isinstance(_tracing, TracerProvider) and Signal.TRACES in _rehearsed:
            _rehearsed.remove(Signal.TRACES)
            _tracing.update_resource(_identify(service_name, service_version, environment).resource)
            _instrument()
            return _tracing
        if _tracing is not None:
            _log.warning("telemetry: setup_tracing was called again; the first call stays in force")
            return _tracing
        identity = _identify(service_name, service_version, environment)
        chosen = choices.sampler() if sampler is None else sampler
        provider = TracerProvider(
            resource=identity.resource,
            sampler=chosen,
            id_generator=id_generator,
            span_limits=choices.span_limits() if span_limits is None else span_limits,
            keep_errors=keep_errors,
            keep_slower_than=keep_slower_than,
        )

        def follow_fork() -> None:
            provider.update_resource(identity.resource)

        lifecycle.on_fork(follow_fork)
        wanted = _exporters("OTEL_TRACES_EXPORTER")
        where = []
        if "otlp" in wanted and (exporter := _exporter(Signal.TRACES, otlp_endpoint)) is not None:
            _spans, _span_target = _span_queue(identity, exporter), exporter.target
            _spans.gather = deferred.settle
            provider.send_to(_spans.put, _spans.flush, together=True)
            where.append(f"to {exporter.target.way} by {exporter.target.protocol}")
        if enable_console_export or "console" in wanted:
            from .trace.console import ConsoleProcessor

            provider.add_span_processor(ConsoleProcessor())
            where.append("to the console")
        _tracing = provider
    trace.set_tracer_provider(provider)
    _instrument()
    _log.info(
        "telemetry: traces of %s go %s, sampled by %s",
        identity.name,
        " and ".join(where) or "nowhere",
        _short(chosen),
    )
    return provider


def setup_metrics(
    service_name: str | None = None,
    service_version: str = "",
    environment: str | None = None,
    otlp_endpoint: str | None = None,
    export_interval_millis: float | None = None,
    *,
    views: Sequence[View] = (),
) -> metrics.MeterProvider:
    """Record metrics in this process and send them by OTLP.

    Sets the global meter provider, so that meters taken before record from now on. The first call decides;
    another one changes nothing and says so. With telemetry switched off it does nothing.

    Args:
        service_name: as for `setup_tracing`, whose name is used without one; so for the next three.
        service_version: `service.version`.
        environment: `deployment.environment.name`.
        otlp_endpoint: where to send; over HTTP to `/v1/metrics`.
        export_interval_millis: milliseconds between exports; `OTEL_METRIC_EXPORT_INTERVAL`, then 60000.
        views: views of the OpenTelemetry SDK.

    Returns:
        The global meter provider.
    """
    global _metrics
    off = config.disabled()
    if off is not None:
        _log.info("telemetry: metrics are off, because %s", off)
        return metrics.get_meter_provider()
    with _lock:
        from .metrics import MeterProvider
        from .metrics.service import observe_service
        from .otlp.request import Signal

        if isinstance(_metrics, MeterProvider) and Signal.METRICS in _rehearsed:
            _rehearsed.remove(Signal.METRICS)
            _metrics.resource = _identify(service_name, service_version, environment).resource
            observe_service(_metrics, _span_pipeline)
            return _metrics
        if _metrics is not None:
            _log.warning("telemetry: setup_metrics was called again; the first call stays in force")
            return _metrics
        identity = _identify(service_name, service_version, environment)
        provider = MeterProvider(resource=identity.resource, views=views, shutdown_on_exit=False)
        where = []
        wanted = _exporters("OTEL_METRICS_EXPORTER")
        if "otlp" in wanted and (exporter := _exporter(Signal.METRICS, otlp_endpoint)) is not None:
            every = _send_metrics(provider, identity, exporter, export_interval_millis)
            where.append(f"to {exporter.target.way} by {exporter.target.protocol} every {every:g} s")
        if "console" in wanted:
            _print_metrics(provider, export_interval_millis)
            where.append("to the console")
        if "prometheus" in wanted:
            where.append(_serve_metrics(provider))

        def follow_fork() -> None:
            provider.resource = identity.resource

        lifecycle.on_fork(follow_fork)
        _metrics = provider
    metrics.set_meter_provider(provider)
    observe_service(provider, _span_pipeline)
    _log.info("telemetry: metrics of %s go %s", identity.name, " and ".join(where) or "nowhere")
    return provider


def span_counts() -> Counts | None:
    """What became of the spans that ended in this process; None while none are sent anywhere."""
    return None if _spans is None else _spans.counts()


def _span_pipeline() -> tuple[BatchQueue, Target] | None:
    return None if _spans is None or _span_target is None else (_spans, _span_target)


def get_tracer(name: str, version: str = "") -> trace.Tracer:
    """A tracer for custom spans; one taken before `setup_tracing` records once that was called.

    Args:
        name: the module that records, usually `__name__`.
        version: its version.
    """
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return LateTracer(name, version)
    return provider.get_tracer(name, version)


def get_meter(name: str, version: str = "") -> metrics.Meter:
    """A meter for custom metrics; one taken before `setup_metrics` records once that was called.

    Args:
        name: the module that records, usually `__name__`.
        version: its version.
    """
    return metrics.get_meter(name, version)


def _short(sampler: Sampler) -> str:
    """The sampler's description; of a parent-based one, only what decides for traces that start here."""
    description = sampler.get_description()
    kind, _, rest = description.partition("{root:")
    return f"{kind}({rest.partition(',remote')[0]})" if rest else description


def _identify(name: str | None, version: str, environment: str | None) -> Identity:
    """The identity for these arguments; what is left out is as the other signal said it."""
    global _identity
    from .resource import Identity

    if _identity is None:
        _identity = Identity(name, version, environment)
        return _identity
    return _identity.but(name, version, environment)


def _instrument() -> None:
    from .instrument import instrument_all

    instrument_all(disabled=config.words("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ""))


def _exporters(variable: str) -> list[str]:
    if not _sends:
        return []
    wanted = [word.lower() for word in config.words(variable, "otlp")]
    for word in wanted:
        if word not in {"otlp", "console", "none", "prometheus"}:
            config.tell_once(f"{variable}: {word!r} is not known; leaving it out")
    return [] if "none" in wanted else wanted


def _exporter(signal: Signal, endpoint: str | None) -> Exporter | None:
    from .otlp.exporter import Exporter
    from .otlp.target import Target
    from .otlp.transport import transport_for

    target = Target.from_environment(signal, endpoint)
    try:
        exporter = Exporter(target, transport_for(target))
    except ImportError as error:
        config.tell_once(str(error))
        return None
    lifecycle.on_fork(exporter.reset)
    return exporter


def _span_queue(identity: Identity, exporter: Exporter) -> BatchQueue:
    from .otlp.batch import BatchQueue
    from .otlp.request import Signal

    queue = BatchQueue(Signal.TRACES, exporter, identity.encoded, config.Batching.from_environment())

    def flush(deadline: float) -> None:
        queue.flush(deadline - time.monotonic())

    exporter.lost = lambda: sum(queue.counts().dropped.values())
    lifecycle.on_shutdown(flush)
    lifecycle.on_fork(queue.reset)
    return queue


def _send_metrics(
    provider: MeterProvider, identity: Identity, exporter: Exporter, interval_millis: float | None
) -> float:
    """Export periodically; the seconds between two exports."""
    from .metrics import PeriodicReader, preferences
    from .otlp.metrics import OtlpMetricsExporter

    interval = _interval(interval_millis)
    wanted = preferences(
        config.choice(
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            {"cumulative", "delta", "lowmemory"},
            "cumulative",
        ),
        config.choice(
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            {"explicit_bucket_histogram", "base2_exponential_bucket_histogram"},
            "explicit_bucket_histogram",
        ),
    )
    provider.add_metric_reader(
        PeriodicReader(OtlpMetricsExporter(exporter, identity.encoded), interval, preferences=wanted)
    )

    def flush(deadline: float) -> None:
        exporter.hurry(deadline)
        try:
            provider.flush_until(deadline)
        finally:
            exporter.hurry(None)

    lifecycle.on_shutdown(flush)
    return interval


def _interval(millis: float | None) -> float:
    """Seconds between two exports of metrics."""
    if millis is None or not millis > 0:
        if millis is not None:
            config.tell_once("export_interval_millis must be above 0; using the default")
        millis = config.integer("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 1)
    return millis / 1000


def _print_metrics(provider: MeterProvider, interval_millis: float | None) -> None:
    from .metrics import PeriodicReader
    from .metrics.console import ConsoleMetricsExporter

    reader = PeriodicReader(ConsoleMetricsExporter(), _interval(interval_millis))
    provider.add_metric_reader(reader)

    def flush(deadline: float) -> None:
        reader.flush(deadline)

    lifecycle.on_shutdown(flush)


def _serve_metrics(provider: MeterProvider) -> str:
    from .metrics.scrape import ScrapeServer

    try:
        return f"to whoever scrapes {ScrapeServer(provider).address}"
    except OSError as error:
        config.tell_once(f"cannot serve metrics to Prometheus: {error}")
        return "nowhere"
